"""Load: demos, uploads, roles, and what was understood of them."""

from dataclasses import replace

import streamlit as st

from components import state
from components.draft import sources, understood
from components.load_form import (
    chosen_task,
    demo_cards,
    matches_form,
    roles_form,
    schema_editor,
    summary,
    upload_model,
    upload_table,
)
from components.page import guard
from components.saved_work import keep, kept_for, saved_work
from components.text import literal
from debuggers.data.reading import Table
from debuggers.errors import InputError
from debuggers.opening import Files
from debuggers.workspace.recipe import Origin

guard()
st.title("Load", anchor=False)
st.caption("Faultline shows where a model breaks, and why. Open a demo, or bring your own model and table.")

opened = state.opened()
if opened is not None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("Loaded", icon=":material/check:", color="green")
        st.page_link(
            "pages/overview.py", label=f"Go on with {literal(opened.subject.name)}", icon=":material/arrow_forward:"
        )

saved_work()

st.subheader("Open a demo", anchor=False)
demo_cards()

st.subheader("Debug your own model", anchor=False)
st.caption(kept_for())
left, right = st.columns(2, gap="large")
with left:
    model = upload_model(
        "model",
        "Model",
        "ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost cbm, skops, or after your consent a pickle. It is loaded "
        "in a process of its own, in a jail. "
        "Leave it out where the table holds predictions.",
    )
with right:
    test = upload_table(
        "test",
        "Test table",
        "CSV, Parquet, Feather or Excel, plain or in gzip or zip: rows that the model was not trained on.",
    )
with st.expander("Training table and benchmark model (optional)"):
    left, right = st.columns(2, gap="large")
    with left:
        train = upload_table(
            "train", "Training table", "Shows overfitting and shift; the same columns as the test table."
        )
    with right:
        benchmark = upload_model("benchmark", "Benchmark model", "A model to compare with, on the same rows.")

if not isinstance(test, Table):
    if test is None and model is not None:
        st.info("Now choose the test table.", icon=":material/arrow_upward:")
    st.stop()

test = schema_editor(test)
usable = None if isinstance(model, InputError) else model
st.subheader("What is what", anchor=False)
roles = roles_form(test, usable)

st.subheader("What was understood", anchor=False)
files = Files(
    (usable or test).name,
    test,
    usable,
    train if isinstance(train, Table) else None,
    None if isinstance(benchmark, InputError) else benchmark,
)
with st.spinner("Trying the model on the first rows"):
    understanding = understood(files, roles)
    chosen = matches_form(understanding, list(test.frame.columns))
    if chosen:
        understanding = understood(files, replace(roles, matches=chosen))
if not isinstance(model, InputError):
    summary(understanding)
refused = [found for found in (model, train, benchmark) if isinstance(found, InputError)]
if refused:
    st.warning("A file above was refused, or waits for your consent: decide there first.", icon=":material/warning:")
if st.button(
    "Start debugging",
    type="primary",
    icon=":material/play_arrow:",
    disabled=understanding.subject is None or bool(refused),
):
    assert understanding.subject is not None
    opened = state.open_subject(understanding.subject)
    with st.spinner("Saving"):
        keep(opened, Origin(files, replace(roles, matches=chosen or roles.matches), sources(chosen_task())))
    st.switch_page("pages/overview.py", query_params=state.link())
