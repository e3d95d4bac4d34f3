"""Many people at once: 20 on the What-if page of the credit demo, then 200 sessions that come and go."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from dataclasses import dataclass, field

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.driving import served, spread

USERS, SECONDS, THINK_SECONDS = 20, 40.0, 1.0
WARM_SESSIONS, SESSIONS, AT_ONCE = 20, 200, 10
PAGE, QUERY = "what_if", "demo=credit"
ANSWER_SECONDS = 120.0
SETTLE_SECONDS = 165.0  # a session is kept for two minutes after its browser went, and then let go within half a minute
MEGABYTE = 2**20


@dataclass
class Slider:
    """A slider on the page: what it takes to move it."""

    id: str
    fragment: str
    low: float
    high: float


@dataclass
class Visitor:
    """A browser without a screen: it opens the page, reads what it shows, and moves sliders."""

    url: str
    sliders: dict[str, Slider] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    _page: str = ""
    _socket: websockets.ClientConnection | None = None

    async def open(self) -> None:
        """Connect and run the page until nothing is computed any more."""
        address = self.url.replace("http", "ws") + "/_stcore/stream"
        self._socket = await websockets.connect(
            address, subprotocols=[websockets.Subprotocol("streamlit")], origin=websockets.Origin(self.url),
            max_size=None, compression=None,
        )  # fmt: skip
        await self.run()
        waiting_until = time.monotonic() + ANSWER_SECONDS
        while not self.sliders:
            if time.monotonic() > waiting_until:
                self.problems.append("the page showed no slider")
                return
            await asyncio.sleep(0.5)
            await self.run()

    async def move(self) -> float:
        """Move a slider somewhere and return the seconds until its page was done."""
        slider = random.choice(list(self.sliders.values()))  # noqa: S311 - no secret
        self.values[slider.id] = random.uniform(slider.low, slider.high)  # noqa: S311
        started = time.perf_counter()
        await self.run(slider.fragment)
        return time.perf_counter() - started

    async def run(self, fragment: str = "") -> None:
        """Run the page or one of its fragments and read what comes."""
        assert self._socket is not None
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash, rerun.fragment_id = QUERY, self._page, fragment
        rerun.page_name = "" if self._page else PAGE
        for id, value in self.values.items():  # noqa: A001 - the field's word
            widget = rerun.widget_states.widgets.add()
            widget.id = id
            widget.double_array_value.data.append(value)
        await self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await asyncio.wait_for(self._socket.recv(), ANSWER_SECONDS))
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self._page = answer.new_session.page_script_hash
            elif kind == "delta":
                self._read(answer)
            elif kind == "script_finished" and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    def _read(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "slider" and element.slider.max > element.slider.min:
            found = element.slider
            self.sliders[found.id] = Slider(found.id, message.delta.fragment_id, found.min, found.max)
        elif kind == "exception":
            self.problems.append(element.exception.message)
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.problems.append(element.alert.body)

    async def close(self) -> None:
        """Leave."""
        if self._socket is not None:
            await self._socket.close()


async def play(url: str, seconds: float) -> tuple[list[float], list[str]]:
    """Be one person who moves a slider, looks, and moves another; return the times and what went wrong."""
    visitor, times = Visitor(url), []
    await visitor.open()
    until = time.monotonic() + seconds
    while time.monotonic() < until and visitor.sliders:
        await asyncio.sleep(random.expovariate(1 / THINK_SECONDS))
        times.append(await visitor.move())
    await visitor.close()
    return times, visitor.problems


async def visit(url: str, gate: asyncio.Semaphore) -> list[str]:
    """Open a session, move a slider, and leave."""
    async with gate:
        visitor = Visitor(url)
        await visitor.open()
        if visitor.sliders:
            await visitor.move()
        await visitor.close()
        return visitor.problems


@dataclass(frozen=True)
class Usage:
    """What a server holds."""

    memory: int
    descriptors: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read it of a process and its workers."""
        server = psutil.Process(pid)
        family = [server, *server.children(recursive=True)]
        return cls(sum(p.memory_info().rss for p in family), server.num_fds())


async def come_and_go(url: str, pid: int, number: int) -> tuple[Usage, list[str]]:
    """Open and close sessions, and return what the server holds once it came to rest."""
    gate = asyncio.Semaphore(AT_ONCE)
    problems = await asyncio.gather(*(visit(url, gate) for _ in range(number)))
    await asyncio.sleep(SETTLE_SECONDS)
    return Usage.of(pid), [text for found in problems for text in found]


async def measure(url: str, pid: int) -> None:
    """Take both measurements and print them."""
    first = Visitor(url)
    await first.open()  # trains the demo and computes the page
    await first.close()
    played = await asyncio.gather(*(play(url, SECONDS) for _ in range(USERS)))
    times = [seconds for found, _ in played for seconds in found]
    problems = [text for _, found in played for text in found]
    spread(f"{USERS} people, {THINK_SECONDS:g} s between moves: from a slider to the page's last answer", times)
    print(f"errors: {len(problems)} {problems[:2]}; mean {1000 * statistics.fmean(times):.0f} ms")

    before, early = await come_and_go(url, pid, WARM_SESSIONS)
    after, late = await come_and_go(url, pid, SESSIONS)
    for name, one, other in (
        ("resident memory, workers included", before.memory / MEGABYTE, after.memory / MEGABYTE),
        ("descriptors", before.descriptors, after.descriptors),
    ):
        growth = other / one - 1
        print(f"{name}: {one:,.0f} after {WARM_SESSIONS} sessions, {other:,.0f} after {SESSIONS} more ({growth:+.1%})")
    print(f"errors: {len(early) + len(late)} {[*early, *late][:2]}")


def main() -> None:
    """Serve, and be everybody."""
    with served() as (url, pid):
        asyncio.run(measure(url, pid))


if __name__ == "__main__":
    main()
