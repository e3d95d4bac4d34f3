"""Demos that need no download: generated with planted faults, or tables that come with a dependency."""

from debuggers.data.demos.demo import Demo, DemoFiles, PlantedFault, Progress
from debuggers.data.demos.store import all_demos, load_demo, write_demo

__all__ = ["Demo", "DemoFiles", "PlantedFault", "Progress", "all_demos", "load_demo", "write_demo"]
