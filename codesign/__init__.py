"""Hardware/software co-design exploration for spiking neural networks.

The public names are those of `__init__.pyi`, which type checkers read as well; there is no other list of them. A name
is imported when it is first used, so that `import codesign` and the command line stay light.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

del lazy_loader
