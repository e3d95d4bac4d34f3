"""Middleware: plain ASGI, since Starlette's base class would copy every message of a websocket."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from components.saving import COOKIE
from serving.log import RequestLog
from serving.settings import Settings

YEAR = 365 * 86_400


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

    A session is an open websocket. A server that is stopping takes none. A refused one cannot say why in the browser,
    so the page itself is refused too.
    """

    def __init__(self, app: ASGIApp, limit: int, stopping: Event) -> None:
        self.app = app
        self.limit = limit
        self.stopping = stopping
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count it, or answer 503."""
        scope.setdefault("state", {})["sessions"] = {"open": self.open, "limit": self.limit}
        is_session = scope["type"] == "websocket"
        if self.stopping.is_set() and (is_session or is_page(scope)):
            reason = "This server is stopping: try again in a minute."
            await PlainTextResponse(reason, 503, {"retry-after": "60"})(scope, receive, send)
            return
        if self.open >= self.limit and (is_session or is_page(scope)):
            reason = f"All {self.limit} sessions of this server are in use: close a tab, or try again in a minute."
            await PlainTextResponse(reason, 503, {"retry-after": "60"})(scope, receive, send)
            return
        self.open += is_session
        try:
            await self.app(scope, receive, send)
        finally:
            self.open -= is_session


class VisitorCookie:
    """Gives a browser a name of its own, which nobody can guess, so that it finds its saved work again."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a page for a browser without a name brings one along."""
        if not is_page(scope) or COOKIE in HTTPConnection(scope).cookies:
            await self.app(scope, receive, send)
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={secrets.token_urlsafe(24)}; Path=/; Max-Age={YEAR}; HttpOnly; SameSite=Lax{secure}"

        async def send_with_name(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_name)


def is_page(scope: Scope) -> bool:
    """Whether a browser asks for a page, not for one of its parts."""
    return scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", "")


def guards(settings: Settings, stopping: Event) -> list[Middleware]:
    """Return what stands between a request and the app, the outermost first."""
    return [
        Middleware(RequestLog),
        Middleware(SecurityHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts, www_redirect=False),
        Middleware(SameOriginSockets),
        Middleware(SessionLimit, limit=settings.max_sessions, stopping=stopping),
        Middleware(VisitorCookie),
    ]
