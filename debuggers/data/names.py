"""Column names from strangers: kept as they are, made unique, never interpreted."""

from __future__ import annotations

from collections.abc import Sequence

from debuggers.errors import quoted

_MAX_NOTES = 5


def unique_names(names: Sequence[str], *, say_empty: bool = True) -> tuple[list[str], list[str]]:
    """Return names of which no two are equal and none is empty, and notes on what was changed.

    Parameters
    ----------
    names : sequence of str
        In the table's order.
    say_empty : bool
        Whether a note tells of names that were empty.

    Returns
    -------
    names : list of str
        A further column of the same name gets a number, an empty name its position.
    notes : list of str

    Examples
    --------
    >>> unique_names(["age", "age", "__proto__"])[0]
    ['age', 'age (2)', '__proto__']
    >>> unique_names(["age", ""])
    (['age', 'column 2'], ['column 2 has no name: it is now “column 2”'])
    """
    given = {name for name in names if name.strip()}
    taken: set[str] = set()
    last: dict[str, int] = {}
    result: list[str] = []
    notes: list[str] = []
    for position, name in enumerate(names, 1):
        base = name if name.strip() else f"column {position}"
        unique, count = base, last.get(base, 1)
        # A name that another column was given in the file stays with that column.
        while unique in taken or (unique != name and unique in given):
            count += 1
            unique = f"{base} ({count})"
        last[base] = count
        taken.add(unique)
        result.append(unique)
        if base is not name:
            if say_empty:
                notes.append(f"column {position} has no name: it is now {quoted(unique)}")
        elif unique != name:
            notes.append(f"another column is called {quoted(name)} too: column {position} is now {quoted(unique)}")
    if len(notes) > _MAX_NOTES:
        notes = [*notes[:_MAX_NOTES], f"{len(notes) - _MAX_NOTES:,} more columns were renamed in the same way"]
    return result, notes
