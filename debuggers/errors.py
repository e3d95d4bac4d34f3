"""Everything that can be wrong with what a person gives us, one class each.

An error carries its facts as fields and says one sentence: what was given, what was expected, what to do next.
The command line prints that sentence and exits with 2; a page shows it and keeps what was loaded; tests assert on the
class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def quoted(name: object, limit: int = 60) -> str:
    """Return a stranger's name in quotation marks, on one line and of bounded length.

    Examples
    --------
    >>> quoted("PAY_0")
    '“PAY_0”'
    """
    text = "".join(c if c.isprintable() else "\ufffd" for c in str(name))
    return f"“{text if len(text) <= limit else text[: limit - 1] + '…'}”"


def one_line(text: object, limit: int = 300) -> str:
    """Return a stranger's text on one line and of bounded length, without quotation marks."""
    return quoted(" ".join(str(text).split()), limit)[1:-1]


def listed(names: Sequence[object], limit: int = 5) -> str:
    """Return up to `limit` quoted names and how many more there are."""
    shown = ", ".join(quoted(n) for n in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


class InputError(Exception):
    """Base of all errors that a person can mend; ``str(error)`` is the sentence to show."""


# --- tables ---------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class EmptyTable(InputError):
    """A table without rows or without columns."""

    name: str

    def __str__(self) -> str:
        return f"The table {quoted(self.name)} has no rows; choose a file with a header line and at least one row."


@dataclass(eq=False)
class UnreadableTable(InputError):
    """Bytes that are not the table they claim to be."""

    name: str
    reason: str
    expected: str = "CSV, Parquet, Feather or Excel"

    def __str__(self) -> str:
        return f"{quoted(self.name)} cannot be read as a table ({self.reason}); expected {self.expected}."


@dataclass(eq=False)
class TooLarge(InputError):
    """A file that is, or unpacks to, more than the limit."""

    name: str
    limit: str
    found: str

    def __str__(self) -> str:
        return (
            f"{quoted(self.name)} is too large ({self.found}; the limit is {self.limit}): "
            "choose fewer rows or columns, or raise the limit on the server."
        )


@dataclass(eq=False)
class MissingColumn(InputError):
    """A column that was asked for and is not in the table."""

    column: str
    role: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"The table has no {self.role} column {quoted(self.column)}; its columns are {listed(self.columns)}."


@dataclass(eq=False)
class UnusableOption(InputError):
    """A setting with a value that it cannot have."""

    option: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"The setting {quoted(self.option)} cannot be {quoted(self.value)}; give {self.expected}."


@dataclass(eq=False)
class UnknownPart(InputError):
    """A sheet of an Excel file or a file of an archive that is not in it."""

    name: str
    part: str
    asked: str
    available: tuple[str, ...]

    def __str__(self) -> str:
        return f"{quoted(self.name)} has no {self.part} {quoted(self.asked)}; choose one of {listed(self.available)}."


@dataclass(eq=False)
class UnfitValues(InputError):
    """Values that are not of the kind that a column was said to have."""

    column: str
    kind: str
    count: int
    example: str

    def __str__(self) -> str:
        return (
            f"{self.count:,} values of the column {quoted(self.column)} are not {self.kind}, such as "
            f"{quoted(self.example)}; choose another kind, or have them read as missing."
        )


@dataclass(eq=False)
class UnknownDemo(InputError):
    """A demo that does not exist."""

    demo: str
    available: tuple[str, ...]

    def __str__(self) -> str:
        return f"There is no demo {quoted(self.demo)}; choose one of {listed(self.available)}."


@dataclass(eq=False)
class DemoFailed(InputError):
    """A demo whose model could not be trained on this machine."""

    demo: str
    reason: str

    def __str__(self) -> str:
        return f"The demo {quoted(self.demo)} could not be prepared ({self.reason}); see the log and try again."


@dataclass(eq=False)
class BadTarget(InputError):
    """A target that cannot be scored."""

    target: str
    reason: str
    remedy: str = "choose another column or task, or mend its values"

    def __str__(self) -> str:
        return f"The target {quoted(self.target)} cannot be used: {self.reason}; {self.remedy}."


# --- models ---------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class UnknownModelFormat(InputError):
    """A file whose content is no model format that we read."""

    name: str

    def __str__(self) -> str:
        return (
            f"{quoted(self.name)} is not a model that can be read: expected ONNX, XGBoost JSON or UBJ, "
            "LightGBM text, CatBoost cbm, skops or pickle."
        )


class ConsentNeeded(InputError):
    """Base of the errors about files that are programs: they can be loaded once a person has said so."""

    name: str


@dataclass(eq=False)
class PickledModel(ConsentNeeded):
    """A pickle, whatever its name: a program."""

    name: str

    def __str__(self) -> str:
        return (
            f"{quoted(self.name)} is a pickle, and a pickle is a program that runs when it is opened: consent to "
            "running it in the jail (on the Load page, or with --trust-model), or save the model as ONNX or skops."
        )


@dataclass(eq=False)
class UntrustedTypes(ConsentNeeded):
    """A skops file with types beyond the allow-list: as much a program as a pickle."""

    name: str
    types: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{quoted(self.name)} contains types that are not on the list of trusted ones ({listed(self.types)}), "
            "which makes it a program: consent to running it in the jail (on the Load page, or with --trust-model), or "
            "save the model without them."
        )


