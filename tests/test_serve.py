"""What stands between a request and the app: hosts, origins, sessions, headers; and the command that starts it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Event
from typing import Any, TypeVar

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

import serve
from debuggers.sandbox import jail
from serving import health
from serving.guards import guards
from serving.settings import BadSetting, Settings

T = TypeVar("T")


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns; in a thread, for a browser of other tests may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


STREAM = "/_stcore/stream"
PAGE = {"accept": "text/html,application/xhtml+xml"}


def settings(host: str = "127.0.0.1", **environ: str) -> Settings:
    return Settings.read(host, 8501, environ)


def guarded(chosen: Settings) -> Starlette:
    """Return a tiny app behind the same guards as Faultline."""

    async def page(_: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive()

    stopping = Event()
    app = Starlette(
        routes=[Route("/", page), *health.routes(stopping), WebSocketRoute(STREAM, stream)],
        middleware=guards(chosen, stopping),
    )
    app.state.stopping = stopping
    return app


async def fetch(app: Starlette, path: str = "/", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8501") as client:
        return await client.get(path, headers=headers)


def get(chosen: Settings, **headers: str) -> httpx.Response:
    return finished(fetch(guarded(chosen), **headers))


@asynccontextmanager
async def opened(app: Starlette, **headers: str) -> AsyncIterator[int]:
    """Open a websocket and keep it open; yield the status of the answer, 101 where it was accepted."""
    leave = asyncio.Event()
    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    messages: list[Message] = [{"type": "websocket.connect"}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await leave.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        if not status.done():
            status.set_result(message.get("status", 101))

    headers = {"host": "127.0.0.1:8501", **headers}
    scope = {
        "type": "websocket",
        "path": STREAM,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}},
    }
    connection = asyncio.create_task(app(scope, receive, send))
    try:
        yield await status
    finally:
        leave.set()
        await connection


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:9000", "[::1]:8501", "LOCALHOST"])
def test_the_server_answers_to_loopback_names_on_any_port(host: str) -> None:
    assert get(settings(), host=host).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8501", "", "a b"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    assert get(settings(), host=host).status_code == 400


@pytest.mark.parametrize(
    ("bound", "environ", "host", "status"),
    [
        ("192.0.2.7", {}, "192.0.2.7", 200),
        ("192.0.2.7", {}, "192.0.2.8", 400),
        ("2001:db8::1", {}, "[2001:db8::1]:8501", 200),
        ("0.0.0.0", {}, "any.example", 200),
        ("::", {}, "any.example", 200),
        ("0.0.0.0", {"FAULTLINE_ALLOWED_HOSTS": "app.example, *.lab.example"}, "app.example", 200),
        ("0.0.0.0", {"FAULTLINE_ALLOWED_HOSTS": "app.example, *.lab.example"}, "a.lab.example", 200),
        ("0.0.0.0", {"FAULTLINE_ALLOWED_HOSTS": "app.example, *.lab.example"}, "any.example", 400),
        ("0.0.0.0", {"FAULTLINE_ALLOWED_HOSTS": "app.example"}, "127.0.0.1", 200),
        ("127.0.0.1", {"FAULTLINE_ALLOWED_HOSTS": "*"}, "any.example", 200),
    ],
)
def test_which_hosts_are_allowed_follows_from_the_address_and_the_environment(
    bound: str, environ: Mapping[str, str], host: str, status: int
) -> None:
    assert get(settings(bound, **environ), host=host).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8501", 101),
        ("https://127.0.0.1:8501", 101),  # a proxy in front speaks TLS
        ("http://127.0.0.1:3000", 403),
        ("http://localhost:8501", 403),
        ("http://evil.example", 403),
        ("null", 403),
    ],
)
def test_only_our_own_pages_open_a_websocket(origin: str, status: int) -> None:
    async def attempt() -> int:
        async with opened(guarded(settings()), origin=origin) as answer:
            return answer

    assert finished(attempt()) == status


def test_a_program_that_names_no_origin_opens_a_websocket() -> None:
    async def attempt() -> int:
        async with opened(guarded(settings())) as answer:
            return answer

    assert finished(attempt()) == 101


def test_a_full_server_refuses_sessions_and_pages_until_one_is_closed() -> None:
    async def scenario() -> None:
        app = guarded(settings(FAULTLINE_MAX_SESSIONS="1"))
        async with opened(app) as first:
            assert first == 101
            async with opened(app) as second:
                assert second == 503
            page = await fetch(app, **PAGE)
            assert page.status_code == 503
            assert "All 1 sessions" in page.text
            assert page.headers["retry-after"] == "60"
            assert (await fetch(app)).status_code == 200, "the parts of a page that is open already still load"
            full = await fetch(app, "/ready")
            assert (full.status_code, full.json()["sessions"]) == (503, {"open": 1, "limit": 1})
        assert (await fetch(app, "/ready")).json() == {
            "ready": True,
            "stopping": False,
            "sessions": {"open": 0, "limit": 1},
        }
        assert (await fetch(app, **PAGE)).status_code == 200

    finished(scenario())


def test_a_server_that_stops_takes_no_more_sessions_and_lives_until_it_is_done() -> None:
    async def scenario() -> None:
        app = guarded(settings())
        app.state.stopping.set()
        async with opened(app) as status:
            assert status == 503
        page = await fetch(app, **PAGE)
        assert (page.status_code, "stopping" in page.text) == (503, True)
        ready = await fetch(app, "/ready")
        assert (ready.status_code, ready.json()["stopping"]) == (503, True)
        alive = await fetch(app, "/health")
        assert (alive.status_code, alive.json()["alive"]) == (200, True)
        assert alive.json()["jail"] == jail.support().as_dict()

    finished(scenario())


def test_a_browser_gets_a_name_of_its_own_with_its_first_page() -> None:
    first, second = (get(settings(), **PAGE).headers["set-cookie"] for _ in range(2))
    assert first != second
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(first.split("; "))
    assert len(first.partition(";")[0]) > 40
    assert "set-cookie" not in get(settings(), **PAGE, cookie=first.partition(";")[0]).headers
    assert "set-cookie" not in get(settings()).headers, "only pages bring one"


def test_a_request_carries_an_id_that_a_proxy_may_name() -> None:
    assert get(settings(), **{"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    for given in ("", "a" * 65, 'a"b', "a b"):
        own = get(settings(), **{"x-request-id": given}).headers["x-request-id"]
        assert own != given
        assert len(own) == 12


def test_every_response_carries_the_policy_the_refused_ones_too() -> None:
    for host in ("localhost", "evil.example"):
        headers = get(settings(), host=host).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "camera=()" in headers["permissions-policy"]
        directives = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert directives["img-src"] == "'self' data: blob:"
        assert directives["object-src"] == "'none'"
        assert "'unsafe-inline'" not in directives["script-src"]
        assert "'unsafe-eval'" not in directives["script-src"]
        assert "'sha256-" in directives["script-src"], "Streamlit's inline script"


@pytest.mark.parametrize(
    "environ",
    [{"FAULTLINE_MAX_SESSIONS": value} for value in ("0", "-1", "many", "")]
    + [{"FAULTLINE_STOP_SECONDS": "soon"}, {"FAULTLINE_SIGN_IN": "yes"}, {"FAULTLINE_LOG": "loud"}]
    + [{"FAULTLINE_ALLOWED_HOSTS": value} for value in ("a*.example", "*example", "*.*.example")],
)
def test_a_limit_that_means_nothing_stops_the_start(environ: Mapping[str, str]) -> None:
    with pytest.raises(BadSetting):
        settings(**environ)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_programs_may_be_trusted_on_loopback(host: str) -> None:
    assert settings(host, FAULTLINE_PICKLES="trust").host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "app.example"])
def test_programs_are_not_trusted_where_others_can_reach_the_server(host: str) -> None:
    with pytest.raises(BadSetting, match="loopback"):
        settings(host, FAULTLINE_PICKLES="trust")


def test_accepted_connections_send_small_messages_at_once() -> None:
    with serve.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_in_use_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with serve.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert serve.main(["--port", str(port)]) == 2
    sentence = capsys.readouterr().err
    assert sentence.startswith(f"Cannot listen on 127.0.0.1:{port} (")
    assert sentence.count("\n") == 1


@pytest.mark.parametrize("port", ["65536", "http", ""])
def test_a_port_that_cannot_be_is_exit_code_2(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        serve.main(["--port", port])
    assert ending.value.code == 2
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize(("host", "address"), [("0.0.0.0", "localhost"), ("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")])
def test_the_address_that_is_printed_can_be_opened(host: str, address: str) -> None:
    assert serve.url(settings(host)) == f"http://{address}:8501"
