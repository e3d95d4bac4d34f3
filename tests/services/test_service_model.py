"""Services as models: MLflow's and Open Inference's words, batches, retries, secrets, and services that misbehave."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from debuggers.errors import BadModelOutput, FeatureMismatch, InputError, ServiceProblem
from debuggers.matching import Roles, make_subject
from debuggers.services import http, service_model
from debuggers.services.http import Patience
from debuggers.services.service_model import PROTOCOLS, Secret, Service, ServiceModel, connect
from debuggers.task import Task
from tests.services.stub import Answer, Reply, answer, serving

QUICK = Patience(connect=5, answer=5, retries=2, backoff=0)
TABLE = pd.DataFrame({"age": [20, 40, 60], "name": ["a", None, "<b>"], "wage": [1.5, np.nan, np.inf]})


def asking(url: str, protocol: str = PROTOCOLS[0], **more: Any) -> ServiceModel:
    secrets = more.pop("secrets", None)
    return connect(Service(url, protocol, **more), allowed="private", secrets=secrets, patience=QUICK)


def mlflow(predict: Callable[[pd.DataFrame], Any]) -> Reply:
    def reply(method: str, path: str, question: Any) -> Answer:
        if (method, path) != ("POST", "/base/invocations"):
            return answer({"error": "no such page"}, 404)
        split = question["dataframe_split"]
        return answer({"predictions": predict(pd.DataFrame(split["data"], columns=split["columns"]))})

    return reply


def share(table: pd.DataFrame) -> list[float]:
    return (table["age"] / 100).tolist()


def test_mlflow_predicts_numbers_and_gets_missing_values_as_null() -> None:
    seen: list[pd.DataFrame] = []

    def predict(table: pd.DataFrame) -> list[float]:
        seen.append(table)
        return share(table)

    with serving(mlflow(predict)) as stub:
        values = asking(f"{stub.url}/base", task=Task.REGRESSION).predict(TABLE)
    np.testing.assert_allclose(values, [0.2, 0.4, 0.6])
    assert seen[0]["name"].isna().tolist() == [False, True, False]
    assert seen[0]["wage"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    "form",
    [
        lambda p: [[1 - v, v] for v in p],
        lambda p: [{"0": 1 - v, "1": v} for v in p],
        lambda p: p,
    ],
)
def test_mlflow_predicts_probabilities_in_several_forms(form: Callable[[list[float]], Any]) -> None:
    with serving(mlflow(lambda table: form(share(table)))) as stub:
        values = asking(f"{stub.url}/base", task=Task.BINARY).predict(TABLE)
    np.testing.assert_allclose(values, [[0.8, 0.2], [0.6, 0.4], [0.4, 0.6]])


def v2(inputs: list[dict[str, Any]], infer: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Reply:
    def reply(method: str, path: str, question: Any) -> Answer:
        if (method, path) == ("GET", "/v2/models/churn%2F1"):
            return answer({"name": "churn/1", "inputs": inputs, "outputs": []})
        if (method, path) == ("POST", "/v2/models/churn%2F1/infer"):
            return answer({"outputs": infer({tensor["name"]: tensor for tensor in question["inputs"]})})
        return answer({"error": "no such page"}, 404)

    return reply


def test_open_inference_with_an_input_per_feature_names_the_features() -> None:
    inputs = [
        {"name": "age", "datatype": "INT64", "shape": [-1, 1]},
        {"name": "name", "datatype": "BYTES", "shape": [-1]},
    ]

    def infer(given: dict[str, Any]) -> list[dict[str, Any]]:
        assert given["age"]["shape"] == [3, 1]
        assert given["name"] == {"name": "name", "datatype": "BYTES", "shape": [3], "data": ["a", None, "<b>"]}
        p = [age / 100 for age in given["age"]["data"]]
        return [
            {"name": "label", "datatype": "INT64", "shape": [3], "data": [0, 0, 1]},
            {"name": "p", "datatype": "FP32", "shape": [3, 2], "data": [v for x in p for v in (1 - x, x)]},
        ]

    with serving(v2(inputs, infer)) as stub:
        model = asking(stub.url, PROTOCOLS[1], model="churn/1", task=Task.BINARY)
        assert model.signature.features == ("age", "name")
        values = model.predict(TABLE[["name", "age"]])
        with pytest.raises(FeatureMismatch):
            model.predict(TABLE[["age"]])
    np.testing.assert_allclose(values, [[0.8, 0.2], [0.6, 0.4], [0.4, 0.6]])


def test_open_inference_with_one_tensor_knows_the_number_of_features() -> None:
    inputs = [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}]

    def infer(given: dict[str, Any]) -> list[dict[str, Any]]:
        x = np.array([np.nan if v is None else v for v in given["x"]["data"]]).reshape(given["x"]["shape"])
        return [{"name": "y", "datatype": "FP64", "shape": [3, 1], "data": (x[:, 0] * 2).tolist()}]

    with serving(v2(inputs, infer)) as stub:
        model = asking(stub.url, PROTOCOLS[1], model="churn/1", task=Task.REGRESSION)
        assert (model.signature.features, model.signature.n_features) == (None, 2)
        np.testing.assert_allclose(model.predict(TABLE[["age", "wage"]]), [40, 80, 120])


def test_a_service_is_a_subject_like_any_other() -> None:
    table = pd.DataFrame({"age": np.arange(20, 80), "y": (np.arange(20, 80) > 50).astype(int)})
    with serving(mlflow(share)) as stub:
        model = asking(f"{stub.url}/base", task=Task.BINARY)
        subject = make_subject("service", table, Roles(target="y"), model=model)
        np.testing.assert_allclose(subject.scores, table["age"] / 100)


def test_many_rows_are_asked_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_model, "BATCH_ROWS", 10)
    table = pd.DataFrame({"age": np.arange(35)})
    with serving(mlflow(share)) as stub:
        values = asking(f"{stub.url}/base").predict(table)
        assert len(stub.asked) == 4
    np.testing.assert_allclose(values, np.arange(35) / 100)


def test_a_busy_service_is_asked_again_and_a_broken_one_is_said() -> None:
    busy = [503, 429]

    def sometimes(method: str, path: str, question: Any) -> Answer:
        return answer({}, busy.pop()) if busy else mlflow(share)(method, path, question)

    with serving(sometimes) as stub:
        assert len(asking(f"{stub.url}/base").predict(TABLE)) == 3
        assert len(stub.asked) == 3
    with serving(lambda *_: answer({"why": "<b>broken</b>"}, 500)) as stub:
        with pytest.raises(ServiceProblem, match="it answered 500"):
            asking(stub.url).predict(TABLE)
        assert len(stub.asked) == 1, "what is broken is not asked again"


def test_a_redirect_is_not_followed() -> None:
    with (
        serving(mlflow(share)) as other,
        serving(lambda *_: (302, {"location": f"{other.url}/base/invocations"}, b"")) as stub,
    ):
        with pytest.raises(ServiceProblem, match="another address"):
            asking(stub.url).predict(TABLE)
        assert other.asked == []


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(mlflow(share)) as stub, serving(lambda *_: answer({})) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        asking(f"{stub.url}/base").predict(TABLE)
        assert proxy.asked == []


def test_a_name_that_changes_its_address_is_asked_where_it_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(mlflow(share)) as stub:
        port = int(stub.url.rpartition(":")[2])
        real = socket.getaddrinfo

        def once(host: str, *rest: Any, **more: Any) -> Any:
            return real("127.0.0.1" if host == "models.example" else host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", once)
        model = asking(f"http://models.example:{port}/base")
        monkeypatch.setattr(socket, "getaddrinfo", real)  # the name now stands for nothing
        assert len(model.predict(TABLE)) == 3
        assert stub.asked[0][2]["Host"] == f"models.example:{port}"


def test_a_secret_goes_to_its_own_address_only() -> None:
    with serving(mlflow(share)) as stub, serving(mlflow(share)) as other:
        secrets = {"churn": Secret(f"{stub.url}/base", "Authorization", "Bearer s3cret")}
        asking(f"{stub.url}/base", secret="churn", secrets=secrets).predict(TABLE)
        assert stub.asked[0][2]["Authorization"] == "Bearer s3cret"
        for url in (f"{other.url}/base", f"{stub.url}/basement", stub.url):
            with pytest.raises(ServiceProblem, match="no secret") as refused:
                asking(url, secret="churn", secrets=secrets)
            assert "s3cret" not in str(refused.value)
        assert other.asked == []
    assert "s3cret" not in repr(secrets)


def says(predictions: Any) -> Reply:
    return lambda *_: answer({"predictions": predictions})


BROKEN: dict[str, Reply] = {
    "labels": says(["yes"] * 3),
    "too few": says([0.5]),
    "too many": says([0.5] * 99),
    "ragged": says([[0.5, 0.5], [1.0], [0.1, 0.9]]),
    "nothing": says(None),
    "no probabilities": says([[5.0, -4.0]] * 3),
    "not a number": lambda *_: (200, {}, b'{"predictions": [NaN, 1, 2]}'),
    "not JSON": lambda *_: (200, {}, b"<html>"),
    "deep": lambda *_: (200, {}, b"[" * 100_000),
    "a number": lambda *_: answer(5),
    "refused": lambda *_: answer({}, 401),
    "other fields": says([{"a": 1}, {"b": 1}, {"c": 1}]),
    "huge": lambda *_: (200, {}, b'{"predictions": [1e400, 1e400, 1e400]}'),
}


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN.keys())
def test_a_service_that_misbehaves_is_one_sentence(reply: Reply) -> None:
    with serving(reply) as stub, pytest.raises(InputError) as said:
        asking(f"{stub.url}/base", task=Task.BINARY).predict(TABLE)
    assert isinstance(said.value, ServiceProblem | BadModelOutput)
    assert "\n" not in str(said.value)


def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 1000)
    body = json.dumps({"predictions": [0.123456789] * 1000}).encode()
    with serving(lambda *_: (200, {}, body)) as stub, pytest.raises(ServiceProblem, match="longer than"):
        asking(stub.url).predict(TABLE)


def test_a_service_that_says_nothing_or_is_not_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        patience = Patience(connect=5, answer=0.2, retries=0)
        with pytest.raises(ServiceProblem, match="too long"):
            connect(Service(url, PROTOCOLS[0]), allowed="private", patience=patience).predict(TABLE)
    with pytest.raises(ServiceProblem, match="cannot be reached"):
        asking(url).predict(TABLE)


def test_two_connections_are_two_models_and_one_connection_stays_one() -> None:
    with serving(mlflow(share)) as stub:
        service = Service(f"{stub.url}/base", PROTOCOLS[0])
        again = Service(**vars(service))
        assert connect(service, allowed="private").fingerprint == connect(again, allowed="private").fingerprint
        other = Service(f"{stub.url}/base", PROTOCOLS[0])
        assert connect(other, allowed="private").fingerprint != connect(service, allowed="private").fingerprint


@pytest.mark.parametrize(
    "body", [{}, {"inputs": []}, {"inputs": [{"name": 1}]}, {"inputs": [{"name": "x", "shape": "y"}]}, [1]]
)
def test_a_description_that_is_none_is_said(body: Any) -> None:
    with serving(lambda *_: answer(body)) as stub, pytest.raises(ServiceProblem, match="describe"):
        asking(stub.url, PROTOCOLS[1], model="m")
