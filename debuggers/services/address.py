"""Which addresses a prediction service may have: the one that a person typed, and none inside the server's network.

The name is resolved once, every address that it stands for is checked, and the connection goes to the address that was
checked: a name that stands for another address a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from debuggers.errors import BadVariable, ServiceProblem

POLICIES = ("public", "private", "off")
MAX_URL = 2_000


@dataclass(frozen=True)
class Address:
    """Where a service is, resolved.

    Parameters
    ----------
    scheme : {"http", "https"}
    host : str
        As it was typed.
    port : int
    ip : str
        Where connections go.
    path : str
        Without a slash at its end.
    """

    scheme: str
    host: str
    port: int
    ip: str
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def policy(environ: Mapping[str, str] = os.environ) -> str:
    """Return what ``FAULTLINE_SERVICES`` allows: public addresses, private ones too, or none ("off").

    Raises
    ------
    BadVariable
        It has a value that means nothing.
    """
    chosen = environ.get("FAULTLINE_SERVICES", POLICIES[0])
    if chosen not in POLICIES:
        raise BadVariable("FAULTLINE_SERVICES", chosen, "public, private or off")
    return chosen


def resolve(url: str, allowed: str) -> Address:
    """Return the address of a service.

    Parameters
    ----------
    url : str
    allowed : {"public", "private", "off"}

    Raises
    ------
    ServiceProblem
        The URL is none, cannot be resolved, or stands for an address that is not allowed.
    """
    if allowed == "off":
        raise ServiceProblem(url, "this server asks no services", "upload the model's file")
    scheme, host, port, path = _parts(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ServiceProblem(url, "there is no such host", "check the address") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not is_allowed(address, allowed):
            remedy = "the person who runs the server can allow private addresses with FAULTLINE_SERVICES=private"
            raise ServiceProblem(url, "it is an address inside the server's own network", remedy)
    return Address(scheme, host, port, addresses[0], path)


def _parts(url: str) -> tuple[str, str, int, str]:
    expected = "write it like https://models.example.org/churn"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ServiceProblem(url, "it is no address", expected) from error
    host = parts.hostname
    plain = url.isascii() and url.isprintable() and " " not in url.strip() and len(url) <= MAX_URL
    if not plain or parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise ServiceProblem(url, "it is no address of a service", expected)
    if parts.username is not None or parts.password is not None:
        raise ServiceProblem(url, "it holds a password", "name a header of the server's secrets instead")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/")


def is_allowed(address: str, allowed: str) -> bool:
    """Whether an IP address may be asked.

    Link-local addresses, where clouds keep the keys of their machines, never are.

    Examples
    --------
    >>> [is_allowed(a, "public") for a in ("8.8.8.8", "127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1")]
    [True, False, False, False, False]
    >>> [is_allowed(a, "private") for a in ("8.8.8.8", "127.0.0.1", "169.254.169.254", "0.0.0.0")]
    [True, True, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        return False
    return ip.is_global or (allowed == "private" and (ip.is_private or ip.is_loopback))
