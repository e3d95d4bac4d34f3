"""What-if: choose a row, edit it, and see what the model makes of it while you do."""

import streamlit as st

from components import navigation, state
from components.charts.what_if import style_html
from components.page import open_page
from components.text import literal
from components.what_if.bench import EDITS, open_bench
from components.what_if.editor import Editor, edit
from components.what_if.rows import choose_row
from debuggers.analyses.what_if import WhatIfParams, WhatIfResult
from debuggers.editing import read_edits
from debuggers.errors import BadParameter

frame = open_page("what_if")
subject = frame.subject
st.html(style_html(frame.palette))
row = choose_row(subject, frame.mask)
base: WhatIfResult = frame.answer(WhatIfParams(row))
try:
    edits = read_edits(subject, state.linked(EDITS) or "{}")
except BadParameter as problem:
    st.warning(f"{literal(problem)} The row is shown as it is in the file.", icon=":material/warning:")
    state.set_linked({EDITS: None})
    edits = {}

bench = open_bench(subject.fingerprint, base, edits)
bounds = (0.0, 1.0) if subject.task.is_classification else (float(subject.scores.min()), float(subject.scores.max()))
edit(Editor(frame, bench, bounds, base))
st.page_link(
    navigation.path_of("importance"), label="What each feature contributes to this row", icon=":material/leaderboard:",
    query_params={**state.link(), "importance_row": str(row), "importance_view": "One row"},
)  # fmt: skip
frame.how_to_read()
