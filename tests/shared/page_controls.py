"""The controls of a report's first screen, as a reader moves them in a browser."""

from __future__ import annotations

from browser import Tab


def drawn(tab: Tab) -> Tab:
    tab.run(
        "new Promise(done => { const wait = () => document.documentElement.dataset.drawn ? done() : "
        "setTimeout(wait, 30); wait() })"
    )
    return tab


def settled(tab: Tab) -> None:
    tab.run("new Promise(done => setTimeout(done, 150))")
    tab.settle()


def rows(tab: Tab) -> list[list[str]]:
    """The decision table: names, how much worse than the best, and the other columns."""
    return tab.run(
        "[...document.querySelectorAll('#decision tbody tr')].map(row => [...row.cells].map(cell => "
        "(cell.querySelector('button, td small') ?? cell).textContent))"
    )


def choose(tab: Tab, name: str, value: str) -> None:
    tab.run(f'document.querySelector(\'input[name="{name}"][value="{value}"]\').click()')
    settled(tab)


def enter(tab: Tab, field: str, value: object, event: str = "input") -> None:
    tab.run(
        f"(() => {{ const field = document.getElementById('{field}'); field.value = '{value}'; "
        f"field.dispatchEvent(new Event('{event}')) }})()"
    )
    settled(tab)


def require(tab: Tab, percent: float) -> None:
    enter(tab, "required-number", percent)


def ask(tab: Tab, place: int) -> None:
    tab.run(f"document.querySelector('button[data-asked=\"{place}\"]').click()")
    settled(tab)


def said(tab: Tab, place: str) -> str:
    return str(tab.run(f"document.getElementById('{place}').textContent"))
