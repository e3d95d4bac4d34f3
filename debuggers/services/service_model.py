"""A prediction service as a model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
import pandas as pd

from debuggers.errors import ServiceProblem
from debuggers.execution import report
from debuggers.models.answers import check_answer, fitting_columns
from debuggers.models.model import Floats, Signature
from debuggers.services.address import resolve
from debuggers.services.http import Line, Patience
from debuggers.services.protocols import Dialect, MLflow, OpenInference
from debuggers.task import Task

PROTOCOLS = ("MLflow scoring", "Open Inference v2")
BATCH_ROWS = 2_000


@dataclass(frozen=True)
class Service:
    """What a person says of a service.

    Parameters
    ----------
    url : str
        Such as ``https://models.example.org/churn``; the protocol's own path comes behind it.
    protocol : str
        One of `PROTOCOLS`.
    model : str
        Its name on an Open Inference service.
    secret : str
        Name of the secret whose header goes along, "" for none.
    task : Task or None
        What it predicts, where the target does not say.
    id : str
        Tells this connection from a later one to the same address, which may answer differently.
    """

    url: str
    protocol: str
    model: str = ""
    secret: str = ""
    task: Task | None = None
    id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True)
class Secret:
    """A header that the server's secrets hold for one address.

    Parameters
    ----------
    url : str
        It goes to addresses of this scheme, host, port and path only.
    header, value : str
    """

    url: str
    header: str
    value: str = field(repr=False)

    def fits(self, url: str) -> bool:
        """Whether the header may go to an address."""
        own, other = urlsplit(self.url), urlsplit(url)
        same = (own.scheme, own.hostname, own.port) == (other.scheme, other.hostname, other.port)
        base = own.path.rstrip("/")
        return same and (other.path == base or other.path.startswith(f"{base}/"))


class ServiceModel:
    """A `Model` that asks a service; made by `connect`."""

    def __init__(self, service: Service, line: Line, dialect: Dialect, signature: Signature) -> None:
        self.service, self._line, self._dialect = service, line, dialect
        self.signature = signature
        self.name = line.address.origin
        described = (service.url, service.protocol, service.model, service.id)
        self.fingerprint = hashlib.sha256(repr(described).encode()).hexdigest()

    def predict(self, X: pd.DataFrame, *, raw: bool = False) -> Floats:
        """Ask for the rows in batches of `BATCH_ROWS`; parameters and errors are those of `Model.predict`."""
        X = fitting_columns(X, self.name, self.signature)
        if len(X) == 0:
            return np.empty(0)
        parts = []
        for start in range(0, len(X), BATCH_ROWS):
            if len(X) > BATCH_ROWS:
                report(start / len(X), f"Asking {self._line.address.host}")
            parts.append(self._dialect.predict(self._line, X.iloc[start : start + BATCH_ROWS]))
        values = np.concatenate(parts)
        task = self.signature.task
        if task is Task.BINARY and values.ndim == 1:
            values = np.column_stack([1 - values, values])
        probabilities = not raw and values.ndim == 2 and task is not Task.REGRESSION
        return check_answer(values, self.name, self.signature, probabilities=probabilities)


def connect(
    service: Service,
    *,
    allowed: str,
    secrets: Mapping[str, Secret] | None = None,
    patience: Patience | None = None,
) -> ServiceModel:
    """Return a service as a model; nothing but the address that the person typed is asked.

    Parameters
    ----------
    service : Service
    allowed : {"public", "private", "off"}
        Which addresses may be asked; see `address.policy`.
    secrets : mapping of str to Secret, optional
    patience : Patience, optional

    Raises
    ------
    ServiceProblem
        The address is not allowed, cannot be reached, or does not answer in the protocol.
    """
    address = resolve(service.url, allowed)
    line = Line(address, _headers(service, secrets or {}), patience or Patience())
    dialect: Dialect = OpenInference(service.model) if service.protocol == PROTOCOLS[1] else MLflow()
    return ServiceModel(service, line, dialect, replace(dialect.describe(line), task=service.task))


def _headers(service: Service, secrets: Mapping[str, Secret]) -> dict[str, str]:
    if not service.secret:
        return {}
    found = secrets.get(service.secret)
    if found is None or not found.fits(service.url):
        raise ServiceProblem(service.url, f"the server holds no secret {service.secret!r} for it", "choose another")
    return {found.header: found.value}
