"""Sessions whose browser went away are let go when their time is over, on a quiet server too."""

from __future__ import annotations

from unittest.mock import Mock

from streamlit.runtime.memory_session_storage import MemorySessionStorage

from serving.housekeeping import forget_old_sessions


def test_sessions_past_their_time_are_let_go() -> None:
    now = 0.0
    storage = MemorySessionStorage(ttl_seconds=120)
    storage._cache = type(storage._cache)(maxsize=128, ttl=120, timer=lambda: now)  # type: ignore[call-arg]
    for i in range(3):
        session = Mock()
        session.session.id = str(i)
        storage.save(session)
        now += 50
    assert forget_old_sessions(storage._cache) == 1
    assert forget_old_sessions(storage._cache) == 0
    now += 200
    assert forget_old_sessions(storage._cache) == 2
    assert storage.list() == []
