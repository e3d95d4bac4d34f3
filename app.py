"""The frame: page config, navigation, what is loaded, and the cohort bar; the pages do the rest."""

import streamlit as st

from components import navigation, sign_in, state
from components.cohort_bar import cohort_bar
from components.loader import open_link, sidebar

st.set_page_config(page_title="Faultline", page_icon="components/icon.png", layout="wide")

st.logo("components/logo.svg", icon_image="components/icon.png", size="large")

page = navigation.declare(hidden=sign_in.is_needed())
sign_in.require()
state.enter()
place = st.sidebar.empty()
drawn = navigation.menu(place)
with st.container():  # whether or not there is something to open: what stands below keeps its place, and stays as it is
    open_link()
sidebar()
sign_in.account()
opened, subject = state.opened(), state.subject()
if opened is not None and subject is not None and page.url_path != navigation.LOAD:
    cohort_bar(opened, subject, page.url_path)
if state.link() != drawn:  # it led to something that is not there
    navigation.menu(place)

page.run()
