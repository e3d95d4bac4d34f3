"""Exact attributions of tree ensembles against shap's TreeExplainer, woodelf_explainer and fasttreeshap."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.effects import TREES, data, models, seconds
from benchmarks.peers import Measured, environment, run
from debuggers import shap_values

FIT, MANY, SOME, BACKGROUND = 10_000, 100_000, 10_000, 100
# shap's own time grows in proportion to the rows; it is measured on so many and said for all.
PEER_ROWS, PEER_FEW = 1_000, 100
# What a process of its own fits before it is measured: the same data and settings in every environment.
RECIPES = {
    "xgboost": f"from xgboost import XGBClassifier as Model; settings = dict(n_estimators={TREES}, max_depth=6)",
    "lightgbm": f"from lightgbm import LGBMClassifier as Model; settings = dict(n_estimators={TREES}, verbose=-1)",
    "hist gradient boosting": "from sklearn.ensemble import HistGradientBoostingClassifier as Model; "
    f"settings = dict(max_iter={TREES})",
    "forest of depth 10": "from sklearn.ensemble import RandomForestClassifier as Model; "
    f"settings = dict(n_estimators={TREES}, max_depth=10, random_state=0)",
}
FITTED = """
import numpy as np
{recipe}
data = np.load(sys.argv[1])
model = Model(**settings).fit(data["fit"], data["y"])
X, background = data["X"][:{rows}], data["background"] if {interventional} else None
"""
OURS = """
from debuggers import shap_values
def work():
    shap_values(model, X, background)
    return peak()
"""
WOODELF = """
import pandas as pd
from woodelf import WoodelfExplainer
table = pd.DataFrame(X)
explainer = WoodelfExplainer(model) if background is None else WoodelfExplainer(model, pd.DataFrame(background))
def work():
    explainer.shap_values(table, verbose=False)
    return peak()
"""
FASTTREESHAP = """
import fasttreeshap
explainer = fasttreeshap.TreeExplainer(model, algorithm="auto", n_jobs=2)
def work():
    explainer.shap_values(X, check_additivity=False)
    return peak()
"""
# fasttreeshap's only release is compiled for numpy 1.
OTHERS = {
    "woodelf_explainer": (WOODELF, ("woodelf_explainer==0.4.8", "numpy>=2", "scikit-learn", "xgboost", "lightgbm")),
    "fasttreeshap": (
        FASTTREESHAP,
        ("fasttreeshap==0.1.6", "numpy<2", "scikit-learn<1.4", "xgboost<2", "lightgbm<4", "pandas<2.2", "shap<0.45"),
    ),
}


def main() -> None:
    """Print seconds and ratios."""
    warnings.simplefilter("ignore")
    X, y = data(MANY)
    for name, (model, _, _) in models(X[:FIT], y[:FIT]).items():
        rows = X if name != "forest of depth 10" else X[:SOME]
        _beside_shap(f"{name}, path-dependent", model, rows, None, PEER_ROWS)
        _beside_shap(f"{name}, {BACKGROUND} background rows", model, X[:SOME], X[:BACKGROUND], PEER_FEW)
    print(
        "Where it takes a background, shap rounds thresholds to single precision. Those of hist gradient boosting can "
        "be values of rows, which then cross them: tests/test_attribution.py shows that ours are the model's own."
    )
    _beside_others(X, y)


def _beside_shap(what: str, model: Any, rows: Any, background: Any, peer_rows: int) -> None:
    import shap

    how = "tree_path_dependent" if background is None else "interventional"
    explainer = shap.TreeExplainer(model, background, feature_perturbation=how)
    peer, theirs = seconds(lambda: explainer.shap_values(rows[:peer_rows], check_additivity=False), 1)
    shap_values(model, rows[:10], background)  # compiled, and kept on disk
    ours, mine = seconds(lambda: shap_values(model, rows, background), 2)
    peer *= len(rows) / peer_rows
    apart = float(np.abs(mine[:peer_rows] - theirs).max())
    print(
        f"{what}, {len(rows):,} rows: {ours:.2f} s against {peer:.0f} s, {peer / ours:.0f} times; "
        f"farthest apart {apart:.0e}",
        flush=True,
    )


def _beside_others(X: Any, y: Any) -> None:
    """Measure every tool in a process of its own, with the peak of its memory, what was imported included."""
    pythons = {name: _python(name, packages) for name, (_, packages) in OTHERS.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, X=X, fit=X[:FIT], y=y[:FIT], background=X[:BACKGROUND])
        for name, recipe in RECIPES.items():
            for interventional in (False, True):
                rows = SOME if interventional or name == "forest of depth 10" else MANY
                fitted = FITTED.format(recipe=recipe, rows=rows, interventional=interventional)
                ours = run(fitted + OURS, path, repeats=3)
                kind = f"{BACKGROUND} background rows" if interventional else "path-dependent"
                print(f"{name}, {kind}, {rows:,} rows, a process of its own: {_said(ours)}", flush=True)
                for peer, python in pythons.items():
                    if python is not None and not (interventional and peer == "fasttreeshap"):
                        theirs = run(fitted + OTHERS[peer][0], path, python=python, repeats=2)
                        print(f"  {peer}: {_said(theirs)}, {theirs.seconds / ours.seconds:.1f} times", flush=True)


def _python(name: str, packages: tuple[str, ...]) -> Path | None:
    try:
        return environment(name, *packages)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"left out: {name} does not install ({type(error).__name__})")
        return None


def _said(found: Measured) -> str:
    return f"failed ({found.failure})" if found.failure else f"{found.seconds:.2f} s, peak {found.answer:,.0f} MB"


if __name__ == "__main__":
    main()
