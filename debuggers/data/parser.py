"""The worker that parses a table: bytes in, plain Arrow out.

It is started by `debuggers.data.reading`, jailed as far as the kernel allows, with open files: the table's, one for
what comes of it as Arrow, and some to unpack into. Bytes of strangers crash parsers and exhaust memory; here that ends
this process and no other.
"""

from __future__ import annotations

import mmap
import os
import socket
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from debuggers.data.options import Limits, ReadOptions, megabytes
from debuggers.data.parsed import Parsed
from debuggers.data.recognise import Bytes, Format, recognise
from debuggers.data.unpack import unpack, use_scratch
from debuggers.errors import InputError, TooLarge, UnreadableTable
from debuggers.sandbox import protocol

_MAX_LOG = 4_000  # characters of a traceback


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
        reason = f"it is damaged: {type(error).__name__}"
        fields = vars(UnreadableTable(name, reason))
        return {"error": "UnreadableTable", "fields": fields, "log": traceback.format_exc()[-_MAX_LOG:]}
    return {"about": about}


def serve(connection: socket.socket, files: Sequence[int]) -> None:
    """Serve one request."""
    source, target, *scratch = files
    use_scratch(os.fdopen(file, "w+b") for file in scratch)
    request, _ = protocol.receive(connection)
    protocol.send(connection, _answer(request, source, target))
    # What was read is still mapped and held by other objects; the end of the process frees it at once.
    os._exit(0)
