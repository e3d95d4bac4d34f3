"""Asking a prediction service instead of loading a model's file: what a person says of it, and the server's secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from components import state
from components.text import literal
from debuggers.models.model import Model
from debuggers.services.address import policy
from debuggers.services.service_model import PROTOCOLS, Secret, Service, connect
from debuggers.task import Task

NO_SECRET = "none"  # noqa: S105 - the choice of no header


def secrets() -> dict[str, Secret]:
    """Return the headers for services in Streamlit's secrets: ``[services.NAME]`` with `url`, `header`, `value`."""
    try:
        sections: Mapping[str, Mapping[str, str]] = st.secrets.get("services", {})
    except FileNotFoundError:  # a server without secrets
        return {}
    return {name: Secret(str(s["url"]), str(s["header"]), str(s["value"])) for name, s in sections.items()}


def service_form(role: str) -> None:
    """Draw the form for the address of a service; nothing where the server asks none."""
    if policy() == "off":
        return
    with st.popover("Ask a service instead", icon=":material/cloud:"), st.form(f"service_{role}", border=False):
        url = st.text_input("Address", placeholder="https://models.example.org/churn")
        protocol = st.selectbox(
            "Protocol", PROTOCOLS, help="MLflow: /invocations. Open Inference: KServe, MLServer, Triton"
        )
        model = st.text_input("Model's name", help="Open Inference only")
        secret = st.selectbox(
            "Header",
            (NO_SECRET, *secrets()),
            help="Of this server's secrets; it goes to the address that it is kept for",
        )
        st.caption(
            "The rows of your tables are sent to this address and to no other, in batches, when a page needs them."
        )
        if st.form_submit_button("Use this service", type="primary"):
            chosen = Service(url.strip(), protocol, model.strip(), "" if secret == NO_SECRET else secret)
            state.remember(f"service_{role}", chosen)
            st.rerun()


def chosen_service(role: str) -> Service | None:
    """Return the service that the person named for a role."""
    found: Service | None = state.recall(f"service_{role}")
    return found


def drop_service(role: str) -> None:
    """Forget the service of a role."""
    state.remember(f"service_{role}", None)


def connected(service: Service, task: Task | None) -> Model:
    """Return a service as a model that predicts `task`; raises `ServiceProblem`."""
    return connect(replace(service, task=task), allowed=policy(), secrets=secrets())


def asked_service(role: str) -> None:
    """Say which service is asked for a role, with a button that forgets it."""
    service = chosen_service(role)
    if service is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Asking {literal(service.url)} ({service.protocol})", width="content")
        st.button("Remove", key=f"drop_service_{role}", icon=":material/close:", on_click=drop_service, args=(role,))
