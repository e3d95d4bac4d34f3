"""The process that makes a demo: ``python -m debuggers.data.demos.train NAME FOLDER``.

Training loads a library with threads of its own and takes seconds, which the application's process must not. Progress
is one line of JSON per step on standard output.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from debuggers.data.demos.recipes import RECIPES


def make(name: str, folder: Path) -> None:
    """Write a demo's model, ``train.parquet``, ``test.parquet``, perhaps ``truth.parquet``, and ``demo.json``."""
    _, build = RECIPES[name]
    built = build(_report)
    (folder / built.model_name).write_bytes(built.model)
    for title, table in (("train", built.train), ("test", built.test), ("truth", built.truth)):
        if table is not None:
            table.to_parquet(folder / f"{title}.parquet", index=False)
    (folder / "demo.json").write_text(json.dumps({"demo": name, "model": built.model_name}))


def _report(share: float, text: str) -> None:
    sys.stdout.write(json.dumps([share, text]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
