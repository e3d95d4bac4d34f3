"""The pieces of the Load page: demos, uploads, roles, schema, and the summary of what was understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from components import state
from components.draft import draft, drafted_model, drafted_table, edited, file_id, kept_name, take
from components.navigation import OVERVIEW, path_of
from components.services import asked_service, chosen_service, service_form
from components.text import literal
from debuggers.data.demos import all_demos
from debuggers.data.options import DELIMITERS, ENCODINGS, ReadOptions
from debuggers.data.reading import Table
from debuggers.data.schema import Kind
from debuggers.errors import ConsentNeeded, InputError
from debuggers.guessing import likely_predictions, likely_target
from debuggers.labels import label_order
from debuggers.matching import Roles, Understanding
from debuggers.models.model import Model
from debuggers.task import Task

AUTO, TASK_KEY = "find out", "load_task"
MAX_MATCHES = 40
UPLOAD_LIMIT_MB = 1024
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def demo_cards() -> None:
    """Draw one card per demo; its button opens it."""
    with st.grid(3, min_column_width=260, border=True, key="demos"):
        for demo in all_demos():
            with st.container():
                st.markdown(f"**{demo.title}** :gray-badge[{demo.task}] :gray-badge[{demo.model_format}]")
                st.caption(demo.description)
                if demo.faults:
                    with st.expander("The planted faults"):
                        for fault in demo.faults:
                            st.caption(f"- {literal(fault.text)}")
                st.button(
                    f"Open {demo.title.lower()}", key=f"demo_{demo.name}", icon=":material/play_arrow:",
                    on_click=_open_demo, args=(demo.name,),
                )  # fmt: skip


def _open_demo(name: str) -> None:
    state.look_at_demo(name)
    st.switch_page(path_of(OVERVIEW), query_params={"demo": name})


def chosen_task() -> Task | None:
    """Return the task that the person chose, None: find out; models are loaded for it before it is drawn."""
    text = state.widget(TASK_KEY, AUTO)
    return None if text == AUTO else Task(text)


def show_problem(found: object) -> None:
    """Show a problem of a file as its sentence."""
    if isinstance(found, ConsentNeeded):
        st.warning(literal(found), icon=":material/warning:")
    elif isinstance(found, InputError):
        st.error(literal(found), icon=":material/error:")


def _uploader(role: str, label: str, help_text: str) -> None:
    """Draw an uploader; a file that was read stays when the person leaves the page and comes back."""
    key = f"upload_{role}"

    def changed() -> None:
        state.remember(f"options_{role}", ReadOptions())
        if state.widget(key) is None:
            draft().drop(role)

    upload = st.file_uploader(label, key=key, help=help_text, max_upload_size=UPLOAD_LIMIT_MB, on_change=changed)
    if upload is not None:
        take(role, upload)
    elif kept_name(role):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Kept from before: {literal(kept_name(role))}", width="content")
            st.button("Remove", key=f"remove_{role}", icon=":material/close:", on_click=draft().drop, args=(role,))


def upload_model(role: str, label: str, help_text: str) -> Model | InputError | None:
    """Draw an uploader for a model, or a form for a service, and return the model, its problem, or None."""
    if chosen_service(role) is None:
        _uploader(role, label, help_text)
        service_form(role)
    else:
        asked_service(role)
    key = f"consent_{role}:{file_id(role)}"  # to this file: another one asks again
    consent = bool(state.widget(key, False))
    with st.spinner("Reading the model in a process of its own"):
        found = drafted_model(role, chosen_task(), consent=consent)
    show_problem(found)
    if consent or isinstance(found, ConsentNeeded):
        _ask_consent(key)
    if found is not None and not isinstance(found, InputError):
        _describe_model(found)
    return found


def _ask_consent(key: str) -> None:
    st.checkbox(
        "Run this program in the jail",
        key=key,
        persist_state="session",
        help="It runs in a process that can read Python's libraries and nothing else: no files of yours, no network, "
        "no other programs, bounded memory and time. It can still answer with wrong predictions: consent to files "
        "whose origin you know.",
    )


def _describe_model(model: Model) -> None:
    about = model.signature
    facts = [about.format, str(about.task) if about.task else "task not in the file"]
    if about.features is not None:
        facts.append(f"{len(about.features)} named inputs")
    elif about.n_features is not None:
        facts.append(f"{about.n_features} inputs without names")
    if about.classes is not None:
        facts.append("classes " + ", ".join(literal(c) for c in about.classes[:6]))
    if about.handles_missing is not None:
        facts.append("takes missing values" if about.handles_missing else "does not take missing values")
    st.caption(":material/check: " + " · ".join(facts))
    for note in about.notes:
        st.caption(f":material/warning: {literal(note)}")


def upload_table(role: str, label: str, help_text: str) -> Table | InputError | None:
    """Draw an uploader for a table with its reading options, and return the table, its problem, or None."""
    _uploader(role, label, help_text)
    options = state.recall(f"options_{role}", ReadOptions())
    with st.spinner("Reading the table in a process of its own"):
        found = drafted_table(role, options)
    show_problem(found)
    if found is not None:
        if isinstance(found, Table):
            st.caption(
                f":material/check: {found.format} · {len(found.frame):,} rows · {len(found.frame.columns)} columns"
            )
        _reading_options(role, options, found)
    return found


def _reading_options(role: str, options: ReadOptions, found: Table | InputError | None) -> None:
    used = found.options if isinstance(found, Table) else options
    with st.expander("How it was read"), st.form(f"read_{role}", border=False):
        if isinstance(found, Table):
            for note in found.notes:
                st.caption(f"- {literal(note)}")
        encoding = st.selectbox("Encoding", (AUTO, *ENCODINGS), help=f"Used: {used.encoding or 'not text'}")
        delimiter = st.selectbox(
            "Delimiter",
            (AUTO, *DELIMITERS),
            format_func=lambda d: DELIMITER_NAMES.get(d, d),
            help=f"Used: {used.delimiter!r}",
        )
        decimal = st.selectbox("Decimal mark", (AUTO, ".", ","), help=f"Used: {used.decimal!r}")
        header = st.checkbox("The first line holds the names", value=options.header)
        skip = st.checkbox("Leave out lines with too many or too few cells", value=options.skip_bad_lines)
        parts: dict[str, Any] = {}
        for field, choices in (("sheet", getattr(found, "sheets", ())), ("member", getattr(found, "members", ()))):
            if len(choices) > 1:
                parts[field] = st.selectbox(field.capitalize(), choices, index=choices.index(getattr(used, field)))
        if st.form_submit_button("Read again"):
            again = ReadOptions(
                encoding=None if encoding == AUTO else encoding,
                delimiter=None if delimiter == AUTO else delimiter,
                decimal=None if decimal == AUTO else decimal,
                header=header,
                skip_bad_lines=skip,
            )
            state.remember(f"options_{role}", replace(again, **parts))
            st.rerun()


def schema_editor(table: Table) -> Table:
    """Draw the table's schema, in which kinds can be changed, and return the table read accordingly."""
    rows = [
        {
            "column": c.name,
            "kind": str(c.kind),
            "missing": c.missing / max(c.rows, 1),
            "distinct": c.distinct,
            "values": f"{c.minimum:g} to {c.maximum:g}"
            if c.minimum is not None and c.maximum is not None
            else ", ".join(str(v) for v in c.categories[:4]),
        }
        for c in table.schema.columns
    ]
    with st.expander(f"Columns of {literal(table.name)} and their kinds"):
        st.caption("Change a kind where it was misread: a code that looks like a number, a date that looks like text.")
        changed = st.data_editor(
            pd.DataFrame(rows),
            key=f"schema_{table.name}",
            hide_index=True,
            disabled=["column", "missing", "distinct", "values"],
            column_config={
                "kind": st.column_config.SelectboxColumn("Kind", options=[str(k) for k in Kind], required=True),
                "missing": st.column_config.NumberColumn("Missing", format="percent"),
            },
        )
        unfit = st.checkbox("Values that do not fit their kind become missing", key=f"unfit_{table.name}")
    kinds = {str(row["column"]): Kind(row["kind"]) for row in changed.to_dict("records")}
    found = edited(table, kinds, unfit_missing=unfit)
    show_problem(found)
    return table if isinstance(found, InputError) else found


