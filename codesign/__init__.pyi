"""The public names, and where each is defined. `__init__.py` imports a name when it is first used."""

from .errors import (
    CodesignError as CodesignError,
    DataError as DataError,
    DocumentError as DocumentError,
    InfeasibleError as InfeasibleError,
    InputError as InputError,
    StoreError as StoreError,
    SilentNetworkWarning as SilentNetworkWarning,
    TrainingDivergedError as TrainingDivergedError,
)
from .exploration.pricing.pricing import PricingOutcome as PricingOutcome
from .exploration.study.study import load_study as load_study
from .exploration.interactive import (
    compare_schedules as compare_schedules,
    run_pricing as run_pricing,
    run_study as run_study,
    run_sweep as run_sweep,
)
from .exploration.definition.library import load_sweep as load_sweep
from .exploration.jobs.store import Store as Store
from .exploration.jobs.energy_meter import energy_meter as energy_meter
from .hardware.cost.cost import Cost as Cost, price as price
from .hardware.chip.description import Chip as Chip
from .hardware.library import chip_names as chip_names, find_chip as find_chip, load_chip as load_chip
from .hardware.placement.placement import Placement as Placement, place as place
from .hardware.chip.parameters import with_parameter as with_parameter
from .hardware.chip.quantization import chip_quantization as chip_quantization
from .hardware.cost.sensitivity import Sensitivity as Sensitivity, sensitivities as sensitivities
from .hardware.cost.spike_energy import spike_energy as spike_energy
from .hardware.cost.scheduling import chip_schedule as chip_schedule, on_chip as on_chip, service_model as service_model
from .hardware.cost.uncertainty import uncertain_numbers as uncertain_numbers
from .hardware.validation.validation import validate as validate
from .models.card import (
    Certificate as Certificate,
    ModelCard as ModelCard,
    ModelData as ModelData,
    ModelEvaluation as ModelEvaluation,
    ModelImport as ModelImport,
    ModelOrigin as ModelOrigin,
    describe_model as describe_model,
)
from .models.file import LoadedModel as LoadedModel, load_model as load_model, save_model as save_model
from .models.nir.importing import import_model as import_model
from .models.nir.written import export_model as export_model
from .network.neuron import NeuronSpec as NeuronSpec
from .network.quantization import Quantization as Quantization, quantize as quantize
from .network.spiking_network import SpikingNetwork as SpikingNetwork
from .network.topology import (
    NetworkShape as NetworkShape,
    TopologySpec as TopologySpec,
    network_shape as network_shape,
    parse_topology as parse_topology,
)
from .reporting.charts.schedules import plot_schedules as plot_schedules
from .reporting.html import write_report as write_report
from .reporting.results import Plots as Plots, SweepResults as SweepResults, read_results as read_results
from .analysis.results.table import write_results as write_results
from .simulation.results import ClassificationLoss as ClassificationLoss, Simulation as Simulation
from .simulation.engine import (
    classification_loss as classification_loss,
    engine_names as engine_names,
    simulate as simulate,
)
from .simulation.loss import CrossEntropy as CrossEntropy, SpikeCost as SpikeCost
from .simulation.execution import Execution as Execution
from .simulation.neurobench import NeuroBench as NeuroBench, neurobench as neurobench
from .simulation.neuron_record import NeuronRecord as NeuronRecord, record as record
from .simulation.policies import Policy as Policy, policy_names as policy_names
from .simulation.schedule import LAYERED as LAYERED, Regularization as Regularization, Schedule as Schedule
from .simulation.service import ServiceModel as ServiceModel
from .training.budget import EnergyMeter as EnergyMeter, TrainingBudget as TrainingBudget
from .training.augmentation import Augmentation as Augmentation
from .training.calibration import calibrate as calibrate
from .training.evaluation import evaluate as evaluate
from .training.hooks import Hooks as Hooks
from .training.learn import Learn as Learn, LearnedNeurons as LearnedNeurons
from .training.presets import PRESETS as PRESETS, recommended as recommended
from .training.recipe import Calibration as Calibration, Recipe as Recipe
from .training.result import EpochReport as EpochReport, TrainingResult as TrainingResult
from .training.trainer import train as train
from .versions import __version__ as __version__
from .workload.dataset import Workload as Workload, load_workload as load_workload
from .workload.events import EventBatch as EventBatch
from .workload.spec import WorkloadSpec as WorkloadSpec
