"""Run every benchmark, or those that are named: ``python -m benchmarks [name ...]``."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> None:
    """Run the modules of this folder that have a `main`, each under its first line."""
    found = [
        m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in {"__main__", "driving", "peers"}
    ]
    for name in names or found:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        module.main()


if __name__ == "__main__":
    main(sys.argv[1:])
