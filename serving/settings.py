"""What the environment and the command line say about how to serve."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from debuggers.errors import InputError
from debuggers.workspace.store import Retention

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class BadSetting(InputError):
    """A setting that the server cannot start with."""


@dataclass(frozen=True)
class Settings:
    """Where the server listens and what it allows.

    Parameters
    ----------
    allowed_hosts : tuple of str
        Host names that requests may name; ``("*",)`` for all.
    max_sessions : int
        Sessions that may be open at once.
    stop_seconds : int
        How long a stop waits for what is being computed.
    sign_in : bool
        Whether people sign in first.
    full_log : bool
        Whether the log repeats the messages of exceptions, which may quote data.
    """

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    max_sessions: int
    stop_seconds: int = 20
    sign_in: bool = False
    full_log: bool = False

    @classmethod
    def read(cls, host: str, port: int, environ: Mapping[str, str]) -> Settings:
        """Join the command line's address with the environment's limits.

        Raises
        ------
        BadSetting
            An environment variable has a value that means nothing.
        """
        if environ.get("FAULTLINE_PICKLES") == "trust" and not is_loopback(host):
            raise BadSetting(
                "FAULTLINE_PICKLES=trust runs strangers' programs without a jail, so it works only on a loopback "
                "address: choose --host 127.0.0.1, or unset it."
            )
        Retention.read(environ)  # refuses values that mean nothing before anybody waits for the server
        return cls(
            host,
            port,
            _hosts(host, environ.get("FAULTLINE_ALLOWED_HOSTS", "")),
            max_sessions=_number(environ, "FAULTLINE_MAX_SESSIONS", 200, least=1),
            stop_seconds=_number(environ, "FAULTLINE_STOP_SECONDS", 20, least=0),
            sign_in=_choice(environ, "FAULTLINE_SIGN_IN", ("off", "required")) == "required",
            full_log=_choice(environ, "FAULTLINE_LOG", ("plain", "full")) == "full",
        )


def _hosts(host: str, text: str) -> tuple[str, ...]:
    named = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in named:
        if "*" in name.removeprefix("*.") and name != "*":
            raise BadSetting(f"FAULTLINE_ALLOWED_HOSTS cannot hold {name!r}: write a name, *.domain, or * for all.")
    return ("*",) if not named and is_wildcard(host) else (*LOOPBACK, in_url(host), *named)


def _number(environ: Mapping[str, str], name: str, standard: int, least: int) -> int:
    text = environ.get(name, str(standard))
    if not text.isdecimal() or int(text) < least:
        raise BadSetting(f"{name} cannot be {text!r}: expected a whole number of at least {least}.")
    return int(text)


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    text = environ.get(name, choices[0])
    if text not in choices:
        raise BadSetting(f"{name} cannot be {text!r}: expected {' or '.join(choices)}.")
    return text


def is_wildcard(host: str) -> bool:
    """Whether a host to bind to means all addresses of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a host to bind to is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def in_url(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
