"""Bad files and odd names in a real browser: a sentence, no markup, no request, and nothing lost."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from tests.bad_files import MODELS, TABLES
from tests.browser.steps import (
    CHARTS,
    PATIENCE,
    answer,
    apply_condition,
    choose,
    cohort_bar,
    go_to,
    problems,
    settle,
    sidebar_pages,
    start_debugging,
    upload,
    upload_both,
)
from tests.names import ODD
from tools.chromium import wait_until_idle

pytestmark = pytest.mark.browser
CLASSES = ("*no*", "<i>yes</i>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model and a table with odd names and classes, and bad files."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, len(ODD))).astype(np.float32), columns=list(ODD))
    y = X.iloc[:, 0] - X["<b>x</b>"] + rng.normal(size=len(X)) > 0
    onnx = to_onnx(LogisticRegression().fit(X.to_numpy(), y.astype(int)), X.to_numpy()[:1], options={"zipmap": False})
    (folder / "<b>odd<b>.onnx").write_bytes(onnx.SerializeToString())
    X.assign(target=np.where(y, CLASSES[1], CLASSES[0])).to_csv(folder / "odd.csv", index=False)
    for name in ("picture.csv", "empty.csv"):
        (folder / name).write_bytes(TABLES[name][0]())
    for name in ("cut.onnx", "pickle.onnx"):
        (folder / name).write_bytes(MODELS[name][0]())
    with (folder / "two gigabytes.csv").open("wb") as sparse:
        sparse.truncate(2 << 30)
    return folder


def expect_name(where: Locator, name: str) -> None:
    """Check that a name stands somewhere as it is, but for the invisible joiner that keeps it from being markup."""
    expect(where).to_contain_text(re.compile("\u2060?".join(map(re.escape, name))), timeout=PATIENCE)


def test_odd_names_stay_names_and_bad_files_cost_nothing(page: Page, folder: Path) -> None:
    page.goto("/")
    settle(page, "Load")
    upload_both(page, folder / "<b>odd<b>.onnx", folder / "odd.csv")
    positive = page.get_by_role("radio", name="<i>yes</i>")
    expect(positive).to_be_checked(timeout=PATIENCE)
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("Classes in the order of the model's outputs: *no*, <i>yes</i>", timeout=PATIENCE)
    start_debugging(page)
    expect(answer(page)).to_contain_text("on 200 rows")
    assert_plain(page)

    for feature in ("<b>x</b>", "![x](http://192.0.2.1/x.png)", "__proto__"):
        choose(page, "Compare groups of", feature)
        title = page.get_by_role("heading", level=3).filter(has_text="Groups of")
        expect_name(title, f"Groups of {feature}")
        wait_until_idle(page)
    bars = page.locator(".barlayer .point path")
    bars.nth(1).click(force=True)
    expect(cohort_bar(page)).to_contain_text("__proto__ in [")
    wait_until_idle(page)
    apply_condition(page, '"a""b" > 0 AND "=cmd()" < 1 AND "城市" > -1 AND ":material/delete:" < 2')
    expect_name(cohort_bar(page), '"=cmd()" < 1 AND "城市" > -1 AND ":material/delete:" < 2')
    assert_plain(page)
    for name in sidebar_pages(page)[2:]:
        go_to(page, name)
        expect(problems(page)).to_have_count(0)
        expect(page.locator(CHARTS).first).to_be_visible()
        assert_plain(page)

    go_to(page, "Load")
    expect(page.get_by_text("Go on with <b>odd<b>.onnx")).to_be_visible()
    upload(page, "Test table", folder / "two gigabytes.csv")
    expect(page.get_by_test_id("stFileUploader").nth(1)).to_contain_text("File must be 1.0GB or smaller")
    for role, name, phrase in (
        ("Test table", "picture.csv", TABLES["picture.csv"][1]),
        ("Test table", "empty.csv", TABLES["empty.csv"][1]),
        ("Model", "cut.onnx", MODELS["cut.onnx"][1]),
        ("Model", "pickle.onnx", MODELS["pickle.onnx"][1]),
    ):
        upload(page, role, folder / name)
        alerts = page.get_by_test_id("stAlert")  # a problem is an error, and a program that asks for consent a warning
        expect(alerts.filter(has_text=name).first).to_contain_text(phrase, timeout=PATIENCE)
        expect(page.get_by_test_id("stException")).to_have_count(0)
    go_to(page, "Overview")
    expect(answer(page)).to_contain_text("on 200 rows")
    expect_name(cohort_bar(page), '":material/delete:" < 2')


def assert_plain(page: Page) -> None:
    """Check that no name became an element: the watch of the fixture sees requests, this sees the page."""
    main = page.get_by_test_id("stMain")
    assert main.locator("b, i").filter(has_text=re.compile(r"\S")).count() == 0
    assert main.locator(".katex, img[src^=http]").count() == 0
    assert main.get_by_test_id("stIconMaterial").filter(has_text="delete").count() == 0
