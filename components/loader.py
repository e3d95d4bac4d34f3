"""Opening subjects: demos and uploads."""


def open_wanted_demo() -> None:
    """Open the demo that the link asks for."""
