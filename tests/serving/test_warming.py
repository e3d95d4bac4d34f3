"""Kernels are ready before somebody clicks."""

from __future__ import annotations

import pkgutil

from debuggers import kernels
from serving.warming import warm_kernels


def test_every_kernel_that_can_be_warmed_is() -> None:
    warmed = warm_kernels()
    assert set(warmed) <= {module.name for module in pkgutil.iter_modules(kernels.__path__)}
    assert warm_kernels() == warmed
