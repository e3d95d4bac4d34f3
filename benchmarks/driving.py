"""What the benchmarks that drive a browser share: a server of their own, a browser, and how figures are printed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from tools.chromium import launch
from tools.ports import free_port

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("FAULTLINE_SHARED", ROOT.parent / "shared"))


@contextmanager
def served(home: Path | None = None, port: int = 0) -> Iterator[tuple[str, int]]:
    """Start Faultline, on a free port if none is named; yield its address and its process id, and stop it."""
    port = port or free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "FAULTLINE_HOME": str(home or folder)}
        command = [sys.executable, "-m", "serve", "--port", str(port)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=90) as client:
                    client.get(f"http://127.0.0.1:{port}/_stcore/health").raise_for_status()
                yield f"http://127.0.0.1:{port}", process.pid
            finally:
                process.terminate()


@contextmanager
def opened_page(width: int = 1440, height: int = 900) -> Iterator[Page]:
    """Yield a page of a fresh browser."""
    with sync_playwright() as playwright, launch(playwright) as browser:
        context = browser.new_context(viewport={"width": width, "height": height})
        yield context.new_page()


def spread(name: str, seconds: Sequence[float]) -> None:
    """Print the median and the 95th percentile of some times in milliseconds."""
    ordered = sorted(seconds)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"{name}: median {1000 * statistics.median(ordered):.0f} ms, p95 {1000 * late:.0f} ms, n {len(ordered)}")


class Stopwatch:
    """Time since it was made or last read."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def read(self) -> float:
        """Return the seconds since the last reading and start again."""
        now = time.perf_counter()
        seconds, self._start = now - self._start, now
        return seconds
