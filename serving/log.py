"""The server's log: one JSON object per line on standard error, with the id of the request, and no personal data.

What is written of a request is its method, the first two parts of its path, status and duration: no address, no query
(which holds the token of a link), no cookie. Of an exception it is the type and where it was raised; its message may
quote a table, so it is written only under ``FAULTLINE_LOG=full``.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("faultline.request")
request_id: ContextVar[str] = ContextVar("request_id", default="")
FOREIGN = ("streamlit", "uvicorn", "websockets")
FACTS = ("method", "path", "status", "ms", "deleted", "unfinished")
ID = re.compile(r"[\w-]{1,64}", re.ASCII)
BAD_REQUEST = 400


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object.

    Parameters
    ----------
    full : bool
        Whether messages of exceptions are written, which may quote data.
    """

    def __init__(self, *, full: bool) -> None:
        super().__init__()
        self._full = full

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if request_id.get():
            line["request"] = request_id.get()
        line |= {name: getattr(record, name) for name in FACTS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            line |= self._failure(*record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)

    def _failure(
        self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> dict[str, Any]:
        at = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        facts: dict[str, Any] = {"error": f"{kind.__module__}.{kind.__qualname__}", "at": at}
        if self._full:
            facts["message"] = str(error)
        return facts


def configure(*, full: bool) -> None:
    """Send every log of this process, those of Streamlit and the server included, through `JsonLines`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(full=full))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("faultline").setLevel(logging.INFO)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] in FOREIGN and isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.WARNING)


class RequestLog:
    """Gives every request an id, answers with it, and logs pages, sessions and refusals."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log its end; a proxy may name the id in ``X-Request-ID``."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        reset = request_id.set(given if ID.fullmatch(given) else secrets.token_hex(6))
        started, status = time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id.get()
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            if scope["type"] == "websocket" or status >= BAD_REQUEST or _is_page(scope):
                milliseconds = round(1000 * (time.monotonic() - started), 1)
                facts = {"method": scope.get("method", "WEBSOCKET"), "path": _short(scope["path"])}
                log.info("request", extra={**facts, "status": status, "ms": milliseconds})
            request_id.reset(reset)


def _is_page(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


def _short(path: str) -> str:
    """Return the first two parts of a path: what follows may name a session or a file."""
    return "/" + "/".join(path.split("/")[1:3])
