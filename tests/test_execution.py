"""Work shared out among threads: every answer in its place, progress, errors, and an end when it is cancelled."""

from __future__ import annotations

from threading import Barrier, Lock

import pytest

from debuggers import execution
from debuggers.execution import Cancelled, Progress, in_threads, report, tracked


@pytest.fixture(autouse=True)
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "threads", lambda: 3)


def test_answers_come_in_the_order_of_the_pieces() -> None:
    assert in_threads(lambda piece: piece * piece, range(100)) == [piece * piece for piece in range(100)]


def test_as_many_pieces_are_worked_on_at_once_as_there_are_cores() -> None:
    together = Barrier(3, timeout=60)
    assert len(set(in_threads(lambda _: together.wait(), range(3)))) == 3


def test_what_a_piece_reports_is_not_the_progress_of_the_whole() -> None:
    progress, together = Progress(), Barrier(3, timeout=60)

    def work(_: int) -> None:
        together.wait()
        report(0.99, "a piece")

    with tracked(progress):
        in_threads(work, range(3), "the whole", (0.2, 0.4))
    assert 0.2 < progress.fraction <= 0.4
    assert progress.message == "the whole"


@pytest.mark.parametrize("broken", [0, 7, 99])
def test_an_error_in_any_piece_is_raised_and_ends_the_work(broken: int) -> None:
    def work(piece: int) -> int:
        if piece == broken:
            raise ValueError(f"piece {piece}")
        return piece

    with pytest.raises(ValueError, match=f"piece {broken}"):
        in_threads(work, range(100))


def test_cancelled_work_begins_no_other_piece() -> None:
    progress, begun, lock = Progress(), [], Lock()

    def work(piece: int) -> None:
        with lock:
            begun.append(piece)
        progress.cancel()

    with tracked(progress), pytest.raises(Cancelled):
        in_threads(work, range(1000))
    assert len(begun) <= 3
