"""Which addresses may be asked: what a person typed, and nothing inside the server's own network."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from debuggers.errors import BadVariable, ServiceProblem
from debuggers.services.address import is_allowed, policy, resolve


def stands_for(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 0, 0, "", (a, 0)) for a in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_an_address_is_taken_apart_and_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    stands_for(monkeypatch, "93.184.216.34")
    found = resolve("https://models.example/churn/", "public")
    assert (found.host, found.port, found.ip, found.path) == ("models.example", 443, "93.184.216.34", "/churn")
    assert found.origin == "https://models.example:443"
    assert resolve("http://models.example:8080", "public").origin == "http://models.example:8080"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "::1", "fc00::1",
     "::ffff:10.0.0.1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1", "192.0.2.1"],
)  # fmt: skip
def test_no_address_of_the_server_s_own_network_is_public(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_allowed(address, "public")
    stands_for(monkeypatch, "93.184.216.34", address)  # one good address does not hide another
    with pytest.raises(ServiceProblem, match="own network"):
        resolve("http://models.example", "public")


@pytest.mark.parametrize("address", ["0.0.0.0", "169.254.169.254", "fe80::1", "224.0.0.1", "::"])
def test_link_local_addresses_are_never_asked(address: str) -> None:
    assert not is_allowed(address, "private")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "8.8.8.8"])
def test_a_server_may_allow_private_addresses(address: str) -> None:
    assert is_allowed(address, "private")


@pytest.mark.parametrize(
    "url",
    ["", "models.example", "ftp://models.example", "http://", "http://a b", "http://models.example?x=1",
     "http://models.example#x", "http://user:secret@models.example", "http://models.example:99999", "http://[::1",
     "http://models.example/\n", "file:///etc/passwd", "http://" + "a" * 3000],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_a_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_for(monkeypatch, "93.184.216.34")
    with pytest.raises(ServiceProblem) as refused:
        resolve(url, "public")
    assert "secret@" not in refused.value.reason


def test_a_name_that_stands_for_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    with pytest.raises(ServiceProblem, match="no such host"):
        resolve("http://models.invalid", "public")


def test_a_server_may_ask_no_services() -> None:
    with pytest.raises(ServiceProblem, match="asks no services"):
        resolve("http://models.example", "off")


def test_the_setting_is_read() -> None:
    assert policy({}) == "public"
    assert policy({"FAULTLINE_SERVICES": "private"}) == "private"
    with pytest.raises(BadVariable):
        policy({"FAULTLINE_SERVICES": "all"})
