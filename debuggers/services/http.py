"""One question to one address: no proxy, no redirect, bounded in time and size, asked again where that may help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as LateError
from urllib3.util import Retry, Timeout

from debuggers.errors import ServiceProblem, one_line
from debuggers.services.address import Address

BUSY = (429, 502, 503, 504)
MAX_ANSWER = 256 << 20
SHOWN = 200
OK = 200
REDIRECTS = range(300, 400)


@dataclass(frozen=True)
class Patience:
    """How long a service may take.

    Parameters
    ----------
    connect, answer : float
        Seconds to connect and to answer one question.
    retries : int
        How often a question is repeated that a busy or unreachable service did not answer.
    backoff : float
        Seconds before the first repetition, doubled each time; a service's own ``Retry-After`` comes first.
    """

    connect: float = 5.0
    answer: float = 60.0
    retries: int = 3
    backoff: float = 0.5


@dataclass(frozen=True, eq=False)
class Line:
    """Connections to one address.

    Parameters
    ----------
    address : Address
    headers : mapping of str to str
        Sent with each question; never shown and never logged.
    patience : Patience
    """

    address: Address
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    patience: Patience = field(default_factory=Patience)

    def get(self, path: str) -> Any:
        """Ask for a document and return its JSON; raises `ServiceProblem`."""
        return self._ask("GET", path, None)

    def post(self, path: str, question: Any) -> Any:
        """Send JSON and return the JSON of the answer; raises `ServiceProblem`."""
        return self._ask("POST", path, json.dumps(question, allow_nan=False).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        address, patience = self.address, self.patience
        default = {"http": 80, "https": 443}[address.scheme]
        host = address.origin.partition("://")[2].removesuffix(f":{default}")
        headers = {"Accept": "application/json", "Content-Type": "application/json", **self.headers, "Host": host}
        retry = Retry(
            patience.retries, redirect=False, status_forcelist=BUSY, allowed_methods=None,
            backoff_factor=patience.backoff, raise_on_status=False,
        )  # fmt: skip
        timeout = Timeout(connect=patience.connect, read=patience.answer)
        url = f"{address.path}{path}"
        try:
            with self._pool() as pool:
                answer = pool.urlopen(
                    method, url, body, headers, retry, redirect=False, timeout=timeout, preload_content=False,
                    assert_same_host=False,
                )  # fmt: skip
                content = answer.read(MAX_ANSWER + 1, decode_content=True)
                answer.close()
        except HTTPError as error:
            raise self._unreachable(error) from error
        return self._json(answer.status, content)

    def _pool(self) -> urllib3.HTTPConnectionPool:
        address = self.address
        if address.scheme == "http":
            return urllib3.HTTPConnectionPool(address.ip, address.port)
        return urllib3.HTTPSConnectionPool(
            address.ip, address.port, server_hostname=address.host, assert_hostname=address.host,
            cert_reqs="CERT_REQUIRED",
        )  # fmt: skip

    def _json(self, status: int, content: bytes) -> Any:
        where = self.address.origin
        if status in REDIRECTS:
            raise ServiceProblem(where, "it sends us to another address", "write the address where it answers")
        if status in {401, 403}:
            raise ServiceProblem(where, f"it refuses us ({status})", "choose a header that it accepts")
        if status != OK:
            said = one_line(content[:SHOWN].decode("utf-8", "replace"))
            raise ServiceProblem(where, f"it answered {status}: {said or 'nothing'}", "look into its log")
        if len(content) > MAX_ANSWER:
            raise ServiceProblem(where, f"its answer is longer than {MAX_ANSWER >> 20} MB", "send fewer rows")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ServiceProblem(where, "its answer is no JSON", "check the address and the protocol") from error

    def _unreachable(self, error: HTTPError) -> ServiceProblem:
        cause = getattr(error, "reason", None) or error
        if isinstance(cause, SSLError):
            return ServiceProblem(self.address.origin, "its certificate is not valid", "mend it")
        late = isinstance(cause, LateError) and not isinstance(cause, NewConnectionError)
        reason = "it took too long to answer" if late else "it cannot be reached"
        return ServiceProblem(self.address.origin, reason, "check that it runs, and try again")
