"""What kind of answer a model gives."""

from enum import StrEnum


class Task(StrEnum):
    """The three tasks that Faultline knows.

    Examples
    --------
    >>> Task("binary").is_classification
    True
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    @property
    def is_classification(self) -> bool:
        """Whether the model answers with class probabilities."""
        return self is not Task.REGRESSION
