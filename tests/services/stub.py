"""A prediction service on this machine that answers as real ones do, or as broken ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], bytes]
Reply = Callable[[str, str, Any], Answer]


@dataclass
class Stub:
    """A service that runs: its address, and what it was asked."""

    url: str
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    """Return an answer of JSON."""
    return status, headers, json.dumps(body).encode()


@contextmanager
def serving(reply: Reply) -> Iterator[Stub]:
    """Answer requests with ``reply(method, path, question)`` on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do("GET")

        def do_POST(self) -> None:
            self._do("POST")

        def _do(self, method: str) -> None:
            stub.asked.append((method, self.path, dict(self.headers.items())))
            length = int(self.headers.get("content-length") or 0)
            question = json.loads(self.rfile.read(length)) if length else None
            status, headers, body = reply(method, self.path, question)
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub = Stub(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