@dataclass(eq=False)
class ProgramsForbidden(InputError):
    """A file that is a program, on a server that takes none."""

    name: str

    def __str__(self) -> str:
        return (
            f"{quoted(self.name)} is a program (a pickle or the like), and this server takes none "
            "(FAULTLINE_PICKLES=off): save the model as ONNX or skops, or in its library's own format."
        )


@dataclass(eq=False)
class NoJail(InputError):
    """A file that is a program, on a machine that cannot jail it."""

    name: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{quoted(self.name)} is a program, and this machine cannot jail it ({self.reason}): save the model as "
            "ONNX or skops, or set FAULTLINE_PICKLES=trust on a server that listens on loopback only."
        )


@dataclass(eq=False)
class OtherVersion(InputError):
    """A file made with libraries that are not here, or here in another version."""

    name: str
    format: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{quoted(self.name)} cannot be loaded as {self.format}: {self.found}; {self.remedy}."


@dataclass(eq=False)
class NoWorker(InputError):
    """No process could be started for a model."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"No process could be started for {quoted(self.name)} ({self.reason}); try again in a moment."


@dataclass(eq=False)
class TooManyWorkers(InputError):
    """All workers that there may be are in use."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"There is no room for the model {quoted(self.name)}: {self.reason}; try again when they are done."


@dataclass(eq=False)
class Busy(InputError):
    """A call that found no turn."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"The model {quoted(self.name)} could not be asked: {self.reason}; try again in a moment."


@dataclass(eq=False)
class UnreadableModel(InputError):
    """A model file of a known format that its library does not load."""

    name: str
    format: str
    reason: str

    def __str__(self) -> str:
        return f"{quoted(self.name)} cannot be loaded as {self.format} ({self.reason}); save the model again and retry."


@dataclass(eq=False)
class WorkerDied(InputError):
    """The process that held the model ended without an answer."""

    name: str
    during: str

    def __str__(self) -> str:
        return (
            f"The model {quoted(self.name)} ended its process while it was asked to {self.during}: "
            "the file is damaged or needs more memory than a worker may use; save the model again and retry."
        )


@dataclass(eq=False)
class WorkerTimeout(InputError):
    """The model gave no answer within the time limit."""

    name: str
    during: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"The model {quoted(self.name)} gave no answer within {self.seconds:g} s while it was asked to "
            f"{self.during}; use fewer rows or a smaller model."
        )


@dataclass(eq=False)
class ModelRaised(InputError):
    """The model raised an exception on the rows that it was given."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"The model {quoted(self.name)} raised an error on this table: {self.reason}"


