"""The consoles that the program writes to."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from codesign.terminal_text import escaped


class PrintableConsole(Console):
    """Shows control characters in everything printed instead of obeying them: texts may come from anyone's files."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escaped(segment.text))
