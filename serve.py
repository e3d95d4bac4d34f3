"""Faultline under uvicorn, in one process: ``python -m serve [--host 127.0.0.1] [--port 8501]``.

Settings of the server come from the environment:

``FAULTLINE_ALLOWED_HOSTS``
    Comma-separated host names that the server answers to besides the loopback names and the one it is bound to, such as
    ``app.example.org,*.lab.example.org``; ``*`` for all. Bound to all addresses (``0.0.0.0``), all unless set.
``FAULTLINE_MAX_SESSIONS``
    How many browser sessions may be open at once (default 200).
``FAULTLINE_STOP_SECONDS``
    How long a stop waits for what is being computed (default 20).
``FAULTLINE_SIGN_IN``
    ``required``: people sign in first, with the provider that ``[auth]`` in Streamlit's secrets names (default off).
``FAULTLINE_LOG``
    ``full``: the log repeats the messages of exceptions, which may quote data (default plain).
``FAULTLINE_KEEP_DAYS``, ``FAULTLINE_KEEP_GB``
    How long after its last use saved work is deleted (default 30; 0 saves nothing), and how much is kept (default 20).

Settings of Streamlit live in ``.streamlit/config.toml``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

import streamlit as st
import uvicorn

from components.saving import workspace
from debuggers.debugger import all_debuggers
from debuggers.errors import InputError
from debuggers.sandbox import trust
from serving.guards import guards
from serving.health import routes
from serving.housekeeping import keep_house
from serving.log import configure
from serving.settings import BadSetting, Settings, in_url, is_wildcard
from serving.stopping import GracefulServer
from serving.warming import warm_up

APP = Path(__file__).with_name("app.py")

# Imported before the first visitor comes, so that nobody waits for it and `gc.freeze` covers it.
WARM = (
    "altair",
    "duckdb",
    "pandas",
    "plotly.subplots",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.neighbors",
    "statsmodels.nonparametric.smoothers_lowess",
    "statsmodels.stats.multitest",
    "components.load_form",
    "components.loader",
    "components.page",
)

MEGABYTE = 2**20
log = logging.getLogger("faultline")


def report_failure(error: Exception) -> bool:
    """Show an id of an unforeseen error; what happened stands in the log under that id."""
    reference = secrets.token_hex(4)
    log.error("Unforeseen error %s", reference, exc_info=error)
    st.error(
        "Something went wrong on this page; what you loaded is kept. Go back or change the last input, and "
        f"report the id {reference} if it happens again: the server's log says more under it."
    )
    return True


def create_app(settings: Settings, stopping: Event) -> st.App:
    """Return the ASGI application: the app, its limits and its headers."""

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:
        for name in WARM:
            importlib.import_module(name)
        all_debuggers()
        configure(full=settings.full_log)
        # Without the libraries' objects a collection of garbage takes no time.
        gc.collect()
        gc.freeze()
        print(f"Faultline is ready: {url(settings)}", flush=True)  # noqa: T201 - the one line of a server that starts
        warm_up()
        housekeeping = asyncio.create_task(keep_house())
        yield
        housekeeping.cancel()
        gc.unfreeze()

    return st.App(
        APP,
        lifespan=lifespan,
        routes=routes(stopping),
        middleware=guards(settings, stopping),
        on_script_error=report_failure,
    )


def url(settings: Settings) -> str:
    """Return the address to open in a browser on this machine."""
    host = "localhost" if is_wildcard(settings.host) else in_url(settings.host)
    return f"http://{host}:{settings.port}"


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    BadSetting
        The address is in use or not this machine's.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]
        raise BadSetting(
            f"Cannot listen on {in_url(host)}:{port} ({reason}): "
            "choose another address with --host or --port (make run PORT=8502)."
        ) from error
    # Accepted connections inherit it; asyncio sets it only on sockets that were made in another way.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(settings: Settings, listener: socket.socket) -> None:
    """Run the application until the process is told to stop."""
    stopping = Event()
    app = create_app(settings, stopping)  # first: it tells Streamlit where its settings are
    if settings.sign_in and "auth" not in st.secrets:
        raise BadSetting(
            "FAULTLINE_SIGN_IN=required needs a provider: write its [auth] section into .streamlit/secrets.toml."
        )
    trust.serving_on(settings.host)
    workspace()  # a folder that cannot be used stops the start
    options: dict[str, Any] = {
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "ws_max_size": st.get_option("server.maxMessageSize") * MEGABYTE,
        "ws_per_message_deflate": False,  # as Streamlit has it: the messages are small or compressed already
        "timeout_graceful_shutdown": 5,
    }
    server = GracefulServer(uvicorn.Config(app, **options), stopping, settings.stop_seconds)
    server.run(sockets=[listener])


def port_number(text: str) -> int:
    """Read a port from the command line."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, serve, and return the exit code: 0, or 2 for a setting that does not work."""
    parser = argparse.ArgumentParser(prog="python -m serve", description="Serve Faultline.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port_number, default=8501, help="0 for any free one (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        listener = listen(chosen.host, chosen.port)
        serve(Settings.read(chosen.host, listener.getsockname()[1], os.environ), listener)
    except InputError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command line
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
