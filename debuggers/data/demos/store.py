"""Make demos at first use, keep them, and write them out."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import pandas as pd

from debuggers.data.demos.demo import Demo, DemoFiles, PlantedFault, Progress
from debuggers.data.demos.recipes import RECIPES
from debuggers.data.reading import read_table
from debuggers.errors import DemoFailed, UnknownDemo, UnusableOption
from debuggers.home import cache_folder

_log = logging.getLogger(__name__)
_ROOT = Path(__file__).parents[3]
#: What a model's bytes depend on beside our code; XGBoost is installed under one of two names.
_DISTRIBUTIONS = ("xgboost", "xgboost-cpu", "lightgbm", "catboost", "scikit-learn", "statsmodels", "numpy", "pandas")
_STALE_SECONDS = 24 * 3600
_UNFINISHED = ".unfinished-"


def all_demos() -> tuple[Demo, ...]:
    """Return the demos, the one with planted faults first.

    Examples
    --------
    >>> [demo.name for demo in all_demos()]
    ['credit', 'breast_cancer', 'doctor_visits']
    """
    return tuple(demo for demo, _ in RECIPES.values())


def load_demo(name: str, progress: Progress | None = None) -> DemoFiles:
    """Return a demo's model and tables; its first use trains the model in another process and keeps it.

    Parameters
    ----------
    name : str
        As in `all_demos`.
    progress : callable, optional
        Told the share done, from 0 to 1, and what is being done.

    Raises
    ------
    UnknownDemo
        No demo is called so.
    DemoFailed
        The model could not be trained or kept.
    """
    demo = _demo(name)
    folder = _prepared(demo, progress or _silent)
    about = json.loads((folder / "demo.json").read_text())
    truth = folder / "truth.parquet"
    return DemoFiles(
        demo=demo,
        folder=folder,
        model=(folder / about["model"]).read_bytes(),
        model_name=about["model"],
        train=read_table(folder / "train.parquet", f"{name} train.parquet"),
        test=read_table(folder / "test.parquet", f"{name} test.parquet"),
        truth=pd.read_parquet(truth) if truth.exists() else None,
    )


def write_demo(name: str, out_dir: Path, progress: Progress | None = None) -> list[Path]:
    """Write a demo's model, tables and a README.txt into a folder, which is made if need be.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    UnknownDemo, DemoFailed
        As `load_demo`.
    UnusableOption
        The folder cannot be written.
    """
    demo = _demo(name)
    folder = _prepared(demo, progress or _silent)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        written = [
            Path(shutil.copyfile(file, out_dir / file.name))
            for file in sorted(folder.iterdir())
            if file.name != "demo.json"
        ]
        readme = out_dir / "README.txt"
        model = json.loads((folder / "demo.json").read_text())["model"]
        readme.write_text(_readme(demo, model), encoding="utf-8")
    except OSError as error:
        raise UnusableOption("out", str(out_dir), f"a folder that can be written ({error.strerror})") from error
    return [*written, readme]


def _demo(name: str) -> Demo:
    if name not in RECIPES:
        raise UnknownDemo(name, tuple(RECIPES))
    return RECIPES[name][0]


def _silent(share: float, text: str) -> None:
    """Tell nobody."""


def _prepared(demo: Demo, progress: Progress) -> Path:
    """Return the demo's folder in the cache, made if need be.

    It is made under another name and then renamed, so that it is either complete or not there, whoever else makes it at
    the same time and whenever either is killed.
    """
    folder = cache_folder("demos") / f"{demo.name}-{_version()}"
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder.parent)
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=folder.parent, ignore_cleanup_errors=True) as made:
            work = Path(made, "demo")
            work.mkdir()
            _train(demo, work, progress)
            try:
                work.rename(folder)
            except OSError:
                if not folder.exists():  # else another process was quicker, and its files are the same
                    raise
    except OSError as error:
        reason = f"{error.strerror} in {folder.parent}; FAULTLINE_HOME names another folder"
        raise DemoFailed(demo.name, reason) from error
    return folder


def _version() -> str:
    """Return a digest of the code and the libraries that make the demos."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for distribution in _DISTRIBUTIONS:
        try:
            digest.update(f"{distribution} {metadata.version(distribution)}\n".encode())
        except metadata.PackageNotFoundError:
            continue
    return digest.hexdigest()[:16]


def _remove_stale(folder: Path) -> None:
    """Remove what a killed process left unfinished."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        if time.time() - left.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _train(demo: Demo, folder: Path, progress: Progress) -> None:
    command = [sys.executable, "-m", "debuggers.data.demos.train", demo.name, str(folder)]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=_ROOT, text=True) as process,  # noqa: S603  # our own module
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                share, text = json.loads(line)
                progress(share, text)
        except BaseException:
            process.kill()  # whoever listens has gone
            raise
        status = process.wait()
        log.seek(0)
        said = log.read().decode("utf-8", "replace")
    if status != 0:
        _log.error("Making the demo %s ended with status %d: %s", demo.name, status, said)
        raise DemoFailed(demo.name, f"its process ended with status {status}")


def _readme(demo: Demo, model: str) -> str:
    """Return what a person should know of the files, and a command to try them."""
    sensitive = f" --sensitive {','.join(demo.sensitive)}" if demo.sensitive else ""
    command = f"python -m debuggers scan --model {model} --data test.parquet --target {demo.target}"
    lines = [
        demo.title,
        "",
        demo.description,
        f"Source: {demo.source}",
        "",
        f"Model:  {model} ({demo.model_format}, {demo.task})",
        f"Target: {demo.target}",
        "Tables: train.parquet, test.parquet" + (", truth.parquet (rows as in test.parquet)" if demo.faults else ""),
        "",
        *_fault_lines(demo.faults),
        "Try:",
        f"  {command} --train train.parquet{sensitive}",
        "",
    ]
    return "\n".join(lines)


def _fault_lines(faults: tuple[PlantedFault, ...]) -> list[str]:
    if not faults:
        return ["No fault was planted; what there is to find is real.", ""]
    planted = [line for fault in faults for line in (f"- {fault.kind}: {fault.text}", f"  rows: {fault.where_sql}")]
    return ["Planted faults:", *planted, ""]
