"""The process that parses a table: bytes in, plain Arrow out.

It is run by `debuggers.data.reading` as ``python -m debuggers.data.parser IN OUT`` with two inherited file descriptors
(the file, and an unnamed temporary file for the table) and a request as JSON on standard input; it replies with JSON on
standard output. Bytes of strangers crash parsers and exhaust memory; here that ends this process and no other, and as
far as the kernel allows it is jailed as a model is.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import sys
import traceback
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from debuggers.data.options import Limits, ReadOptions, megabytes
from debuggers.data.parsed import Parsed
from debuggers.data.recognise import Bytes, Format, recognise
from debuggers.data.unpack import open_scratch, unpack
from debuggers.errors import InputError, TooLarge, UnreadableTable
from debuggers.sandbox import jail
from debuggers.sandbox.process import cores


def parse(data: Bytes, name: str, options: ReadOptions, limits: Limits) -> tuple[Parsed, dict[str, Any]]:
    """Read a table of any format.

    Returns
    -------
    parsed : Parsed
    about : dict
        What `reading.Table` says beside the table: options, notes, format, members, sheets.

    Raises
    ------
    InputError
        The bytes are no table, or too large a one.
    """
    unpacked = unpack(data, name, options, limits)
    form = recognise(unpacked.data) or Format.TEXT
    if form is Format.ZIP:
        from debuggers.data.excel import read_excel

        form = Format.EXCEL
        parsed = read_excel(unpacked.data, name, unpacked.options, limits)
    elif form is Format.TEXT:
        from debuggers.data.text import read_text

        parsed = read_text(unpacked.data, name, unpacked.options, limits)
    else:
        from debuggers.data.columnar import read_columnar

        parsed = read_columnar(unpacked.data, form, name, unpacked.options, limits)
    about = {
        "options": asdict(parsed.options),
        "notes": [*unpacked.notes, *parsed.notes],
        "format": form.value,
        "members": unpacked.members,
        "sheets": parsed.sheets,
    }
    return parsed, about


def _enter_jail(limits: Limits) -> None:
    """Give up everything but the files that are open, before the first byte of the table is read."""
    open_scratch()
    # The table as Arrow may be a little larger than the text that it came from.
    size = 2 * limits.unpacked + (1 << 20)
    jail.enter(jail.Bounds(limits.memory, cores() * math.ceil(limits.seconds), size), required=False)


def _answer(request: dict[str, Any], source: int, target: int) -> dict[str, Any]:
    name, limits = request["name"], Limits(**request["limits"])
    options = ReadOptions(**{**request["options"], "missing": tuple(request["options"]["missing"])})
    try:
        data = memoryview(mmap.mmap(source, 0, access=mmap.ACCESS_READ))
        parsed, about = parse(data, name, options, limits)
        with os.fdopen(target, "wb") as file, pa.ipc.new_file(file, parsed.table.schema) as writer:
            writer.write_table(parsed.table)
    except InputError as error:
        return {"error": type(error).__name__, "fields": vars(error)}
    except MemoryError:
        found = f"reading it needs more than {megabytes(limits.memory)} of memory"
        return {"error": "TooLarge", "fields": vars(TooLarge(name, megabytes(limits.unpacked), found))}
    except Exception as error:  # noqa: BLE001  # a parser may raise anything on hostile bytes: here it ends
        traceback.print_exc()
        reason = f"it is damaged: {type(error).__name__}"
        return {"error": "UnreadableTable", "fields": vars(UnreadableTable(name, reason))}
    return {"about": about}


def main() -> None:
    """Serve one request and end."""
    source, target = int(sys.argv[1]), int(sys.argv[2])
    request = json.load(sys.stdin)
    _enter_jail(Limits(**request["limits"]))
    json.dump(_answer(request, source, target), sys.stdout)
    sys.stdout.flush()
    # What was read is still mapped and held by other objects; the end of the process frees it at once.
    os._exit(0)


if __name__ == "__main__":
    main()
