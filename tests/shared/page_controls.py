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


def texts_of(tab: Tab, selector: str) -> list[str]:
    """What each element says."""
    return tab.run(f"[...document.querySelectorAll('{selector}')].map(each => each.textContent)")


def count(tab: Tab, selector: str) -> int:
    return int(tab.run(f"document.querySelectorAll('{selector}').length"))


def click(tab: Tab, selector: str) -> None:
    tab.run(f"document.querySelector('{selector}').click()")
    settled(tab)


def choose(tab: Tab, name: str, value: str) -> None:
    click(tab, f'input[name="{name}"][value="{value}"]')


def enter(tab: Tab, field: str, value: object, event: str = "input") -> None:
    tab.run(
        f"(() => {{ const field = document.getElementById('{field}'); field.value = '{value}'; "
        f"field.dispatchEvent(new Event('{event}')) }})()"
    )
    settled(tab)


def require(tab: Tab, percent: float) -> None:
    enter(tab, "required-number", percent)


def ask(tab: Tab, place: int) -> None:
    click(tab, f'button[data-asked="{place}"]')


def said(tab: Tab, place: str) -> str:
    return str(tab.run(f"document.getElementById('{place}').textContent"))
