"""Pages that MkDocs makes from the program itself, so that they cannot fall behind it.

The Python reference follows the public names in `codesign/__init__.pyi`, the command line is typer's own description of
it, fields of files come from the classes that check them, and result columns from their registry.
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[2]

GROUPS = {
    "simulation": "Networks and simulation",
    "training": "Training and models",
    "workload": "Data",
    "hardware": "Chips and cost",
    "exploration": "Sweeps, studies and results",
    "errors": "Errors",
}
"""Pages of the Python reference, each named after a part of the package."""
JOINS = {"network": "simulation", "models": "training"}
"""Parts that share another one's page. Those in neither table join `exploration`."""
INHERITED = {"SweepResults": ["points", "names", "answers", "in_book"]}
"""Members of a class that another one defines, which is no public name."""

PYTHON = """\
# Python

Every public name, after `import codesign as cd`. A name is imported when it is first used. This is what most programs
call, in this order:

{example}
"""
EXIT_CODES = """
## Exit codes

| code | meaning |
|---|---|
| 0 | success |
| 1 | some points failed, or `codesign import --check` found spikes that differ |
| 2 | bad input |
| 3 | success, but standard output was closed, full or not read to its end |
| 130 | interrupted |
"""
CHIP_FILE = """\
# Chip file

This is `chips/template.yaml`, to be copied and filled in. [Your own chip](../chips.md) says how.

```yaml
{template}```
"""
FILES = """\
# Sweep, study and price files

Quantities have a unit after a space, as in `10 ms`. Sweep and study files may also have `extends`, `remove`, `datasets`
and `scales`, by which a file is [composed of parts](../sweeps.md#one-file-for-several-datasets-and-scales).
"""
COLUMNS = """\
# Columns of results

`results.parquet` has one row for each design point. An empty cell is null: not known, not modelled, part of
another number of the chip, or without meaning in its row. Rows that are infeasible or failed hold only what is known
without running them. Each axis of a sweep adds a column `axis.NAME`.

| column | type | unit | meaning | allowed |
|---|---|---|---|---|
{rows}
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that lie in `docs/`."""
    pages = {
        **dict(python_pages()),
        "reference/command-line.md": command_line(),
        "reference/sweep-file.md": file_fields(),
        "reference/chip-file.md": CHIP_FILE.format(template=_read("chips/template.yaml")),
        "reference/columns.md": columns(),
        "contributing.md": _from_root("CONTRIBUTING.md"),
        "changelog.md": _from_root("CHANGELOG.md"),
    }
    for path, text in pages.items():  # the search lists guides before long lists of names and changes
        below = path.startswith("reference/python/") or path in ("contributing.md", "changelog.md")
        files.append(
            File.generated(config, path, content=f"---\nsearch: {{boost: 0.2}}\n---\n{text}" if below else text)
        )
    return files


def python_pages() -> Iterator[tuple[str, str]]:
    """One page a group of public names, and one that lists them all."""
    pages: dict[str, list[str]] = {group: [] for group in GROUPS}
    links: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, module in public_names().items():
        part = module.split(".")[1]
        group = part if part in GROUPS else JOINS.get(part, "exploration")
        more = f"      inherited_members: {INHERITED[name]}\n" if name in INHERITED else ""
        options = f"      heading: {name}\n      toc_label: {name}\n{more}"
        pages[group].append(f"::: {module}.{name}\n    options:\n{options}")
        links[group].append(f"[`{name}`][{module}.{name}]")
    for group, title in GROUPS.items():
        yield f"reference/python/{group}.md", f"# {title}\n\n" + "\n".join(pages[group])
    lists = [f"## {title}\n\n{', '.join(links[group])}\n" for group, title in GROUPS.items()]
    (example,) = re.findall(r"```python\n.*?```", _read("README.md"), flags=re.DOTALL)
    yield "reference/python/index.md", "\n".join([PYTHON.format(example=example), *lists])


def public_names() -> dict[str, str]:
    """Each public name and the module that defines it, in the order of the stub."""
    imports = [node for node in ast.parse(_read("codesign/__init__.pyi")).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"codesign.{node.module}" for node in imports for alias in node.names}


def command_line() -> str:
    """Typer's own Markdown of every command."""
    import typer
    from typer.cli import get_docs_for_click

    from codesign.cli.main import app

    command: Any = typer.main.get_command(app)
    context: Any = typer.Context(command, info_name="codesign")
    text = html.unescape(get_docs_for_click(obj=command, ctx=context, name="codesign"))
    text = text.replace("# `codesign`\n", "# Command line\n", 1)
    for name, summary in _summaries(command):
        text = re.sub(rf"^\* `{name}`: .*\.\.\.$", f"* `{name}`: {summary}", text, flags=re.MULTILINE)
    return re.sub(r"\[default: \((.*?)\)\]", r"[default: \1]", text) + EXIT_CODES


