"""Scripts of the checkout, which are in no package, as modules."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


@cache
def script(path: str) -> ModuleType:
    """The script at a path below the checkout."""
    spec = spec_from_file_location(f"script_{Path(path).stem}", ROOT / path)
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
