"""What a browser session knows: the only user of ``st.session_state``, and the keeper of opened subjects.

A subject lives in the server's memory under a token that nobody can guess, so that a link that carries the token opens
the same view for a colleague on the same server. Demos have their name as token and open on any server.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import streamlit as st

from debuggers.cohort import Cohort
from debuggers.subject import Subject

MAX_SUBJECTS = 24
SUBJECT, DEMO, COHORT, THRESHOLD = "subject", "demo", "cohort", "threshold"
MAX_THRESHOLDS = 8


@dataclass
class Opened:
    """A subject that is open on this server.

    Parameters
    ----------
    token : str
        Its name in links.
    subject : Subject
    origin : mapping
        How it was loaded, for the Load page: file names, roles.
    """

    token: str
    subject: Subject
    origin: Mapping[str, Any] = field(default_factory=dict)

    _at: dict[float, Subject] = field(default_factory=dict)

    def at(self, threshold: float | None) -> Subject:
        """Return the subject at a decision threshold, None: its own; losses that were computed are kept."""
        if threshold is None or threshold == self.subject.threshold or len(self.subject.classes) != 2:
            return self.subject
        if threshold not in self._at:
            while len(self._at) >= MAX_THRESHOLDS:
                self._at.pop(next(iter(self._at)))
            self._at[threshold] = self.subject.with_threshold(threshold)
        return self._at[threshold]


class Shelf:
    """The subjects that are open on this server, the least recently used one dropped past `MAX_SUBJECTS`."""

    def __init__(self) -> None:
        self._opened: OrderedDict[str, Opened] = OrderedDict()
        self._lock = Lock()

    def put(self, subject: Subject, token: str = "", origin: Mapping[str, Any] | None = None) -> Opened:
        """Keep a subject and return its entry."""
        opened = Opened(token or secrets.token_urlsafe(12), subject, origin or {})
        with self._lock:
            self._opened.pop(opened.token, None)
            self._opened[opened.token] = opened
            while len(self._opened) > MAX_SUBJECTS:
                self._opened.popitem(last=False)
        return opened

    def drop(self, token: str) -> None:
        """Close a subject for everyone."""
        with self._lock:
            self._opened.pop(token, None)

    def get(self, token: str) -> Opened | None:
        """Return the entry of a token, if it is still open."""
        with self._lock:
            if token in self._opened:
                self._opened.move_to_end(token)
            return self._opened.get(token)


@st.cache_resource(show_spinner=False)
def shelf() -> Shelf:
    """Return the server's one shelf."""
    return Shelf()


def open_subject(subject: Subject, *, origin: Mapping[str, Any] | None = None) -> Opened:
    """Keep an uploaded subject and make it the one that this session looks at."""
    opened = shelf().put(subject, origin=origin)
    look_at(opened)
    return opened


def keep_demo(name: str, subject: Subject) -> None:
    """Keep a demo for everyone; who asked for it sees it at the next run."""
    shelf().put(subject, f"demo:{name}")


def keep_saved(token: str, subject: Subject) -> None:
    """Keep a subject that was opened from saved work; who asked for it sees it at the next run."""
    shelf().put(subject, token)


def look_at(opened: Opened) -> None:
    """Make an open subject the one that this session looks at, and forget what was chosen on the last one."""
    st.session_state["_token"] = opened.token
    _forget_linked()
    _write_url(opened)


def look_at_demo(name: str) -> None:
    """Ask for a demo, which the next run opens; what was chosen on the last subject is forgotten."""
    _forget_linked()
    if SUBJECT in st.query_params:
        del st.query_params[SUBJECT]
    st.query_params[DEMO] = name


def opened() -> Opened | None:
    """Return what this session looks at: what the link says, else what it looked at last."""
    token = _token_in_url() or st.session_state.get("_token")
    found = shelf().get(token) if token else None
    if found is not None:
        st.session_state["_token"] = found.token
        _write_url(found)
    return found


def _token_in_url() -> str:
    if DEMO in st.query_params:
        return f"demo:{st.query_params[DEMO]}"
    return st.query_params.get(SUBJECT, "")


def wanted_demo() -> str:
    """Return the name of the demo that the link asks for and that is not open yet, else ""."""
    name = st.query_params.get(DEMO, "")
    return name if name and shelf().get(f"demo:{name}") is None else ""


def wanted_subject() -> str:
    """Return the token of the subject that the link asks for and that is not open, else ""."""
    token = st.query_params.get(SUBJECT, "")
    return token if token and shelf().get(token) is None else ""


def ask_for(token: str) -> None:
    """Ask for saved work, which the next run opens; what was chosen on the last subject is forgotten."""
    _forget_linked()
    if DEMO in st.query_params:
        del st.query_params[DEMO]
    st.query_params[SUBJECT] = token


def close_subject(token: str) -> None:
    """Close a subject for everyone, and take it out of this session's link."""
    shelf().drop(token)
    if st.session_state.get("_token") == token:
        del st.session_state["_token"]
        _forget_linked()
        forget_link()


