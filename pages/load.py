"""Load."""

import streamlit as st

st.title("Load")
