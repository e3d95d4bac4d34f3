"""The frame: page config, navigation, what is loaded, and the cohort bar; the pages do the rest."""

import streamlit as st

from components import navigation, state
from components.cohort_bar import cohort_bar
from components.loader import open_wanted_demo
from components.text import literal

st.set_page_config(page_title="Faultline", page_icon=":material/vital_signs:", layout="wide")

state.enter()
open_wanted_demo()
opened = state.opened()
page = navigation.declare(ready=opened is not None)

with st.sidebar:
    if opened is not None:
        subject = opened.subject
        st.caption(f"**{literal(subject.name)}** · {subject.task} · {len(subject.test):,} rows")

if opened is not None and page.url_path != navigation.LOAD:
    cohort_bar(opened)

page.run()
