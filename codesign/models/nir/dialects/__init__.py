"""How each framework writes its neurons in NIR and holds them in modules: a file per framework, with equations."""

from __future__ import annotations

from codesign.arguments import one_of
from codesign.models.nir.dialects.dialect import Dialect
from codesign.models.nir.dialects.lava import LAVA
from codesign.models.nir.dialects.norse import NORSE
from codesign.models.nir.dialects.plain import PLAIN
from codesign.models.nir.dialects.rockpool import ROCKPOOL
from codesign.models.nir.dialects.sinabs import SINABS
from codesign.models.nir.dialects.snntorch import SNNTORCH
from codesign.models.nir.dialects.spikingjelly import SPIKINGJELLY

DIALECTS = {dialect.name: dialect for dialect in (SNNTORCH, SPIKINGJELLY, NORSE, SINABS, ROCKPOOL, LAVA, PLAIN)}


def get_dialect(name: str) -> Dialect:
    """The dialect with the given name. Raises InputError if there is none."""
    one_of("dialect", name, DIALECTS)
    return DIALECTS[name]