def roles_form(table: Table, model: Model | None) -> Roles:
    """Draw what files cannot say, with the best guess filled in, and return the roles."""
    columns = tuple(str(c) for c in table.frame.columns)
    likely = likely_target(table.frame, table.schema, model)
    first, second, third = st.columns(3)
    with first:
        target = st.selectbox(
            "Target", columns, index=None if likely is None else columns.index(likely), placeholder="none",
            **_kept("target", table),
            help="The column of the truth; none: only pages that need no truth work",
        )  # fmt: skip
        tasks = (AUTO, *(str(t) for t in Task))
        st.selectbox(
            "Task",
            tasks,
            help="What the model predicts, where its file does not say",
            key=TASK_KEY,
            persist_state="session",
        )
    with second:
        guess = likely_predictions(table.schema, target)[:1] if model is None else []
        predictions = st.multiselect(
            "Columns of predictions", [c for c in columns if c != target], default=guess, **_kept("predictions", table),
            help="Without a model file: one value, one probability of the positive class, one label, or one "
            "probability per class",
        )  # fmt: skip
        sensitive = st.multiselect(
            "Sensitive columns", columns, help="Their groups are compared", **_kept("sensitive", table)
        )
    with third:
        row_id = st.selectbox("Row id", columns, index=None, placeholder="none")
        ignore = st.multiselect("Columns to ignore", [c for c in columns if c != target])
        threshold = st.number_input(
            "Decision threshold", 0.0, 1.0, 0.5, 0.01, help="Positive above it; binary models only"
        )
    roles = Roles(
        target=target,
        predictions=tuple(predictions) if model is None else (),
        task=chosen_task(),
        sensitive=tuple(sensitive),
        ignore=tuple(ignore),
        row_id=row_id,
        threshold=threshold,
    )
    return replace(roles, classes=_classes(table, model, roles))


