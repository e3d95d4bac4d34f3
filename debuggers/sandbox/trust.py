"""Whether files that are programs are taken at all, and what has to be there if they are."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from enum import StrEnum

from debuggers import errors
from debuggers.sandbox import jail

VARIABLE = "FAULTLINE_PICKLES"


class Pickles(StrEnum):
    """What the person who runs Faultline has decided, by the variable ``FAULTLINE_PICKLES``.

    ``ask``: programs are taken after a person's consent, in the jail. ``off``: never. ``trust``: after consent, without
    the jail where the kernel has none, as long as nobody else can reach the server.
    """

    ASK = "ask"
    OFF = "off"
    TRUST = "trust"


_host: str | None = None


def serving_on(host: str) -> None:
    """Note the address on which this process answers; until then it counts as reachable by anybody.

    Parameters
    ----------
    host : str
        Such as ``127.0.0.1``; the command line, which answers nobody, gives that as well.
    """
    global _host  # noqa: PLW0603 -- a process has one address
    _host = host


def decision(environment: Mapping[str, str] | None = None) -> Pickles:
    """Return what was decided.

    Raises
    ------
    UnusableOption
        The variable has a value that means nothing.

    Examples
    --------
    >>> decision({"FAULTLINE_PICKLES": "off"})
    <Pickles.OFF: 'off'>
    """
    text = (os.environ if environment is None else environment).get(VARIABLE, "").strip() or Pickles.ASK.value
    try:
        return Pickles(text)
    except ValueError:
        raise errors.UnusableOption(VARIABLE, text, "ask, off or trust") from None


def refuse_if_off(name: str) -> None:
    """Refuse a program where none is taken, before anybody is asked for consent.

    Raises
    ------
    ProgramsForbidden
        The person who runs the server takes none.
    """
    if decision() is Pickles.OFF:
        raise errors.ProgramsForbidden(name)


def permit(name: str, offered: jail.Support | None = None) -> bool:
    """Return whether a program that a person consented to needs the whole jail.

    Parameters
    ----------
    name : str
        The file's name, for messages.
    offered : Support, optional
        What the kernel offers; asked for by default.

    Raises
    ------
    ProgramsForbidden
        The person who runs the server takes none.
    NoJail
        The kernel gives no jail, and nobody has said that there need not be one.
    """
    refuse_if_off(name)
    offered = offered or jail.support()
    if offered.reason is None:
        return True
    if decision() is Pickles.TRUST and _is_loopback(_host):
        return False
    raise errors.NoJail(name, offered.reason)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
