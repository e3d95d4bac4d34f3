"""Sudden deaths: app, zygote and workers are killed twenty times in a journey; what was called saved is counted."""

from __future__ import annotations

import contextlib
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import xgboost
from playwright.sync_api import Error, Page, expect

from benchmarks.driving import opened_page, served
from tests.browser import steps
from tests.browser.steps import NOTES, go_to, save_cohort, settle, start_debugging, upload, write_note

DEATHS = 20
LATEST_SECONDS = 6.0
SEED = 0
PATIENCE = 20_000  # milliseconds
PAGES = ("Residuals", "Effects", "Error terrain", "What-if", "Overview")


@dataclass
class Journey:
    """What a person does, and what the screen called saved."""

    page: Page
    link: str = ""
    notes: list[str] = field(default_factory=list)
    cohorts: list[str] = field(default_factory=list)
    step: int = 0

    def begin(self, url: str, folder: Path) -> None:
        """Upload a model and a table and open them."""
        self.page.goto(url)
        upload(self.page, "Model", folder / "model.json")
        upload(self.page, "Test table", folder / "test.csv")
        start_debugging(self.page)
        expect(self.page.get_by_test_id("stSidebar")).to_contain_text("Saved. Deleted on")
        self.link = self.page.url

    def go_on(self) -> None:
        """Do the next thing."""
        self.step += 1
        go_to(self.page, PAGES[self.step % len(PAGES)])
        if self.step % 2:
            text = f"note {self.step}"
            write_note(self.page, text)
            self.notes.append(text)
        else:
            name = f"cohort {self.step}"
            save_cohort(self.page, f"wage > {self.step}", name)
            self.cohorts.append(name)

    def lost(self) -> list[str]:
        """Return what is on screen no more."""
        self.page.goto(self.link)
        settle(self.page, "Overview")
        self.page.get_by_role("button", name=NOTES).click()
        shown = self.page.get_by_test_id("stPopoverBody").inner_text().splitlines()
        self.page.keyboard.press("Escape")
        self.page.get_by_role("button", name="Cohort", exact=True).click()
        shown += self.page.get_by_test_id("stPopoverBody").inner_text().splitlines()
        self.page.keyboard.press("Escape")
        return [name for name in (*self.notes, *self.cohorts) if name not in shown]


def make_files(folder: Path) -> None:
    """Write a model and a table."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(18, 80, 4000), "wage": rng.normal(30, 5, 4000)})
    y = (X["age"] > 50).astype(int)
    xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(X, y).save_model(folder / "model.json")
    noisy = np.where(rng.random(4000) < 0.2, 1 - y, y)
    X.assign(y=noisy).to_csv(folder / "test.csv", index=False)


def victims(pid: int) -> dict[str, psutil.Process]:
    """Return what can be killed, by what it is."""
    app = psutil.Process(pid)
    found = {"app": app}
    for process in app.children(recursive=True):
        found["worker" if process.ppid() != pid else "zygote"] = process
    return found


@contextlib.contextmanager
def killing(pid: int, chance: random.Random) -> Iterator[list[str]]:
    """Kill something at a random moment within the block; yields what it was, once it is."""
    killed: list[str] = []
    moment = chance.uniform(0, LATEST_SECONDS)

    def strike() -> None:
        time.sleep(moment)
        found = victims(pid)
        name = chance.choice(sorted(found))
        found[name].kill()
        killed.append(name)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield killed
    finally:
        thread.join()


def main() -> None:
    """Go on a journey in which the server dies again and again, and count what is lost."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    steps.PATIENCE = PATIENCE  # a step that the server dies under is given up sooner
    deaths: list[str] = []
    lost: list[str] = []
    tracebacks = 0
    with tempfile.TemporaryDirectory() as home, opened_page() as page:
        make_files(Path(home))
        journey = Journey(page)
        port = 0
        while len(deaths) < DEATHS:
            with served(Path(home), port) as (url, pid):
                port = int(url.rpartition(":")[2])
                if not journey.link:
                    journey.begin(url, Path(home))
                lost += journey.lost()
                while len(deaths) < DEATHS:
                    with killing(pid, chance) as killed, contextlib.suppress(Error, AssertionError):
                        while not killed:
                            journey.go_on()
                    deaths += killed
                    print(f"{len(deaths)}: {killed[0]} died at step {journey.step}", flush=True)
                    if "app" in killed:
                        break
                    tracebacks += page.get_by_test_id("stException").count()
                    lost += journey.lost()
        with served(Path(home), port):
            lost += journey.lost()
    counts = {name: deaths.count(name) for name in sorted(set(deaths))}
    print(
        f"deaths: {counts}; called saved: {len(journey.notes)} notes and {len(journey.cohorts)} cohorts and the subject"
    )
    print(f"lost: {len(set(lost))} {sorted(set(lost))[:3]}; tracebacks on screen: {tracebacks}")


if __name__ == "__main__":
    main()
