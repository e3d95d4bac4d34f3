"""What becomes of damaged files: so many random mutations of each format, loaded and asked as the app would."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter

from tests import mutants

COUNT = int(os.environ.get("FAULTLINE_MUTATIONS", "2000"))
FORMATS = os.environ.get("FAULTLINE_MUTATED_FORMATS", "").split(",")


def main() -> None:
    """Print, for each format, how the mutants ended; what is no answer and no sentence ends this with a traceback."""
    logging.getLogger("debuggers").setLevel(logging.ERROR)  # the log tells why each table could not be read
    files = {**mutants.models(), **mutants.tables()}
    for kind, fate in mutants.FATES.items():
        if FORMATS != [""] and kind not in FORMATS:
            continue
        start, slowest = time.perf_counter(), 0.0
        fates: Counter[str] = Counter()
        for mutant in mutants.mutants(files[kind], COUNT):
            begin = time.perf_counter()
            fates[fate(mutant)] += 1
            slowest = max(slowest, time.perf_counter() - begin)
        seconds = time.perf_counter() - start
        ends = ", ".join(f"{name} {number:,}" for name, number in fates.most_common())
        print(f"{kind:13} {COUNT:,} in {seconds:,.0f} s, the slowest {slowest:.1f} s: {ends}", flush=True)


if __name__ == "__main__":
    main()
