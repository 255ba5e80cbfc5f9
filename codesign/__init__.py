"""Hardware/software co-design exploration for spiking neural networks.

The public API. Names are imported when they are first used, so that `import codesign` and the command line stay light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.errors import (
        CodesignError,
        DataError,
        DocumentError,
        InfeasibleError,
        InputError,
        StoreError,
        TrainingDivergedError,
    )
    from codesign.exploration.study.study import load_study, run_study
    from codesign.exploration.sweep import load_sweep, run_sweep
    from codesign.hardware.cost import Cost, price
    from codesign.hardware.description import Chip
    from codesign.hardware.library import chip_names, find_chip, load_chip
    from codesign.hardware.mapping import Mapping, map_network
    from codesign.hardware.parameters import with_parameter
    from codesign.hardware.quantization import quantize_weights
    from codesign.hardware.scheduling import chip_schedule, service_model
    from codesign.hardware.uncertainty import uncertain_numbers
    from codesign.hardware.validation import validate
    from codesign.models.card import ModelCard, ModelData, ModelEvaluation, ModelOrigin, describe_model
    from codesign.models.file import LoadedModel, load_model, save_model
    from codesign.network.neuron import NeuronSpec
    from codesign.network.spiking_network import SpikingNetwork
    from codesign.network.topology import NetworkShape, TopologySpec, network_shape, parse_topology
    from codesign.reporting.html import write_report
    from codesign.results import read_results, write_results
    from codesign.simulation.engine import Simulation, engine_names, simulate
    from codesign.simulation.execution import Execution
    from codesign.simulation.policies import Policy, policy_names
    from codesign.simulation.schedule import LAYERED, Regularization, Schedule
    from codesign.simulation.service import ServiceModel
    from codesign.training.calibration import calibrate
    from codesign.training.evaluation import evaluate
    from codesign.training.recipe import PRESETS, Calibration, Recipe
    from codesign.training.trainer import EpochReport, TrainingResult, train
    from codesign.workload.dataset import Workload, load_workload
    from codesign.workload.events import EventBatch
    from codesign.workload.spec import WorkloadSpec

_MODULES = {
    "codesign.errors": (
        "CodesignError",
        "DataError",
        "DocumentError",
        "InfeasibleError",
        "InputError",
        "StoreError",
        "TrainingDivergedError",
    ),
    "codesign.exploration.study.study": ("load_study", "run_study"),
    "codesign.exploration.sweep": ("load_sweep", "run_sweep"),
    "codesign.hardware.cost": ("Cost", "price"),
    "codesign.hardware.description": ("Chip",),
    "codesign.hardware.library": ("chip_names", "find_chip", "load_chip"),
    "codesign.hardware.mapping": ("Mapping", "map_network"),
    "codesign.hardware.parameters": ("with_parameter",),
    "codesign.hardware.quantization": ("quantize_weights",),
    "codesign.hardware.scheduling": ("chip_schedule", "service_model"),
    "codesign.hardware.uncertainty": ("uncertain_numbers",),
    "codesign.hardware.validation": ("validate",),
    "codesign.models.card": ("ModelCard", "ModelData", "ModelEvaluation", "ModelOrigin", "describe_model"),
    "codesign.models.file": ("LoadedModel", "load_model", "save_model"),
    "codesign.network.neuron": ("NeuronSpec",),
    "codesign.network.spiking_network": ("SpikingNetwork",),
    "codesign.network.topology": ("NetworkShape", "TopologySpec", "network_shape", "parse_topology"),
    "codesign.reporting.html": ("write_report",),
    "codesign.results": ("read_results", "write_results"),
    "codesign.simulation.engine": ("Simulation", "engine_names", "simulate"),
    "codesign.simulation.execution": ("Execution",),
    "codesign.simulation.policies": ("Policy", "policy_names"),
    "codesign.simulation.schedule": ("LAYERED", "Regularization", "Schedule"),
    "codesign.simulation.service": ("ServiceModel",),
    "codesign.training.calibration": ("calibrate",),
    "codesign.training.evaluation": ("evaluate",),
    "codesign.training.recipe": ("PRESETS", "Calibration", "Recipe"),
    "codesign.training.trainer": ("EpochReport", "TrainingResult", "train"),
    "codesign.workload.dataset": ("Workload", "load_workload"),
    "codesign.workload.events": ("EventBatch",),
    "codesign.workload.spec": ("WorkloadSpec",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "LAYERED",
    "PRESETS",
    "Calibration",
    "Chip",
    "CodesignError",
    "Cost",
    "DataError",
    "DocumentError",
    "EpochReport",
    "EventBatch",
    "Execution",
    "InfeasibleError",
    "InputError",
    "LoadedModel",
    "Mapping",
    "ModelCard",
    "ModelData",
    "ModelEvaluation",
    "ModelOrigin",
    "NetworkShape",
    "NeuronSpec",
    "Policy",
    "Recipe",
    "Regularization",
    "Schedule",
    "ServiceModel",
    "Simulation",
    "SpikingNetwork",
    "StoreError",
    "TopologySpec",
    "TrainingDivergedError",
    "TrainingResult",
    "Workload",
    "WorkloadSpec",
    "calibrate",
    "chip_names",
    "chip_schedule",
    "describe_model",
    "engine_names",
    "evaluate",
    "find_chip",
    "load_chip",
    "load_model",
    "load_study",
    "load_sweep",
    "load_workload",
    "map_network",
    "network_shape",
    "parse_topology",
    "policy_names",
    "price",
    "quantize_weights",
    "read_results",
    "run_study",
    "run_sweep",
    "save_model",
    "service_model",
    "simulate",
    "train",
    "uncertain_numbers",
    "validate",
    "with_parameter",
    "write_report",
    "write_results",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'codesign' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
