"""The page answers, and its views set the cohort."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from components import compute, state
from components.charts.error_terrain import can_rise, grid_figure, look, surface_figure, tree_figure
from components.charts.theme import DARK, LIGHT, Palette
from debuggers.analyses.error_terrain import ErrorTerrainParams, ErrorTerrainResult, error_terrain
from debuggers.matching import Roles, make_subject
from debuggers.subject import Subject
from debuggers.task import Task
from tests.subjects import ODD_NAMES, people, subject

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "PATIENCE", 120)


def page_of(of: Subject, **link: str) -> AppTest:
    state.shelf().put(of, "terrain")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.query_params["subject"] = "terrain"
    for name, value in link.items():
        app.query_params[name] = value
    return app.switch_page("pages/error_terrain.py").run()


def regression(features: pd.DataFrame, misses: Any) -> Subject:
    table = features.assign(said=0.0, y=misses)
    return make_subject("small", table, Roles(target="y", predictions=("said",), task=Task.REGRESSION))


def said(app: AppTest) -> str:
    """Return the answer line."""
    return next(m.value for m in app.markdown if m.value.startswith("**") and "Open" not in m.value)


@pytest.mark.parametrize("task", list(Task))
def test_the_page_answers_for_every_task(task: Task) -> None:
    app = page_of(subject(task, missing=True))
    assert not app.exception
    assert not app.error
    assert "slices confirmed" in said(app)


def test_the_answer_names_the_worst_confirmed_slice() -> None:
    features = people(4_000)
    misses = np.random.default_rng(9).normal(size=4_000) * np.where(features["debt"] > 1, 5, 1)
    app = page_of(regression(features, misses))
    assert "Mean squared error is" in said(app)
    assert "x as high where debt" in said(app)
    assert "confirmed on other rows" in said(app)


def test_a_parameter_changes_the_answer_by_hand_and_by_link() -> None:
    app = page_of(subject(Task.BINARY))
    before = said(app)
    app.selectbox(key="error_terrain_measure").set_value("error").run()
    assert not app.exception
    assert said(app) != before
    assert said(page_of(subject(Task.BINARY), error_terrain_measure="error")) == said(app)


def test_a_surface_is_drawn_or_the_reason_why_not() -> None:
    of = subject(Task.BINARY)
    assert not page_of(of, error_terrain_shape="surface").exception
    one = regression(people(600)[["debt"]], np.random.default_rng(1).normal(size=600))
    app = page_of(one, error_terrain_shape="surface")
    assert not app.exception
    assert any("A surface needs two features" in c.value for c in app.caption)


@pytest.mark.parametrize("method", ["lattice", "decision tree", "clusters"])
def test_every_method_answers(method: str) -> None:
    app = page_of(subject(Task.BINARY, missing=True), error_terrain_method=method)
    assert not app.exception
    assert not app.error
    assert "confirmed" in said(app)


def test_a_cohort_is_shown_in_every_view() -> None:
    of = subject(Task.BINARY, missing=True)
    app = page_of(of, cohort='"age" >= 60')
    assert not app.exception
    assert not app.error
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    lines = [t for figure in figures for t in figure["data"] if t.get("marker", {}).get("color") == LIGHT.cohort]
    assert len(lines) == 2


@pytest.mark.parametrize("rows", [1, 20, 59])
def test_few_rows_are_an_answer_without_an_empty_chart(rows: int) -> None:
    app = page_of(regression(people(rows), np.random.default_rng(1).normal(size=rows)))
    assert not app.exception
    assert not app.error
    assert "too few to search" in said(app)
    assert not app.get("plotly_chart")


def test_what_cannot_be_confirmed_is_called_so() -> None:
    app = page_of(regression(people(70), np.where(people(70)["debt"] > 0.8, 5.0, 0.1)))
    assert "Nothing can be confirmed" in said(app)


def test_features_that_say_nothing_are_an_answer() -> None:
    app = page_of(regression(pd.DataFrame({"a": [1.0] * 200, "b": [None] * 200}), np.arange(200.0)))
    assert not app.exception
    assert "two different values" in said(app)
    assert not app.get("plotly_chart")


def test_what_a_search_left_out_is_on_the_page() -> None:
    table = pd.DataFrame({"id": [f"row {i}" for i in range(900)], "z": np.random.default_rng(0).normal(size=900)})
    app = page_of(regression(table, np.where(table["z"] > 1, 5.0, 0.1)))
    assert any("Left out: of id only the 0 most frequent" in c.value for c in app.caption)


def test_odd_names_are_shown_as_they_are() -> None:
    of = regression(people(1_000).rename(columns=ODD_NAMES), np.random.default_rng(1).normal(size=1_000))
    app = page_of(
        of, error_terrain_feature="<b>x</b>", error_terrain_other="城市" if "城市" in of.test.features else 'a"b'
    )
    assert not app.exception
    assert not app.error


@cache
def terrain(**params: Any) -> ErrorTerrainResult:
    features = people(3_000, missing=True)
    misses = np.random.default_rng(9).normal(size=3_000) * np.where(features["debt"] > 1, 3, 1)
    return error_terrain(regression(features, misses), ErrorTerrainParams(**params))


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_the_tree_map_shows_every_node_once_and_outlines_the_cohort(palette: Palette) -> None:
    found = terrain(depth=4)
    chosen = found.nodes.iloc[2]
    shared = look(found.nodes, found.overall.value, palette, "mean log loss", str(chosen["sql"]))
    figure = tree_figure(found.nodes, shared)
    ids = [i for trace in figure.data if trace.customdata is not None for i in trace.customdata]
    assert sorted(ids) == found.nodes["node"].tolist()
    enough, thin = figure.data[0], figure.data[1]
    assert set(thin.customdata) == set(found.nodes.loc[~found.nodes["enough"], "node"])
    assert thin.marker.pattern.shape
    assert list(enough.marker.color) == found.nodes.loc[found.nodes["enough"], "held_out_loss"].tolist()
    [outline] = figure.layout.shapes
    assert outline.x0 == pytest.approx(chosen["start"])
    assert outline.line.color == palette.cohort


def test_the_fill_of_a_node_is_its_share_of_the_loss() -> None:
    found = terrain()
    figure = tree_figure(found.nodes, look(found.nodes, found.overall.value, LIGHT, "mean log loss", ""))
    np.testing.assert_allclose(figure.data[-1].y / 0.94, found.nodes["share_of_loss"].iloc[1:])


@pytest.mark.parametrize("view", ["nodes", "cells"])
def test_a_line_says_how_much_of_a_region_is_part_of_the_cohort(view: str) -> None:
    found = terrain()
    shared = look(found.nodes, found.overall.value, LIGHT, "mean log loss", "")
    rows = people(3_000, missing=True)["age"] > 60
    nodes, cells = (shares.tolist() for shares in found.shares(rows.to_numpy()))
    figure = tree_figure(found.nodes, shared, nodes) if view == "nodes" else grid_figure(
        found.cells, found.axes, shared, cells
    )  # fmt: skip
    shares = nodes if view == "nodes" else cells
    [line] = [trace for trace in figure.data if str(trace.marker.color) == LIGHT.cohort]
    widths = found.nodes["share"] if view == "nodes" else 0.96
    expected = np.array(shares) * widths
    np.testing.assert_allclose(line.width, expected[expected > 0])


def test_the_heat_map_shows_every_cell_and_hatches_those_with_few_rows() -> None:
    found = terrain(bins=8)
    figure = grid_figure(found.cells, found.axes, look(found.nodes, found.overall.value, LIGHT, "mean log loss", ""))
    assert {len(figure.data[0].x), len(figure.data[1].x)} == {
        found.cells["enough"].sum(),
        (~found.cells["enough"]).sum(),
    }
    assert set(figure.data[1].customdata) == set(np.flatnonzero(~found.cells["enough"]))
    assert figure.data[1].marker.pattern.shape


def test_the_surface_has_the_cells_of_the_heat_map_and_holes_where_rows_are_few() -> None:
    found = terrain(bins=4)
    assert can_rise(found.cells)
    shared = look(found.nodes, found.overall.value, LIGHT, "mean log loss", "")
    inside = [float(i == found.cells["enough"].idxmax()) for i in found.cells.index]
    surface, points = surface_figure(found.cells, found.axes, shared, inside).data
    assert list(points.z) == [found.cells["held_out_loss"].iloc[inside.index(1.0)]]
    assert points.marker.color == LIGHT.cohort
    heights = np.array(surface.z, dtype=float)
    enough = found.cells[found.cells["enough"]]
    assert np.isfinite(heights).sum() == len(enough)
    for cell in enough.itertuples():
        assert heights[list(surface.y).index(cell.y), list(surface.x).index(cell.x)] == pytest.approx(
            cell.held_out_loss
        )


def test_names_are_no_markup_in_a_chart() -> None:
    of = regression(people(1_000).rename(columns={"debt": "<b>debt</b>"}), people(1_000)["debt"])
    found = error_terrain(of, ErrorTerrainParams(feature="<b>debt</b>"))
    shared = look(found.nodes, found.overall.value, LIGHT, "mean squared error", "")
    for figure in (tree_figure(found.nodes, shared), grid_figure(found.cells, found.axes, shared)):
        assert "<b>debt</b>" not in str(figure.to_dict())
        assert "&lt;b&gt;debt" in str(figure.to_dict())
    # In space plotly reads tags but no entities.
    assert "<" not in str(surface_figure(found.cells, found.axes, shared).layout.scene)
