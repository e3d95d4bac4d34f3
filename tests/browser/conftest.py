"""A server of its own for every worker, and a real Chromium that is watched for what a page must not do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.steps import PATIENCE
from tools.chromium import launch
from tools.ports import free_port

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20
expect.set_options(timeout=PATIENCE)


@dataclass(frozen=True)
class Server:
    """A Faultline that runs: its address, its log, its private ``FAULTLINE_HOME``, and its process."""

    url: str
    log: Path
    home: Path
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()


@dataclass
class Watch:
    """What pages did that they must not: errors in the console, uncaught ones, requests to another host.

    A test that provokes one names a part of its text with `allow`.
    """

    host: str
    seen: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Listen to a page, from before it is opened."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.seen.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._on_address(request.url))
        page.on("websocket", lambda websocket: self._on_address(websocket.url))

    def allow(self, part: str) -> None:
        """Expect a problem whose text contains `part`."""
        self.allowed.append(part)

    def problems(self) -> list[str]:
        """Return what happened and was not expected."""
        return [text for text in self.seen if not any(part in text for part in self.allowed)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.seen.append(f"console: {message.text} ({message.location['url']})")

    def _on_address(self, address: str) -> None:
        if urlsplit(address).scheme not in ("data", "blob") and urlsplit(address).netloc != self.host:
            self.seen.append(f"request to another host: {address}")


@contextmanager
def serving(folder: Path, home: Path, port: int = 0, **environ: str) -> Iterator[Server]:
    """Run Faultline as ``make run`` starts it; it has to stop when it is told to, unless it was killed.

    Parameters
    ----------
    folder : Path
        Where its log goes.
    home : Path
        Its ``FAULTLINE_HOME``, where saved work and the models of demos are kept.
    port : int
        0: a free one.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "serve", "--port", str(port)]
    environment = {**os.environ, "FAULTLINE_HOME": str(home), "FAULTLINE_KEEP_DAYS": "30", **environ}
    path = folder / "log.txt"
    with (
        path.open("ab") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        running = Server(f"http://127.0.0.1:{port}", path, home, process)
        try:
            # The server listens at once and answers when its imports are done.
            with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=90) as client:
                client.get(f"{running.url}/_stcore/health").raise_for_status()
            yield running
            if process.poll() is None:
                process.terminate()
                assert process.wait(STOP_SECONDS) == 0, path.read_text()
        except httpx.TransportError as error:
            pytest.fail(f"The server did not start ({error}):\n{path.read_text()}")
        finally:
            process.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the server that the tests of a worker share."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, folder / "home") as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for all tests of a worker."""
    with sync_playwright() as playwright, launch(playwright) as chromium:
        yield chromium


@pytest.fixture
def watch(server: Server) -> Iterator[Watch]:
    """Watches every page of the test, which fails at its end where one did what it must not."""
    watching = Watch(urlsplit(server.url).netloc)
    yield watching
    assert watching.problems() == []


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(browser: Browser, server: Server, watch: Watch) -> Iterator[NewPage]:
    """Make pages with cookies and storage of their own: ``new_page(width=390, height=844, scheme="dark")``."""
    contexts = []

    def make(width: int = 1440, height: int = 900, scheme: Literal["light", "dark"] = "light") -> Page:
        context = browser.new_context(
            base_url=server.url, viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """Return a fresh page, wide and light."""
    return new_page()
