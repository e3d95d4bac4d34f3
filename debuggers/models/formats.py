"""Which model format a file is in, by its content and never by its name; nothing is opened to find out."""

from __future__ import annotations

import io
import re
import zipfile
from enum import StrEnum

from debuggers import errors
from debuggers.models import pickles


class Format(StrEnum):
    """The formats that are read; the value is the key of the adapter."""

    ONNX = "onnx"
    SKOPS = "skops"
    XGBOOST_JSON = "xgboost-json"
    XGBOOST_UBJ = "xgboost-ubj"
    LIGHTGBM = "lightgbm"
    CATBOOST = "catboost"
    PICKLE = "pickle"

    @property
    def label(self) -> str:
        """Name of the format as a person knows it."""
        return _LABELS[self]

    @property
    def tier(self) -> int:
        """1: readers of this format survive damaged files, 2: they crash on them, 3: a file is a program."""
        if self is Format.PICKLE:
            return 3
        return 1 if self in (Format.ONNX, Format.SKOPS, Format.XGBOOST_JSON) else 2


_LABELS = {
    Format.ONNX: "ONNX",
    Format.SKOPS: "skops",
    Format.XGBOOST_JSON: "XGBoost JSON",
    Format.XGBOOST_UBJ: "XGBoost UBJ",
    Format.LIGHTGBM: "LightGBM text",
    Format.CATBOOST: "CatBoost cbm",
    Format.PICKLE: "pickle",
}

# Tags of the fields of ONNX's ModelProto that may follow ir_version.
_ONNX_SECOND_TAGS = frozenset((0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72, 0xA2, 0xCA))
_OLD_XGBOOST = re.compile(rb"^(binf|bs64|CONFIG-offset:)|(binary:logi|multi:soft|reg:(line|squa|logi)|rank:|gbtree)")


def recognise(data: bytes, name: str) -> Format:
    """Return the format of a model file.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, for messages only.

    Raises
    ------
    UnreadableModel
        XGBoost's binary format, which the library itself no longer reads, an archive of pickles as torch writes it, or
        a zip that is cut off.
    UnknownModelFormat
        Anything else.

    Examples
    --------
    >>> recognise(b'{"learner": {}, "version": [3, 2, 0]}', "model.txt").label
    'XGBoost JSON'
    """
    found = _text(data) or _binary(data) or _zip(data, name)
    if found:
        return found
    if pickles.is_pickle(data):
        return Format.PICKLE
    if pickles.holds_pickles(data):
        reason = (
            "it is a pickle inside of an archive of arrays, as PyTorch and NumPy write it; export the model as ONNX"
        )
        raise errors.UnreadableModel(name, Format.PICKLE.label, reason)
    if _OLD_XGBOOST.search(data[:4096]):
        reason = "the binary format, which XGBoost dropped; load it there in version 3.0 or older and save it as JSON"
        raise errors.UnreadableModel(name, "XGBoost", reason)
    raise errors.UnknownModelFormat(name)


def _text(data: bytes) -> Format | None:
    start = data[:64].lstrip()
    if re.match(rb"tree\r?\n", start):
        return Format.LIGHTGBM
    if re.match(rb'\{\s*"', start) and re.search(rb'"learner"\s*:', data):
        return Format.XGBOOST_JSON
    return None


def _binary(data: bytes) -> Format | None:
    if data.startswith(b"CBM1"):
        return Format.CATBOOST
    if re.match(rb"\{[iUIlL]", data) and b"learner" in data[:64]:
        return Format.XGBOOST_UBJ
    if len(data) > 2 and data[0] == 0x08 and 1 <= data[1] <= 0x20 and data[2] in _ONNX_SECOND_TAGS:
        return Format.ONNX
    return None


def _zip(data: bytes, name: str) -> Format | None:
    if not data.startswith(b"PK\x03\x04"):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return Format.SKOPS if "schema.json" in archive.namelist() else None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        if b"schema.json" in data:  # the list of names, at the end, is lost; the name before each file is not
            raise errors.UnreadableModel(name, Format.SKOPS.label, "its zip archive is damaged") from error
        return None
