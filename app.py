"""The frame of the app; for now a page that shows that serving works."""

import streamlit as st

st.set_page_config(page_title="Faultline", layout="wide")
st.title("Faultline")
st.write("Find where a machine-learning model breaks.")
