"""Files become a subject: inputs find their columns, labels their classes, and what was assumed is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from debuggers import errors
from debuggers.labels import encode
from debuggers.matching import Roles, Understanding, make_subject, match_features, understand
from debuggers.models.model import Floats, Signature
from debuggers.task import Task

N = 60
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"age": RNG.integers(18, 80, N), "income": RNG.normal(size=N), "y": RNG.integers(0, 2, N)})


class Fake:
    """A model that says of itself what a test wants, and whose first output is its first input."""

    name = "fake.onnx"
    fingerprint = "f"

    def __init__(self, outputs: int = 1, **signature: Any) -> None:
        self.outputs = outputs
        self.signature = Signature("fake", 1, **signature)
        self.seen: list[str] = []

    def predict(self, X: pd.DataFrame, *, raw: bool = False) -> Floats:  # noqa: ARG002 - the protocol has it
        self.seen = [str(c) for c in X.columns]
        first = X.iloc[:, 0].to_numpy(dtype=np.float64)
        if self.outputs == 1:
            return first
        rest = np.full((len(X), self.outputs - 1), 0.2 / (self.outputs - 1))
        return np.column_stack([np.full(len(X), 0.8), rest])


def binary(features: Sequence[str] | None = ("age", "income"), classes: Sequence[str] | None = ("0", "1")) -> Fake:
    named = None if features is None else tuple(features)
    return Fake(2, task=Task.BINARY, features=named, classes=None if classes is None else tuple(classes))


def problem(understanding: Understanding) -> errors.InputError:
    assert understanding.subject is None
    return understanding.problems[0]


# --- inputs and columns ---


@pytest.mark.parametrize(
    ("features", "columns", "by", "pairs"),
    [
        (("income", "age"), ("age", "income"), "name", ["income", "age"]),
        (("Income", "AGE_"), ("age", "income"), "similar name", ["income", "age"]),
        (("f0", "f1"), ("age", "income"), "position", ["age", "income"]),
        (("f0", "f1"), ("f1", "f0"), "name", ["f0", "f1"]),
        (("a b",), ("a_b", "ab"), "name", [None]),  # two columns are similar: neither is taken
        (("城市",), ("城市", "age"), "name", ["城市"]),
        (("weight",), ("age", "income"), "name", [None]),
    ],
)
def test_inputs_find_their_columns(
    features: tuple[str, ...], columns: tuple[str, ...], by: str, pairs: list[str | None]
) -> None:
    match = match_features(Fake(features=features), columns, Roles())
    assert [column for _, column in match.pairs] == pairs
    assert match.by == by


def test_inputs_without_names_take_the_columns_that_no_role_needs() -> None:
    roles = Roles(target="y", row_id="id", ignore=("note",))
    match = match_features(Fake(n_features=2), ("id", "age", "note", "income", "y"), roles)
    assert match.pairs == (("age", "age"), ("income", "income"))
    with pytest.raises(errors.FeatureCountMismatch) as caught:
        match_features(Fake(n_features=2), ("age", "income", "note", "y"), Roles(target="y"))
    assert (caught.value.expected, caught.value.columns) == (2, ("age", "income", "note"))


def test_a_person_can_match_what_has_another_name() -> None:
    model = binary(("age", "wage"))
    refused = understand("s", TABLE, Roles(target="y"), model=model)
    assert isinstance(problem(refused), errors.FeatureMismatch)
    assert refused.match is not None
    assert refused.match.missing == ("wage",)
    assert refused.match.unused == ("income",)
    subject = make_subject("s", TABLE, Roles(target="y", matches={"wage": "income"}), model=model)
    assert subject.test.features == ("age", "income")
    assert subject.scores.shape == (N,)
    assert model.seen == ["age", "wage"]
    assert "wage ← income" in subject.notes[0]


def test_a_model_may_read_its_target_or_an_ignored_column_if_it_names_it() -> None:
    subject = make_subject("s", TABLE, Roles(target="y", ignore=("age",)), model=binary())
    assert subject.test.features == ("age", "income")


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (Roles(target="z"), "target"),
        (Roles(target="y", row_id="z"), "row id"),
        (Roles(target="y", sensitive=("z",)), "sensitive"),
        (Roles(target="y", ignore=("z",)), "ignored"),
        (Roles(target="y", predictions=("z",)), "prediction"),
    ],
)
def test_a_column_that_is_not_there_is_named(roles: Roles, role: str) -> None:
    found = problem(understand("s", TABLE, roles, model=binary()))
    assert isinstance(found, errors.MissingColumn)
    assert (found.column, found.role) == ("z", role)


def test_without_a_model_there_must_be_predictions() -> None:
    assert isinstance(problem(understand("s", TABLE, Roles(target="y"))), errors.NoPredictions)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(errors.BadParameter):
        Roles(threshold=threshold)


# --- task and classes ---


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1, 1], Task.BINARY),
        ([True, False, True], Task.BINARY),
        (["no", "yes", "yes"], Task.BINARY),
        (["low", "mid", "high"], Task.MULTICLASS),
        ([1, 2, 3], Task.MULTICLASS),
        ([1.0, 2.0, 3.0], Task.MULTICLASS),
        ([0.5, 1.5, 2.5], Task.REGRESSION),
        (list(range(11)), Task.REGRESSION),
        ([7, 7, 7], Task.REGRESSION),
    ],
)
def test_the_task_is_read_off_the_target_where_nobody_says_it(values: list[Any], task: Task) -> None:
    table = pd.DataFrame({"x": np.arange(len(values)), "y": values, "p": values})
    understanding = understand("s", table, Roles(target="y", predictions=("p",)))
    assert understanding.task is task
    assert any("task was taken from the values of y" in note for note in understanding.notes)


def test_the_file_and_then_the_person_are_believed_before_the_values() -> None:
    model = Fake(task=Task.REGRESSION, features=("age",))
    assert make_subject("s", TABLE, Roles(target="y"), model=model).task is Task.REGRESSION
    both = Fake(2, features=("age",), task=Task.REGRESSION)
    assert make_subject("s", TABLE, Roles(target="y", task=Task.BINARY), model=both).task is Task.BINARY


def test_a_model_that_knows_its_classes_by_number_takes_the_targets_names() -> None:
    table = TABLE.assign(y=TABLE["y"].map({0: "no", 1: "yes"}))
    subject = make_subject("s", table, Roles(target="y"), model=binary())
    assert subject.classes == ("no", "yes")
    np.testing.assert_array_equal(subject.y, TABLE["y"])
    assert any("positive class is yes" in note for note in subject.notes)
    three = table.assign(y=np.resize(["b", "c", "a"], N))
    model = Fake(3, task=Task.MULTICLASS, features=("age",), classes=("0", "1", "2"))
    found = make_subject("s", three, Roles(target="y"), model=model)
    assert found.classes == ("a", "b", "c")
    assert any("0 to 2 were taken for a, b, c" in note for note in found.notes)


def test_the_positive_class_can_be_chosen_and_turns_the_output() -> None:
    table = TABLE.assign(y=TABLE["y"].map({0: "no", 1: "yes"}))
    named = binary(classes=("no", "yes"))
    usual = make_subject("s", table, Roles(target="y"), model=named)
    turned = make_subject("s", table, Roles(target="y", classes=("yes", "no")), model=named)
    assert turned.classes == ("yes", "no")
    np.testing.assert_allclose(turned.scores, 1 - usual.scores)
    np.testing.assert_array_equal(turned.y, 1 - usual.y)
    np.testing.assert_allclose(turned.loss, usual.loss)


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        ([0, 1, 1], ("0", "1"), [0, 1, 1]),
        ([0.0, 1.0, np.nan], ("0", "1"), [0, 1, np.nan]),
        ([True, False, True], ("0", "1"), [1, 0, 1]),
        ([0, 1, 1], ("False", "True"), [0, 1, 1]),
        (["a", "b", "z"], ("b", "a"), [1, 0, np.nan]),
        ([1, 2, 2], ("1", "2"), [0, 1, 1]),
    ],
)
def test_labels_are_encoded_whatever_their_type(
    values: list[Any], classes: tuple[str, ...], codes: list[float]
) -> None:
    np.testing.assert_array_equal(encode(pd.Series(values), classes), codes)


def test_rows_without_a_usable_target_are_set_aside_and_counted() -> None:
    table = TABLE.assign(y=TABLE["y"].astype(object))
    table.loc[3, "y"] = None
    table.loc[5, "y"] = "unheard of"
    subject = make_subject("s", table, Roles(target="y"), model=binary())
    assert len(subject.test) == N - 2
    assert not {3, 5} & set(subject.test.rows)
    assert any(note.startswith("2 of 60 rows of the test table were set aside") for note in subject.notes)


def test_a_target_that_shares_no_label_with_the_model_is_refused() -> None:
    found = problem(understand("s", TABLE.assign(y="maybe"), Roles(target="y"), model=binary(classes=("no", "yes"))))
    assert isinstance(found, errors.BadTarget)
    assert "maybe" in str(found)
    assert "no, yes" in str(found)


def test_a_model_with_another_number_of_outputs_than_classes_is_refused() -> None:
    model = Fake(3, task=Task.BINARY, features=("age",), classes=("0", "1"))
    assert isinstance(problem(understand("s", TABLE, Roles(target="y"), model=model)), errors.BadModelOutput)
    single = understand(
        "s", TABLE.assign(y=np.resize(["a", "b", "c"], N)), Roles(target="y"), model=Fake(features=("age",))
    )
    assert "choose the task" in str(problem(single))


# --- predictions without a model ---


def recorded(column: Any, **roles: Any) -> Any:
    table = TABLE.assign(p=column)
    return make_subject("s", table, Roles(target="y", predictions=("p",), **roles))


def test_a_probability_a_value_and_a_label_can_be_the_prediction() -> None:
    p = RNG.random(N)
    subject = recorded(p)
    np.testing.assert_array_equal(subject.scores, p)
    assert subject.model is None
    assert subject.test.features == ("age", "income")
    value = recorded(p * 1_000, task=Task.REGRESSION)
    np.testing.assert_array_equal(value.scores, p * 1_000)
    label = recorded(TABLE["y"].to_numpy().astype(bool))
    np.testing.assert_array_equal(label.scores, TABLE["y"])
    assert any("decisions, not probabilities" in note for note in label.notes)


def test_one_column_per_class_is_found_by_its_ending() -> None:
    y = np.resize(["a", "b", "c"], N)
    P = RNG.dirichlet([1, 1, 1], N)
    table = pd.DataFrame({"p_c": P[:, 2], "p_a": P[:, 0], "p_b": P[:, 1], "y": y})
    subject = make_subject("s", table, Roles(target="y", predictions=("p_c", "p_a", "p_b")))
    np.testing.assert_allclose(subject.scores, P)
    broken = understand("s", table.assign(p_a=2.0), Roles(target="y", predictions=("p_c", "p_a", "p_b")))
    assert "sum of 1" in str(problem(broken))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(errors.BadModelOutput):
        recorded(np.where(np.arange(N) == 7, bad, 0.5))


def test_without_a_target_there_are_predictions_and_no_loss() -> None:
    subject = make_subject("s", TABLE.drop(columns="y"), Roles(), model=binary())
    assert not subject.has_labels
    assert subject.classes == ("0", "1")
    assert len(subject.scores) == N


# --- training table and benchmark ---


def test_a_training_table_without_a_needed_column_is_refused() -> None:
    for column in ("income", "y"):
        found = problem(understand("s", TABLE, Roles(target="y"), model=binary(), train=TABLE.drop(columns=column)))
        assert isinstance(found, errors.MissingColumn)
        assert (found.column, found.role) == (column, "training")


def test_a_benchmark_must_answer_the_same_question() -> None:
    other = Fake(task=Task.REGRESSION, features=("age",))
    found = problem(understand("s", TABLE, Roles(target="y"), model=binary(), benchmark=other))
    assert isinstance(found, errors.BadModelOutput)
    assert "benchmark for the same task" in str(found)
    same = make_subject("s", TABLE, Roles(target="y"), model=binary(), benchmark=binary(("age",)))
    beside = same.with_benchmark()
    assert beside is not None
    assert beside.scores.shape == (N,)


def test_a_constant_target_is_said() -> None:
    subject = make_subject("s", TABLE.assign(y=1), Roles(target="y"), model=binary())
    assert any("same target" in note for note in subject.notes)
