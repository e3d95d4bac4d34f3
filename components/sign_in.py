"""Signing in with an OpenID Connect provider, where the server asks for it."""

from __future__ import annotations

import os

import streamlit as st

from components.text import literal


def is_needed() -> bool:
    """Whether the server asks for it and nobody has."""
    return os.environ.get("FAULTLINE_SIGN_IN", "off") == "required" and not st.user.get("is_logged_in")


def require() -> None:
    """Stop the page at a button that signs in, where that is needed."""
    if not is_needed():
        return
    st.title("Faultline", anchor=False)
    st.write("Sign in to see what you loaded and what others share with you.")
    st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
    st.stop()


def account() -> None:
    """Say in the sidebar who is signed in, with a button to sign out; nothing where nobody is."""
    if not st.user.get("is_logged_in"):
        return
    with st.sidebar:
        st.caption(f":material/account_circle: {literal(st.user.get('name') or st.user.get('email') or 'signed in')}")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, type="tertiary")