def _kept(role: str, table: Table) -> dict[str, Any]:
    """Return what makes a widget keep its value while the person is elsewhere; another table begins anew."""
    return {"key": f"load_{role}:{table.name}:{len(table.frame.columns)}", "persist_state": "session"}


def _classes(table: Table, model: Model | None, roles: Roles) -> tuple[str, ...] | None:
    """Let the person say which label is the positive class, where the model's file does not name its classes."""
    if roles.target is None or roles.task is Task.REGRESSION or table.schema[roles.target].distinct != 2:
        return None
    labels = label_order(table.frame[roles.target])
    own = None if model is None else model.signature.classes
    if own is not None and (own != ("0", "1") or set(labels) <= {"0", "1", "True", "False"}):
        return None
    positive = st.segmented_control(
        "Positive class", labels, default=labels[1], required=True, format_func=literal
    )  # fmt: skip
    return None if positive == labels[1] else (labels[1], labels[0])


def matches_form(understanding: Understanding, columns: Sequence[str]) -> dict[str, str]:
    """Let the person choose a column for each input that has none; return the choices."""
    match = understanding.match
    if match is None or not match.missing:
        return {}
    st.markdown("**Inputs without a column**")
    chosen = {}
    with st.grid(3, min_column_width=220):
        for name in match.missing[:MAX_MATCHES]:
            column = st.selectbox(literal(name), columns, index=None, placeholder="choose", key=f"match_{name}")
            if column is not None:
                chosen[name] = column
    if len(match.missing) > MAX_MATCHES:
        st.caption(f"{len(match.missing) - MAX_MATCHES:,} more are not listed: this may be the wrong table.")
    return chosen


def summary(understanding: Understanding) -> None:
    """Say what was understood: problems first, then facts, the matches and the notes."""
    for problem in understanding.problems:
        show_problem(problem)
    subject, match = understanding.subject, understanding.match
    facts: list[tuple[str, Any]] = [("Task", str(understanding.task or "unknown"))]
    if subject is not None:
        facts += [("Test rows", f"{len(subject.test):,}"), ("Features", str(len(subject.test.features)))]
        facts.append(("Training rows", f"{len(subject.train):,}" if subject.train is not None else "none"))
        facts.append(("Benchmark", "yes" if subject.benchmark is not None else "none"))
    with st.container(horizontal=True):
        for name, value in facts:
            st.metric(name, value, width="content")
    if understanding.classes:
        st.caption(
            "Classes in the order of the model's outputs: " + ", ".join(literal(c) for c in understanding.classes)
        )
    for note in understanding.notes:
        st.caption(f":material/info: {literal(note)}")
    if match is not None:
        with st.expander(f"How {len(match.pairs)} inputs were matched ({match.by})", expanded=bool(match.missing)):
            st.dataframe(
                pd.DataFrame(
                    [(name, column or "", "" if column else "no column") for name, column in match.pairs],
                    columns=["Model's input", "Table's column", "Problem"],
                ),
                hide_index=True,
            )
            if match.unused:
                st.caption("Columns that the model does not read: " + ", ".join(literal(c) for c in match.unused[:40]))