@dataclass(eq=False)
class Unavailable(InputError):
    """Something that a model does not have, or cannot do."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"This is not available for the model {quoted(self.name)}: {self.reason}."


@dataclass(eq=False)
class BadModelOutput(InputError):
    """Predictions of the wrong length or type, NaN, or out of range."""

    name: str
    reason: str
    remedy: str = "try the model on these rows where it was made, and save it again"

    def __str__(self) -> str:
        return f"The predictions of {quoted(self.name)} cannot be used: {self.reason}; {self.remedy}."


@dataclass(eq=False)
class FeatureMismatch(InputError):
    """The model expects features that the table does not have."""

    missing: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        spare = f" Columns that the model does not use: {listed(self.unused)}." if self.unused else ""
        return (
            f"The model expects {len(self.missing)} feature(s) that the table does not have: {listed(self.missing)}; "
            f"rename the columns or match them on the Load page.{spare}"
        )


@dataclass(eq=False)
class TaskMismatch(InputError):
    """A task that the model's output cannot be read as."""

    name: str
    task: str
    outputs: str

    def __str__(self) -> str:
        return (
            f"The model {quoted(self.name)} cannot be used for {self.task}: it gives {self.outputs} number(s) per row; "
            "choose another task."
        )


@dataclass(eq=False)
class NotApplicable(InputError):
    """A debugger that does not apply to this subject; the reason is its obstacle."""

    debugger: str
    reason: str

    def __str__(self) -> str:
        return f"{self.debugger} does not apply: {self.reason}"


@dataclass(eq=False)
class BadParameter(InputError):
    """A parameter outside its declared values."""

    parameter: str
    value: object
    expected: str

    def __str__(self) -> str:
        return f"The parameter {self.parameter} cannot be {quoted(self.value)}: expected {self.expected}."


@dataclass(eq=False)
class BadPredicate(InputError):
    """A cohort condition that is not a plain predicate over the table's columns."""

    predicate: str
    reason: str

    def __str__(self) -> str:
        return f"The condition {quoted(self.predicate)} cannot be used: {self.reason}."


@dataclass(eq=False)
class FeatureCountMismatch(InputError):
    """A model without input names, and a table with another number of columns."""

    model: str
    expected: int
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{quoted(self.model)} takes {self.expected} inputs and does not name them, and the table has "
            f"{len(self.columns)} columns left for them ({listed(self.columns)}): ignore the others, on the Load page "
            "or with --ignore."
        )


@dataclass(eq=False)
class NoPredictions(InputError):
    """Neither a model nor a column of predictions."""

    name: str

    def __str__(self) -> str:
        return f"{quoted(self.name)} has no model and no column of predictions: add a model file or choose the column."


@dataclass(eq=False)
class FileProblem(InputError):
    """A path that cannot be read or written."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{quoted(self.path, 200)} cannot be used: {self.reason}."


@dataclass(eq=False)
class UnknownDebugger(InputError):
    """A slug that is no debugger."""

    slug: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"There is no debugger {quoted(self.slug)}: choose one of {', '.join(self.known)}."


# --- saved work -----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class UnusableHome(InputError):
    """There is no folder to keep anything in."""

    reason: str

    def __str__(self) -> str:
        return (
            f"Faultline has no folder to keep work in ({self.reason}): FAULTLINE_HOME names another, and "
            "FAULTLINE_KEEP_DAYS=0 saves nothing."
        )


@dataclass(eq=False)
class NotSaved(InputError):
    """Work that could not be written; it stays open in memory."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{quoted(self.name)} is open but not saved ({self.reason}): it is gone when the server stops."


@dataclass(eq=False)
class DamagedWork(InputError):
    """Saved work whose files are not what was written."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"The saved work {quoted(self.name)} cannot be opened ({self.reason}): load its files again."


@dataclass(eq=False)
class BadVariable(InputError):
    """An environment variable of the server with a value that means nothing."""

    variable: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.variable} cannot be {self.value!r}: expected {self.expected}."


@dataclass(eq=False)
class ServiceProblem(InputError):
    """A prediction service that cannot be asked."""

    url: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"The service {quoted(self.url, 100)} cannot be used ({self.reason}): {self.remedy}."
