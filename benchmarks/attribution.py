"""Exact attributions of tree ensembles against shap's TreeExplainer and, where it is installed, woodelf_explainer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import psutil

from benchmarks.effects import data, models, seconds
from debuggers import shap_values

FIT, MANY, SOME, BACKGROUND = 10_000, 100_000, 10_000, 100
# shap's own time grows in proportion to the rows; it is measured on so many and said for all.
PEER_ROWS, PEER_FEW = 1_000, 100


def main() -> None:
    """Print seconds and ratios."""
    warnings.simplefilter("ignore")
    X, y = data(MANY)
    background = X[:BACKGROUND]
    for name, (model, _, _) in models(X[:FIT], y[:FIT]).items():
        rows = X if name != "forest of depth 10" else X[:SOME]
        shap_values(model, rows[:10])  # compiled, and kept on disk
        shap_values(model, rows[:10], background)
        before = psutil.Process().memory_info().rss
        ours, mine = seconds(lambda m=model, r=rows: shap_values(m, r), 2)  # type: ignore[misc]
        more = (psutil.Process().memory_info().rss - before) / 2**20
        peer, theirs = _shap(model, rows[:PEER_ROWS], None)
        _say(f"{name}, path-dependent, {len(rows):,} rows", ours, peer * len(rows) / PEER_ROWS, mine, theirs)
        print(f"  {more:.0f} MiB more held after it")
        ours, mine = seconds(lambda m=model: shap_values(m, X[:SOME], background), 2)  # type: ignore[misc]
        peer, theirs = _shap(model, X[:PEER_FEW], background)
        _say(f"{name}, {BACKGROUND} background rows, {SOME:,} rows", ours, peer * SOME / PEER_FEW, mine, theirs)
        _woodelf(name, model, X, background)


def _shap(model: Any, X: Any, background: Any) -> tuple[float, Any]:
    import shap

    how = "tree_path_dependent" if background is None else "interventional"
    explainer = shap.TreeExplainer(model, background, feature_perturbation=how)
    return seconds(lambda: explainer.shap_values(X, check_additivity=False), 1)


def _woodelf(name: str, model: Any, X: Any, background: Any) -> None:
    try:
        import pandas as pd
        from woodelf import WoodelfExplainer  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        print("  left out: woodelf_explainer is not installed")
        return
    for many, back in ((X[:MANY], None), (X[:SOME], background)):
        rows = many[:SOME] if name == "forest of depth 10" else many
        table = pd.DataFrame(rows)
        others = None if back is None else pd.DataFrame(back)
        try:
            explainer = WoodelfExplainer(model) if others is None else WoodelfExplainer(model, others)
            peer, _ = seconds(lambda e=explainer, t=table: e.shap_values(t, verbose=False), 2)  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 -- whatever a peer raises leaves only its own line out
            print(f"  left out: woodelf_explainer raised {type(error).__name__}: {str(error)[:90]}")
            continue
        ours, _ = seconds(lambda r=rows, b=back: shap_values(model, r, b), 2)  # type: ignore[misc]
        kind = "path-dependent" if back is None else f"{len(back)} background rows"
        print(f"  woodelf, {kind}, {len(rows):,} rows: {ours:.2f} s against {peer:.2f} s, {peer / ours:.1f} times")


def _say(what: str, ours: float, peer: float, mine: Any, theirs: Any) -> None:
    apart = float(np.abs(mine[: len(theirs)] - theirs).max())
    print(f"{what}: {ours:.2f} s against {peer:.0f} s, {peer / ours:.0f} times; farthest apart {apart:.0e}", flush=True)


if __name__ == "__main__":
    main()
