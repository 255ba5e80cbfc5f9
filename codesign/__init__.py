"""Hardware/software co-design exploration for spiking neural networks.

The public names are those of `__init__.pyi`, which type checkers read as well; there is no other list of them. A name
is imported when it is first used, so that `import codesign` and the command line stay light.
"""

from typing import Any

import lazy_loader

_found, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
_NOW = {"map_network": "place", "Mapping": "Placement", "quantize_weights": "quantize"}


def __getattr__(name: str) -> Any:
    if name in _NOW:  # names of version 0.1.0
        raise AttributeError(f"codesign.{name} is codesign.{_NOW[name]} now, with other arguments")
    return _found(name)


del Any, lazy_loader
