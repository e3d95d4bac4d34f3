"""Hostile names in the places where pages write them, for `test_names`."""

import streamlit as st

from components.text import badge_text, literal
from tests.names import FORMATTED

for i, name in enumerate(FORMATTED):
    with st.container(key=f"name_{i}"):
        st.caption(literal(name))
        st.markdown(f"**{literal(name)}**")
        st.badge(badge_text(name))
        st.button(literal(name), key=f"button_{i}")
st.caption("all names are here")
