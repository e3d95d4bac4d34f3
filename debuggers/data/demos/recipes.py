"""The demos by name; a further one is a module with `DEMO` and `build`, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from debuggers.data.demos import breast_cancer, credit, doctor_visits
from debuggers.data.demos.demo import Built, Demo, Progress

RECIPES: dict[str, tuple[Demo, Callable[[Progress], Built]]] = {
    module.DEMO.name: (module.DEMO, module.build) for module in (credit, breast_cancer, doctor_visits)
}
