"""Faultline under uvicorn, in one process: ``python -m serve [--host 127.0.0.1] [--port 8501]``.

Settings of the server come from the environment:

``FAULTLINE_ALLOWED_HOSTS``
    Comma-separated host names that the server answers to besides the loopback names and the one it is bound to, such as
    ``app.example.org,*.lab.example.org``; ``*`` for all. Bound to all addresses (``0.0.0.0``), all unless set.
``FAULTLINE_MAX_SESSIONS``
    How many browser sessions may be open at once (default 200).

Settings of Streamlit live in ``.streamlit/config.toml``.
"""

from __future__ import annotations

import argparse
import base64
import gc
import hashlib
import importlib
import ipaddress
import logging
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
import uvicorn
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from debuggers.debugger import all_debuggers
from debuggers.errors import InputError

APP = Path(__file__).with_name("app.py")

# Imported before the first visitor comes, so that nobody waits for it and `gc.freeze` covers it.
WARM = (
    "altair",
    "duckdb",
    "pandas",
    "plotly.subplots",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.neighbors",
    "statsmodels.nonparametric.smoothers_lowess",
    "statsmodels.stats.multitest",
    "components.load_form",
    "components.loader",
    "components.page",
)

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
MEGABYTE = 2**20
log = logging.getLogger("faultline")


class BadSetting(InputError):
    """A setting that the server cannot start with."""


@dataclass(frozen=True)
class Settings:
    """Where the server listens and what it allows.

    Parameters
    ----------
    allowed_hosts : tuple of str
        Host names that requests may name; ``("*",)`` for all.
    max_sessions : int
        Sessions that may be open at once.
    """

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    max_sessions: int

    @classmethod
    def read(cls, host: str, port: int, environ: Mapping[str, str]) -> Settings:
        """Join the command line's address with the environment's limits.

        Raises
        ------
        BadSetting
            An environment variable has a value that means nothing.
        """
        named = tuple(name.strip() for name in environ.get("FAULTLINE_ALLOWED_HOSTS", "").split(",") if name.strip())
        for name in named:
            if "*" in name.removeprefix("*.") and name != "*":
                raise BadSetting(f"FAULTLINE_ALLOWED_HOSTS cannot hold {name!r}: write a name, *.domain, or * for all.")
        limit = environ.get("FAULTLINE_MAX_SESSIONS", "200")
        if not limit.isdecimal() or int(limit) < 1:
            raise BadSetting(f"FAULTLINE_MAX_SESSIONS cannot be {limit!r}: expected a whole number of at least 1.")
        hosts = ("*",) if not named and is_wildcard(host) else (*LOOPBACK, in_url(host), *named)
        return cls(host, port, hosts, int(limit))


