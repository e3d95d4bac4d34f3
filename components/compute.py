"""Answers of debuggers, computed once and off the script's thread: the page shows progress and can cancel."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import uuid4

import streamlit as st

from components import saving, state
from components.text import literal
from debuggers.debugger import Debugger, Finding
from debuggers.errors import InputError
from debuggers.execution import Cancelled, Progress, tracked
from debuggers.params import Params
from debuggers.subject import Subject

log = logging.getLogger("faultline")
# An answer that comes within this many seconds is shown at once; else progress is shown until it is there.
PATIENCE = 0.4
POLL_SECONDS = 0.2
MAX_ANSWERS = 512
WORKERS = 3


@dataclass
class Job:
    """Some work under way or done."""

    future: Future[Any]
    progress: Progress


class Desk:
    """The server's jobs by key; the same question asked twice is computed once."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[tuple[Any, ...], Job] = OrderedDict()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="faultline")

    def submit(self, key: tuple[Any, ...], work: Callable[[], Any]) -> Job:
        """Return the job of `key`, started now if it is not there."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                progress = Progress()
                job = Job(self._pool.submit(_run, work, progress), progress)
                self._jobs[key] = job
            self._jobs.move_to_end(key)
            while len(self._jobs) > MAX_ANSWERS:
                self._jobs.popitem(last=False)
            return job

    def at_work(self) -> list[Future[Any]]:
        """Return what is not done yet."""
        with self._lock:
            return [job.future for job in self._jobs.values() if not job.future.done()]

    def cancel_all(self) -> None:
        """Tell all work to end at the next report of its progress; what has not begun does not begin."""
        with self._lock:
            for job in self._jobs.values():
                job.progress.cancel()
                job.future.cancel()

    def forget(self, key: tuple[Any, ...]) -> None:
        """Drop a job, so that asking again starts it anew."""
        with self._lock:
            self._jobs.pop(key, None)


def _run(work: Callable[[], Any], progress: Progress) -> Any:
    with tracked(progress):
        return work()


@st.cache_resource(show_spinner=False)
def desk() -> Desk:
    """Return the server's one desk."""
    return Desk()


def answer_key(debugger: Debugger, subject: Subject, params: Params) -> tuple[Any, ...]:
    """Return what an answer depends on: the debugger's code, the subject's content, and the parameters."""
    return (debugger.slug, debugger.version, subject.fingerprint, params)


def answer(debugger: Debugger, subject: Subject, params: Params, *, in_fragment: bool = False) -> Any:
    """Return a debugger's result; while it is computed the page shows progress and waits."""
    token = _token()
    return wait(
        answer_key(debugger, subject, params),
        lambda: saving.answered(debugger, subject, params, token),
        f"Computing {debugger.title.lower()}",
        in_fragment=in_fragment,
    )


def _token() -> str:
    opened = state.opened()
    return "" if opened is None else opened.token


@dataclass(frozen=True)
class Answer:
    """What a debugger has said so far.

    Parameters
    ----------
    state : {"pending", "done", "failed"}
    findings : tuple of Finding
    problem : str
        Why it failed, in one sentence.
    """

    state: str
    findings: tuple[Finding, ...] = ()
    problem: str = ""


def known_answer(debugger: Debugger, subject: Subject, params: Params) -> Answer:
    """Return what is known of an answer, without waiting; starts to compute what has not been asked."""
    token = _token()
    job = desk().submit(
        answer_key(debugger, subject, params),
        lambda: saving.answered(debugger, subject, params, token),
    )
    if not job.future.done():
        return Answer("pending")
    failure = None if job.future.cancelled() else job.future.exception()
    if failure is None:
        return Answer("done", job.future.result().findings)
    sentence = str(failure) if isinstance(failure, InputError) else "open its page to see what happened."
    return Answer("failed", problem="it was cancelled." if isinstance(failure, Cancelled) else sentence)


def finish(key: tuple[Any, ...], work: Callable[[], Any], message: str, *, in_fragment: bool = False) -> Any:
    """Return what `work` returns or raise what it raises; parameters are those of `wait`."""
    place = st.empty()
    job = desk().submit(key, work)
    if futures.wait([job.future], PATIENCE).not_done:
        if in_fragment:
            _poll(job, message)
            st.stop()
        _show_progress(job, place, message)
    return job.future.result()


def wait(key: tuple[Any, ...], work: Callable[[], Any], message: str, *, in_fragment: bool = False) -> Any:
    """Return what `work` returns; while it is under way the page shows progress with a cancel button, and waits.

    Parameters
    ----------
    key : tuple
        What the work depends on.
    work : callable
    message : str
        Shown until the work reports one.
    in_fragment : bool
        Whether a fragment asks. A click in a fragment does not end its run, so it stops there and looks again.

    What goes wrong is one sentence on the page: an `InputError` says what to do, anything else is logged under an id.
    """
    try:
        return finish(key, work, message, in_fragment=in_fragment)
    except Cancelled:
        _offer_again(key, "Cancelled.")
    except InputError as problem:
        desk().forget(key)
        st.error(literal(problem), icon=":material/error:")
    except Exception as failure:  # noqa: BLE001 - the page boundary: it is logged, and the person told
        desk().forget(key)
        show_failure(failure)
    return st.stop()


def show_failure(failure: BaseException) -> None:
    """Log an exception and show the id of its log entry; no traceback reaches the browser."""
    ticket = uuid4().hex[:8]
    log.error("failure %s", ticket, exc_info=failure)
    st.error(
        f"This did not work, and it is our fault, not yours. The server's log has the details under **{ticket}**. "
        "What was loaded is still loaded: change a parameter or reload the page.",
        icon=":material/error:",
    )


def _show_progress(job: Job, place: Any, message: str) -> None:
    """Show a job's progress until it is done.

    The script itself waits: a click meanwhile ends its run as soon as the bar is drawn again. Polling from the browser
    would race with the click, and the one that reaches the server last would win.
    """
    with place.container():
        line = _bar(job)
    waiting = True
    while waiting:
        line.progress(job.progress.fraction, text=_said(job, message))
        waiting = bool(futures.wait([job.future], POLL_SECONDS).not_done)
    place.empty()


def _poll(job: Job, message: str) -> None:
    @st.fragment(run_every=POLL_SECONDS)
    def look() -> None:
        if job.future.done():
            st.rerun()
        _bar(job).progress(job.progress.fraction, text=_said(job, message))

    look()


def _bar(job: Job) -> Any:
    """Draw a cancel button and the place of a progress bar, and return that."""
    bar, button = st.columns([6, 1], vertical_alignment="center")
    button.button("Cancel", key=f"_cancel_{id(job)}", icon=":material/close:", on_click=job.progress.cancel)
    place = bar.empty()
    st.skeleton(height=360)
    return place


def _said(job: Job, message: str) -> str:
    return f"{literal(job.progress.message or message)} …"


def _offer_again(key: tuple[Any, ...], sentence: str) -> None:
    st.info(sentence, icon=":material/info:")
    st.button("Compute again", key="_again", on_click=desk().forget, args=(key,))
