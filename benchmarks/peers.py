"""Other tools in environments of their own, so that they can be measured beside ours in one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
# Bytes that a measured process may address, so that one that wants all memory fails alone.
MEMORY = int(float(os.environ.get("FAULTLINE_PEER_GB", "14")) * 2**30)
# Printed by every measured script as its last line: seconds, megabytes above what importing took, and its answer.
HARNESS = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
def peak():  # of this program: what getrusage says begins with the size of the process that started it
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
def measured(work, repeats):
    before, best, answer = peak(), float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        answer = work()
        best = min(best, time.perf_counter() - start)
    print(json.dumps({"seconds": best, "megabytes": peak() - before, "answer": answer}))
"""


@dataclass(frozen=True)
class Measured:
    """What a script took, and its answer.

    Parameters
    ----------
    seconds : float
        The fastest of its repeats.
    megabytes : float
        By how much its process grew.
    failure : str
        Why there are no figures: the last line that it wrote, such as a lack of memory.
    """

    seconds: float
    megabytes: float
    answer: Any
    failure: str = ""


def environment(name: str, *packages: str) -> Path:
    """Return the Python of an environment with some packages, made on first use.

    It lives in the folder that ``FAULTLINE_PEERS`` names, else in the system's temporary folder.
    """
    home = Path(os.environ.get("FAULTLINE_PEERS") or Path(tempfile.gettempdir()) / "faultline-peers") / name
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"making an environment for {name}", flush=True)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (home / "ready").touch()
    return python


def run(script: str, data: Path, *, python: Path | None = None, repeats: int = 1) -> Measured:
    """Run a script that defines ``work()`` in a process of its own.

    Parameters
    ----------
    script : str
        It finds the path of `data` in ``sys.argv[1]``.
    data : Path
    python : Path, optional
        Ours by default.
    """
    source = HARNESS + script + f"\nmeasured(work, {repeats})\n"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)} if python is None else dict(os.environ)
    done = subprocess.run(
        [python or sys.executable, "-W", "ignore", "-c", source, data, str(MEMORY)],
        check=False, capture_output=True, text=True, env=environ, cwd=data.parent,
    )  # fmt: skip
    if done.returncode:
        return Measured(np.nan, np.nan, None, done.stderr.strip().splitlines()[-1][:200])
    answer = json.loads(done.stdout.splitlines()[-1])
    return Measured(answer["seconds"], answer["megabytes"], answer["answer"])