def forget_link() -> None:
    """Drop a subject or demo that cannot be opened from the link."""
    for name in (SUBJECT, DEMO):
        if name in st.query_params:
            del st.query_params[name]


def _write_url(opened: Opened) -> None:
    """Let the link name what is open and chosen, in one step: navigation may drop it, and each step is one for Back."""
    name, value = (DEMO, opened.token[5:]) if opened.token.startswith("demo:") else (SUBJECT, opened.token)
    kept = {each: st.session_state.get(f"_linked:{each}") for each in (COHORT, THRESHOLD)}
    params = {each: text for each, text in kept.items() if text is not None}
    params |= {each: st.query_params.get_all(each) for each in st.query_params if each not in (DEMO, SUBJECT)}
    _write({**params, name: value})


def _write(params: Mapping[str, str | Sequence[str]]) -> None:
    """Make these the link's parameters, unless they are."""
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in params.items()}
    if wanted != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict(wanted)


def link() -> dict[str, str]:
    """Return the part of the link that every page shares: what is open, and the rows and threshold chosen."""
    return {name: st.query_params[name] for name in (SUBJECT, DEMO, COHORT, THRESHOLD) if name in st.query_params}


def identity() -> dict[str, str]:
    """Return the part of the link that names what is open."""
    return {name: st.query_params[name] for name in (SUBJECT, DEMO) if name in st.query_params}


def parameters() -> dict[str, str]:
    """Return all of the link's parameters: with the page they are the view."""
    return {name: st.query_params[name] for name in st.query_params}


def forget_chosen() -> None:
    """Forget what was chosen on this subject, before another view of it is opened."""
    _forget_linked()


def cohort() -> Cohort | None:
    """Return the active cohort, None: all rows."""
    predicate = _linked(COHORT)
    if predicate is None:
        return None
    label: str = st.session_state.get("_cohort_labels", {}).get(predicate, "")
    return Cohort(predicate, label)


def set_cohort(cohort: Cohort | None) -> None:
    """Make `cohort` the active one, None: all rows."""
    if cohort is not None:
        st.session_state.setdefault("_cohort_labels", {})[cohort.predicate] = cohort.label
    _set_linked(COHORT, None if cohort is None else cohort.predicate)


def threshold() -> float | None:
    """Return the decision threshold that this session chose, None: the subject's own."""
    text = _linked(THRESHOLD)
    try:
        value = None if text is None else float(text)
    except ValueError:
        value = None
    return value if value is not None and 0 <= value <= 1 else None


def set_threshold(value: float) -> None:
    """Choose a decision threshold."""
    _set_linked(THRESHOLD, f"{value:g}")


def subject() -> Subject | None:
    """Return what this session looks at, at its threshold."""
    found = opened()
    return None if found is None else found.at(threshold())


def _linked(name: str) -> str | None:
    """Return a value that lives in the link: what a link from outside says, else what this session chose last.

    Navigation between pages drops it from the link, so it is kept in the session and written back.
    """
    text = st.query_params.get(name)
    if text and text != st.session_state.get(f"_linked:{name}"):
        st.session_state[f"_linked:{name}"] = text
    chosen: str | None = st.session_state.get(f"_linked:{name}")
    if chosen is not None and text != chosen:
        st.query_params[name] = chosen
    return chosen


def _set_linked(name: str, value: str | None) -> None:
    st.session_state[f"_linked:{name}"] = value
    if value is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != value:
        st.query_params[name] = value


def _forget_linked() -> None:
    for key in list(st.session_state):
        if isinstance(key, str) and key.startswith("_linked:"):
            _set_linked(key.removeprefix("_linked:"), None)


def linked(name: str) -> str | None:
    """Return a value of a page that lives in the link, None where there is none; other pages keep it."""
    return _linked(name)


def set_linked(values: Mapping[str, str | None]) -> None:
    """Put values of a page into the link in one step, as the browser's way back takes it; None takes one out."""
    params: dict[str, str | Sequence[str]] = {name: st.query_params.get_all(name) for name in st.query_params}
    for name, value in values.items():
        st.session_state[f"_linked:{name}"] = value
        params.pop(name, None)
        if value is not None:
            params[name] = value
    _write(params)


def remember(name: str, value: Any) -> None:
    """Keep a value of a page for this session."""
    st.session_state[f"_page:{name}"] = value


def recall(name: str, default: Any = None) -> Any:
    """Return what `remember` kept."""
    return st.session_state.get(f"_page:{name}", default)


def put_widget(key: str, value: Any) -> None:
    """Set a widget's value before it is drawn."""
    st.session_state[key] = value


def widget(key: str, default: Any = None) -> Any:
    """Return a widget's value."""
    return st.session_state.get(key, default)


def entered() -> bool:
    """Whether ``app.py`` has begun this run; a deep link that is opened first can run a page without it."""
    return bool(st.session_state.get("_entered"))


def enter() -> None:
    """Say that ``app.py`` has begun this run, and let the link say again what navigation dropped."""
    st.session_state["_entered"] = True
    opened()
