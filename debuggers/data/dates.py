"""Dates as text."""

from __future__ import annotations

from typing import cast

import pandas as pd

#: A date, or a date with a time; the time may have seconds, fractions and an offset from UTC.
_ISO = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?"

#: Tried in this order when a person says that a column holds dates; the first that fits every value is taken.
_OTHER_FORMATS = ("%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d")


def all_iso(words: pd.Series) -> bool:
    """Whether every value that is not missing is a date in ISO 8601 that exists.

    Examples
    --------
    >>> all_iso(pd.Series(["2024-02-29", None])), all_iso(pd.Series(["2023-02-29"]))
    (True, False)
    """
    present = words.dropna()
    if present.empty or not pd.Series(present.iloc[:1]).str.fullmatch(_ISO).all():
        return False
    return bool(present.str.fullmatch(_ISO).all()) and bool(iso_dates(present).notna().all())


def iso_dates(words: pd.Series) -> pd.Series:
    """Return dates in UTC without a zone; missing where a text is no date in ISO 8601."""
    return _naive(pd.to_datetime(words, format="ISO8601", errors="coerce", utc=True))


def parse_dates(words: pd.Series) -> pd.Series:
    """Return dates in UTC without a zone from ISO 8601 or the first other common format that fits every value.

    Where none fits every value, the one that fits most; what does not fit is missing.

    Examples
    --------
    >>> parse_dates(pd.Series(["31.12.2024", "01.02.2024"])).dt.month.tolist()
    [12, 2]
    """
    candidates = [iso_dates(words)]
    for form in _OTHER_FORMATS:
        if candidates[-1].notna().sum() == words.notna().sum():
            return candidates[-1]
        candidates.append(_naive(pd.to_datetime(words, format=form, errors="coerce", utc=True)))
    return max(candidates, key=lambda parsed: int(parsed.notna().sum()))


def _naive(moments: pd.Series) -> pd.Series:
    return cast("pd.Series", moments.dt.tz_localize(None))