def is_wildcard(host: str) -> bool:
    """Whether a host to bind to means all addresses of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def in_url(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


# --- middleware: plain ASGI, since Starlette's base class would copy every message of a websocket -------------------


def content_security_policy() -> str:
    """Return the policy under which a page may load only what this server sends.

    Names in a stranger's table can be markdown: without a policy a column called ``![x](http://...)`` makes every
    browser that shows it ask that host. Streamlit needs inline styles, workers made from blobs, and WebAssembly. Its
    one inline script is allowed by its hash. Nothing needs eval but plotly's flat WebGL traces (``Scattergl``), so
    those are not used.
    """
    index = Path(st.__file__).parent / "static" / "index.html"
    inline = re.findall(r"<script>(.*?)</script>", index.read_text("utf-8"), flags=re.DOTALL)
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in inline)
    scripts = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'wasm-unsafe-eval' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "frame-ancestors 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        ]
    )


class SecurityHeaders:
    """Adds to every response what a browser needs to keep strangers out of the page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = {
            "content-security-policy": content_security_policy(),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class SameOriginSockets:
    """Refuses a websocket that a page of another site opens.

    Streamlit itself also accepts pages of any other port of the machine, and asks a host on the internet for the
    machine's address before it refuses the rest. A proxy in front has to pass the Host header on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "websocket":
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != headers.get("host"):
                reason = "This address opens only from Faultline's own pages; a proxy has to pass the Host header on."
                await PlainTextResponse(reason, status_code=403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class SessionLimit:
    """Bounds the open sessions: the server says that it is full instead of slowing down for everybody.

    A session is an open websocket. A refused one cannot say why in the browser, so the page itself is refused too.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count it, or answer 503."""
        scope.setdefault("state", {})["sessions"] = {"open": self.open, "limit": self.limit}
        is_session = scope["type"] == "websocket"
        if self.open >= self.limit and (is_session or is_page(scope)):
            reason = f"All {self.limit} sessions of this server are in use: close a tab, or try again in a minute."
            await PlainTextResponse(reason, 503, {"retry-after": "60"})(scope, receive, send)
            return
        self.open += is_session
        try:
            await self.app(scope, receive, send)
        finally:
            self.open -= is_session


def is_page(scope: Scope) -> bool:
    """Whether a browser asks for a page, not for one of its parts."""
    return scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", "")


# --- the application ------------------------------------------------------------------------------------------------


async def ready(request: Request) -> JSONResponse:
    """Tell a load balancer whether one more session fits."""
    sessions = request.scope["state"]["sessions"]
    is_free = sessions["open"] < sessions["limit"]
    return JSONResponse({"ready": is_free, "sessions": sessions}, status_code=200 if is_free else 503)


def report_failure(error: Exception) -> bool:
    """Show an id of an unforeseen error; what happened stands in the log under that id."""
    reference = secrets.token_hex(4)
    log.error("Unforeseen error %s", reference, exc_info=error)
    st.error(
        "Something went wrong on this page; what you loaded is kept. Go back or change the last input, and "
        f"report the id {reference} if it happens again: the server's log says more under it."
    )
    return True


def guards(settings: Settings) -> list[Middleware]:
    """Return what stands between a request and the app, the outermost first."""
    return [
        Middleware(SecurityHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts, www_redirect=False),
        Middleware(SameOriginSockets),
        Middleware(SessionLimit, limit=settings.max_sessions),
    ]


def create_app(settings: Settings) -> st.App:
    """Return the ASGI application: the app, its limits and its headers."""

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:
        for name in WARM:
            importlib.import_module(name)
        all_debuggers()
        # Streamlit collects garbage after every run: without the libraries' objects that takes no time.
        gc.collect()
        gc.freeze()
        print(f"Faultline is ready: {url(settings)}", flush=True)  # noqa: T201 - the one line of a server that starts
        yield
        gc.unfreeze()

    return st.App(
        APP,
        lifespan=lifespan,
        routes=[Route("/ready", ready)],
        middleware=guards(settings),
        on_script_error=report_failure,
    )


def url(settings: Settings) -> str:
    """Return the address to open in a browser on this machine."""
    host = "localhost" if is_wildcard(settings.host) else in_url(settings.host)
    return f"http://{host}:{settings.port}"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    BadSetting
        The address is in use or not this machine's.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise BadSetting(
            f"Cannot listen on {in_url(host)}:{port} ({reason}): "
            "choose another address with --host or --port (make run PORT=8502)."
        ) from error
    # Accepted connections inherit it; asyncio sets it only on sockets that were made in another way.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(settings: Settings, listener: socket.socket) -> None:
    """Run the application until the process is told to stop."""
    app = create_app(settings)  # first: it tells Streamlit where its settings are
    options: dict[str, Any] = {
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "ws_max_size": st.get_option("server.maxMessageSize") * MEGABYTE,
        "ws_per_message_deflate": False,  # as Streamlit has it: the messages are small or compressed already
        "timeout_graceful_shutdown": 5,
    }
    # Ends by an exception, not by the signal, so that what was registered to run at exit runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.Server(uvicorn.Config(app, **options)).run(sockets=[listener])


def port_number(text: str) -> int:
    """Read a port from the command line."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, serve, and return the exit code: 0, or 2 for a setting that does not work."""
    parser = argparse.ArgumentParser(prog="python -m serve", description="Serve Faultline.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port_number, default=8501, help="0 for any free one (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        listener = listen(chosen.host, chosen.port)
        serve(Settings.read(chosen.host, listener.getsockname()[1], os.environ), listener)
    except BadSetting as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command line
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
