"""The server's workspace and whose it is: what is saved, for how long, and what the screen says of it."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from debuggers import home
from debuggers.debugger import Debugger, Finding
from debuggers.params import Params
from debuggers.subject import Subject
from debuggers.workspace.annotations import Annotations
from debuggers.workspace.results import result_key
from debuggers.workspace.store import Retention, Workspace

log = logging.getLogger("faultline")
COOKIE = "faultline_visitor"
DEMO_PREFIX = "demo:"
# Reading a result back takes about as long as computing one that takes this many seconds.
WORTH_KEEPING = 0.3
EXPIRE_SECONDS = 3600.0


@st.cache_resource(show_spinner=False)
def workspace() -> Workspace:
    """Return the server's one workspace; what is past its time is deleted now and every hour."""
    opened = Workspace(home.data_folder("workspace"), Retention.read(os.environ))
    threading.Thread(target=_expire, args=(opened,), name="faultline-retention", daemon=True).start()
    return opened


def _expire(opened: Workspace) -> None:
    while opened.keeps:
        try:
            deleted = opened.expire()
        except (OSError, sqlite3.Error):
            log.exception("retention failed")
        else:
            if deleted:
                log.info("retention", extra={"deleted": deleted})
        time.sleep(EXPIRE_SECONDS)


def visitor() -> str:
    """Return who this session belongs to: the person who signed in, else the browser, else whoever uses the server.

    It is a hash, so that what is on the disk opens nobody's session.
    """
    if st.user.get("is_logged_in"):
        name = f"{st.user.get('iss')}|{st.user.get('sub')}"
    else:
        cookie = st.context.cookies.get(COOKIE)
        if not cookie:
            return "local"
        name = f"browser|{cookie}"
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def annotations_of(token: str) -> Annotations:
    """Return what was written down about a subject: shared by its link, or of this visitor for a demo."""
    return workspace().annotations(f"{token}@{visitor()}" if token.startswith(DEMO_PREFIX) else token)


def day(seconds: float) -> str:
    """Return a date as a person reads it.

    Examples
    --------
    >>> day(0)
    '1 January 1970'
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y}"


@st.cache_resource(show_spinner=False)
def _keeper() -> ThreadPoolExecutor:
    """Return the one thread that writes results, so that nobody waits for the disk."""
    return ThreadPoolExecutor(1, thread_name_prefix="faultline-keeper")


def answered(debugger: Debugger, subject: Subject, params: Params, token: str) -> Any:
    """Return a debugger's result: the kept one, else computed now, and kept where that took its time.

    Parameters
    ----------
    token : str
        What the subject is open under; only results of saved subjects and of demos are kept.
    """
    key = result_key(debugger, subject, params)
    kept = workspace().results.get(key)
    if kept is not None:
        return kept
    started = time.monotonic()
    result = debugger.run(subject, params)
    lasts = token.startswith(DEMO_PREFIX) or workspace().find(token) is not None
    if lasts and workspace().keeps and time.monotonic() - started >= WORTH_KEEPING:
        _report(_keeper().submit(workspace().results.keep, key, token, debugger.slug, result))
    return result


def keep_findings(token: str, findings: Mapping[str, Sequence[Finding]]) -> None:
    """Keep what the scan of a saved subject found, by debugger: the list of saved work shows it."""
    if token.startswith(DEMO_PREFIX) or workspace().find(token) is None:
        return
    notebook = annotations_of(token)
    for slug, found in findings.items():
        notebook.keep_findings(slug, found)


def _report(writing: Future[None]) -> None:
    def done(future: Future[None]) -> None:
        failure = future.exception()
        if failure is not None:
            log.error("a result could not be kept", exc_info=failure)

    writing.add_done_callback(done)


def flush() -> None:
    """Wait until what is being written is on the disk."""
    _keeper().submit(lambda: None).result()


def link_of(params: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a view without the name of what is open."""
    return {name: value for name, value in params.items() if name not in {"subject", "demo"}}
