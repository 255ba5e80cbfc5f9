"""Model cards for people, in Markdown: what a model is, how it was trained, how well it performs and its limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from codesign.analysis.results.formatting import UNKNOWN, column_label, listed, number, percent, quantity
from codesign.models.card import ModelCard, ModelEvaluation
from codesign.network.neuron import in_words
from codesign.network.topology import topology_text
from codesign.terminal_text import escaped
from codesign.units import format_si, plural

_MOST_ROWS = 200
"""Most evaluations on the page; the rest is in the results."""

_MAIN = ("threshold", "time_constant", "reset", "refractory", "readout")
"""Parameters of neurons that are always shown."""

_SPECIAL = re.compile(r"([\\`*\[\]|#~]|(?<!\w)_|_(?!\w))")
"""Characters that Markdown may take for mark-up; not an underscore within a word."""
_SPACES = re.compile(r"\s+")
_LINE_ENDS = re.compile("[\n\r\v\f\x85\u2028\u2029]+")


def model_page(card: ModelCard, file: str) -> str:
    """The card of the weights in `file`, next to it, as a Markdown page; characters that control a terminal or reverse
    text are escaped."""
    load = [
        "import codesign as cd",
        "",
        f'model = cd.load_model("{file}")',
        "model.network  # an ordinary torch module",
        "model.card  # everything on this page",
    ]
    if card.recipe is not None and (rounded := card.recipe.quantization) is not None:
        of_chip = f"cd.chip_quantization(cd.find_chip({card.recipe.chip!r}))"
        quantization = of_chip if rounded == "chip" else "model.card.recipe.quantization"
        load.append(f"cd.quantize(model.network, {quantization})  # in place: it was validated with rounded weights")
    if card.data is not None:
        load.append("cd.load_workload(model.card.data.options)  # the data it was trained on")
    parts = [
        f"# {_text(card.name)}",
        _summary(card),
        _text(card.description),
        "## The model",
        _table(("", ""), _facts(card)),
        _training(card),
        _scores(card),
        "## Load it",
        _indented(*load),
        _limits(card),
    ]
    return escaped("\n\n".join(part for part in parts if part) + "\n")


def _summary(card: ModelCard) -> str:
    shape = card.shape
    what = f"A spiking network of {shape.neurons:,} neurons that tells {card.classes} classes apart"
    if card.data is not None:
        what += f", trained on `{_code(card.data.options.name)}`"
    if card.origin is not None:
        what += f" for {_text(card.origin.title)}"
    return f"{what}."


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    shape = card.shape
    synapses = sum(layer.all_synapses for layer in shape.layers)
    weights = sum(layer.all_weights for layer in shape.layers)
    rows = [
        ("network", f"{topology_text(shape)}: {synapses:,} synapses, {weights:,} weights of 32 bits"),
        ("neuron", _neuron(card)),
        ("timestep", _timestep(card)),
    ]
    if card.input_grid is not None:
        channels, height, width = card.input_grid
        rows.append(("input", f"{channels} channels of {height} × {width}"))
    if card.open_inputs is not None:
        rows.append(("input gate", f"lets events of {card.open_inputs:,} of {shape.input_size:,} inputs pass"))
    if (data := card.data) is not None:
        sizes = f"{data.train:,} samples for training, {data.validation:,} for validation, {data.test:,} for tests"
        rows += [
            ("data", f"`{_code(data.options.name)}`: {sizes}"),
            ("coverage", _text(data.coverage or "the whole dataset was there")),
            ("fingerprint of the data", f"`{data.fingerprint}`"),
        ]
    rows += [("trained before on", f"`{_code(data.options.name)}`, `{data.fingerprint}`") for data in card.earlier_data]
    if (origin := card.origin) is not None:
        rows += [
            ("sweep", f"`{_code(origin.name)}`, configuration `{origin.config_hash[:16]}`"),
            ("key of the training", f"`{origin.training_key}`"),
        ]
    if (read := card.imported) is not None:
        options = ", ".join(f"{name} {value}" for name, value in read.options.items())
        text = f"{read.source}, dialect {read.dialect}, {options}. {read.lost}".strip(" ,.")
        rows.append(("read from", _text(text)))
    if card.certificate is not None:
        rows.append(("against its framework", _text(f"{card.certificate.summary} ({card.certificate.source})")))
    rows.append(("versions", _text(", ".join(f"{name} {version}" for name, version in card.versions.items()))))
    return [row for row in rows if row[1]]


def _neuron(card: ModelCard) -> str:
    """Its main parameters and what is not as usual, of each layer; what differs between neurons with its range."""
    neuron, own = card.neuron, card.own_numbers or {}
    usual = {name: field.default for name, field in type(neuron).model_fields.items()}
    shown = (name for name, value in neuron if name in own or name in _MAIN or value != usual[name])
    each = {name: value if isinstance(value, tuple) else (value,) for name, value in neuron}
    words = {name: own.get(name) or " / ".join(in_words(name, one) for one in each[name]) for name in shown}
    return ", ".join(f"{name.replace('_', ' ')} {_code(text)}" for name, text in words.items())


def _timestep(card: ModelCard) -> str:
    if not card.timestep_s:
        return "no length: the input is static"
    length = format_si(card.timestep_s, "s")
    return length if card.data is None else f"{card.data.timesteps} × {length}"


def _training(card: ModelCard) -> str:
    parameters = {} if card.recipe is None else card.recipe.parameters
    facts: dict[str, object] = {name.replace("_", " ").strip(): value for name, value in parameters.items()}
    facts |= {
        "seed": card.training_seed,
        "epochs run": card.trained_epochs,
        "epoch of these weights": card.best_epoch,
        "training loss then": card.training_loss,
    }
    rows = [(name, _text(_value(value))) for name, value in facts.items() if value is not None]
    if card.validation_accuracy is not None:
        rows.append(("validation accuracy then", percent(card.validation_accuracy)))
    parts = ["## How it was trained"]
    if card.recipe_name:
        calibrated = "" if card.recipe is None or card.recipe.calibration is None else ", calibrated after it"
        best = f"weights are those of the best epoch on validation data{calibrated}"
        parts.append(f"By the recipe `{_code(card.recipe_name)}`; {best}.")
    if (read := card.imported) is not None:
        digest = f", SHA-256 `{read.digest}`" if read.digest else ""
        parts.append(f"Elsewhere: it was imported from {_text(read.source)}, dialect {read.dialect}{digest}.")
    parts.append(_table(("parameter", "value"), rows) if rows else "" if card.imported is not None else "Not known.")
    if card.origin is not None:
        parts.append("This command writes the file, and trains the model where the store does not hold it:")
        parts.append(_indented(card.origin.command))
    return "\n\n".join(filter(None, parts))


def _scores(card: ModelCard) -> str:
    if not card.evaluations:
        return "## What it scores\n\nNot evaluated."
    shown = card.evaluations[:_MOST_ROWS]
    left = len(card.evaluations) - len(shown) + card.evaluations_left_out
    headings = ["chip", "schedule", "inference", "weights", "accuracy", "with 32-bit weights"]
    headings += ["spike density", column_label("energy_j", "board"), "latency", "seed"]
    splits = listed(list(dict.fromkeys(str(run.split) for run in card.evaluations)))
    most = max((run.samples or 0 for run in card.evaluations), default=0)
    parts = [
        "## What it scores",
        (f"On up to {plural(most, 'sample')} of the {splits} split. " if most else "")
        + f"Energies and latencies, per sample, are computed from the numbers of chip files; {UNKNOWN} is not known or "
        "not modelled.",
        _table(tuple(headings), map(_row, shown)),
        f"Left out here, and in the results: {left:,}." if left else "",
        _notes("Not modelled", ((run, run.not_modelled) for run in shown)),
        _notes("Assumed", ((run, run.assumptions) for run in shown)),
        _notes("No result", ((run, (run.reason,) if run.reason else ()) for run in shown)),
    ]
    return "\n\n".join(part for part in parts if part)


def _row(run: ModelEvaluation) -> tuple[str, ...]:
    axes = "".join(f", {name.rpartition('.')[2]} = {_value(value)}" for name, value in run.axes.items())
    chip = UNKNOWN if run.chip is None else _text(run.chip + (" (scaled)" if run.capacity == "scaled" else ""))
    scores = (
        percent(run.accuracy) if run.status == "ok" else run.status,
        percent(run.float_accuracy if run.weight_bits is not None else run.accuracy),
        number(run.spike_density),
        quantity(run.energy_j, "energy_j"),
        quantity(run.latency_s, "latency_s"),
    )
    weights = "32-bit" if run.weight_bits is None else f"{run.weight_bits}-bit"
    return (chip, _text(run.schedule + axes), _text(_inference(run)), weights, *scores, str(run.evaluation_seed))


def _inference(run: ModelEvaluation) -> str:
    if run.inference is None:
        return UNKNOWN
    if run.inference == "layered":
        return "layered"
    how = f"{run.inference} {(run.policy or '').replace('_', ' ')}".strip()
    stop = {"on_output": "early", "margin": f"{plural(run.margin or 0, 'spike')} ahead"}.get(run.stop or "", "drained")
    return f"{how}, F = {run.group_size or 'all'}, {stop}"


def _notes(heading: str, notes: Iterable[tuple[ModelEvaluation, Sequence[str]]]) -> str:
    """Sentences of evaluations, each once, with the chips that it applies to."""
    chips: dict[str, dict[str, None]] = {}
    for run, sentences in notes:
        for sentence in sentences:
            chips.setdefault(sentence, {}).setdefault(run.chip or UNKNOWN)
    lines = [f"- {_text(sentence)} ({_text(listed([*names]))})" for sentence, names in chips.items()]
    return "\n".join((f"{heading}:", "", *lines)) if lines else ""


def _limits(card: ModelCard) -> str:
    data = "its data" if card.data is None else f"the dataset `{_code(card.data.options.name)}`"
    return (
        "## Limits\n\n- Made for research on spiking networks and chips. It is no product: no decision about people or "
        "safety should rest on it.\n"
        "- Nothing here was measured on silicon: accuracies are simulated, energies and latencies are projections.\n"
        "- It is one trained model; other seeds give other weights, and accuracies that differ.\n"
        "- Accuracies hold for data like that of their split, for their schedules and bits of weights.\n"
        f"- Nothing is claimed about the licence of {data}, nor about what it allows for weights trained on it."
    )


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _indented(*lines: str) -> str:
    return "\n".join(f"    {_LINE_ENDS.sub(' ', line)}".rstrip() for line in lines)


def _text(text: str) -> str:
    """Foreign text as plain text: one line, no mark-up, no tags."""
    plain = _SPACES.sub(" ", text).strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def _code(text: str) -> str:
    """Foreign text within backticks."""
    return _SPACES.sub(" ", text).replace("`", "'").replace("|", "\\|")
