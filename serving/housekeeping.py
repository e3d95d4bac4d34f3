"""What a server gives back: the memory, descriptors and uploads of people who left, and the garbage of all runs.

Streamlit keeps the session of a browser that went away for two minutes, so that a short break in the network loses
nothing, but it looks at the age of kept sessions only when another one goes. On a quiet server they, and the uploads in
them, would stay for ever.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from typing import Any

from streamlit import runtime

log = logging.getLogger("faultline")
PERIOD_SECONDS = 30.0


async def keep_house() -> None:
    """Let go of sessions that are past their time and collect garbage, until cancelled."""
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        forget_old_sessions(_kept_sessions())
        gc.collect()  # sessions and runs refer to themselves in many ways


def forget_old_sessions(kept: Any) -> int:
    """Drop what is past its time from a cache with time limits; return how much that was."""
    return len(kept.expire() or ())


def _kept_sessions() -> Any:
    """Return Streamlit's cache of sessions whose browser went away."""
    return runtime.get_instance()._session_mgr._session_storage._cache  # type: ignore[attr-defined]  # noqa: SLF001