def _summaries(command: Any) -> Iterator[tuple[str, str]]:
    """First lines of the help of all commands, which typer's lists cut off."""
    for name, inner in getattr(command, "commands", {}).items():
        yield name, str(inner.help).strip().splitlines()[0]
        yield from _summaries(inner)


def columns() -> str:
    """The columns of results, from their registry."""
    from codesign.analysis.results.columns import COLUMNS as REGISTRY
    from codesign.analysis.results.columns import Column

    def allowed(column: Column) -> str:
        """What a value may be, and a list as a whole."""
        length = column.length
        count = " · ".join(f"len({name})" for name in length) if isinstance(length, tuple) else length
        rules = (
            f"{count} entries" if count else "",
            "as many entries in all rows, and at least one" if column.alike else "",
            "ascending" if column.ascending else "",
            f"no entry above {column.not_above}" if column.not_above else "",
        )
        return "; ".join(filter(None, (column.allowed, ", ".join(filter(None, rules)))))

    rows = [
        f"| `{name}` | {column.kind} | {column.unit.replace('**2', '²')} | "
        f"{_cell(column.meaning)} | {_cell(allowed(column))} |"
        for name, column in REGISTRY.items()
    ]
    return COLUMNS.format(rows="\n".join(rows))


def file_fields() -> str:
    """Every field of sweep, study and price files, from the classes that check them."""
    from codesign.exploration.definition.spec import SweepSpec
    from codesign.exploration.pricing.spec import PricingSpec
    from codesign.exploration.study.spec import StudySpec

    parts = [FILES]
    described: set[type[BaseModel]] = set()
    for title, spec in (("Sweep file", SweepSpec), ("Study file", StudySpec), ("Price file", PricingSpec)):
        parts.append(f"## {title}\n\n{_description(spec)}\n")
        blocks = [block for block in _blocks(spec) if block not in described]
        parts += [f"### {_heading(block)}\n\n{_description(block)}\n" for block in blocks]
        described.update(blocks)
    return "\n".join(parts)


def _blocks(spec: type[BaseModel]) -> list[type[BaseModel]]:
    """Classes of the blocks within a file, in the order in which they are met."""
    blocks: list[type[BaseModel]] = []

    def walk(owner: type[BaseModel]) -> None:
        for field in owner.model_fields.values():
            for block in _models_in(field.annotation):
                if block not in blocks:
                    blocks.append(block)
                    walk(block)

    walk(spec)
    return blocks


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Classes of blocks that an annotation names, such as those of `dict[str, Recipe]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]


def _description(spec: type[BaseModel]) -> str:
    summary = (spec.__doc__ or "").partition("Attributes:\n")[0].strip()
    meanings = _meanings(spec)
    rows = []
    for name, field in spec.model_fields.items():
        blocks = ", ".join(f"[{_heading(block)}](#{_anchor(block)})" for block in _models_in(field.annotation))
        said = meanings.get(name) or _choices(field.annotation)
        meaning = " ".join(filter(None, (_cell(said), blocks and f"→ {blocks}")))
        rows.append(f"| `{field.alias or name}` | {_if_left_out(field)} | {meaning} |")
    table = "\n".join(["| field | if left out | meaning |", "|---|---|---|", *rows])
    return re.sub(r"^ +", "", summary, flags=re.MULTILINE) + f"\n\n{table}"


def _meanings(spec: type[BaseModel]) -> dict[str, str]:
    """What the `Attributes:` of a class, and of the classes that it extends, say about each field."""
    meanings: dict[str, str] = {}
    for owner in reversed(spec.__mro__):
        attributes = (owner.__doc__ or "").partition("Attributes:\n")[2]
        for names, meaning in re.findall(r"^ {8}(\w[^:\n]*): (.*(?:\n {12}.*)*)", attributes, flags=re.MULTILINE):
            meanings |= dict.fromkeys(names.split(", "), " ".join(meaning.split()))
    return meanings


def _choices(annotation: Any) -> str:
    """The words that a field may be, where nothing else is said of it."""
    return " or ".join(f"`{word}`" for word in getattr(annotation, "__args__", ()) if isinstance(word, str))


def _if_left_out(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    default = field.get_default(call_default_factory=True)
    if default is None or default in ("", (), {}):
        return "–"
    values = default if isinstance(default, tuple) else (default,)
    if all(isinstance(value, str | int | float) for value in values):
        return f"`{list(default) if isinstance(default, tuple) else default}`"
    return "its defaults"


def _heading(block: type[BaseModel]) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"(Entry|Spec)$", "", block.__name__))
    return words.capitalize()


def _anchor(block: type[BaseModel]) -> str:
    return _heading(block).lower().replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _from_root(name: str) -> str:
    """A page that lies where people look for it in a repository; its links into `docs/` are followed from there."""
    return _read(name).replace("](docs/", "](")
