"""What all tests share. Set before torch is imported: workers of pytest-xdist share the cores among them."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from codesign.hardware.chip.description import Chip

_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // _WORKERS)))

gc.set_threshold(
    700, 10, 1000
)  # looking through all objects of torch and Numba again and again takes a tenth of the time

hypothesis.settings.register_profile("codesign", deadline=None)  # a worker beside others is slow at times
hypothesis.settings.load_profile("codesign")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Thorough tests run one after another: they start clusters, and kill what would be beside them."""
    return 0 if config.option.markexpr == "thorough" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Examples, documents and the wheel, which take long, come first: no worker is left alone with them at the end."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


def _small_runs(request: pytest.FixtureRequest) -> bool:
    """Whether the test is one of those that plan and run tiny sweeps and studies."""
    return request.path.parent.name in ("cli", "exploration", "study")


@pytest.fixture(autouse=True)
def without_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longer than all else of a tiny sweep or study: only tests that are marked `pages` draw them."""
    if _small_runs(request) and not request.node.get_closest_marker("pages"):
        for module in ("codesign.exploration.sweep", "codesign.reporting.html"):
            monkeypatch.setattr(f"{module}.write_report", lambda table, path: None)


@pytest.fixture(scope="session")
def cache_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Binned events of the digits dataset, made once a worker."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def what_is_installed_is_read_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read shipped chips takes longer than to plan a tiny sweep; no test changes them."""
    if _small_runs(request):
        from codesign.hardware import library

        monkeypatch.setattr(library, "load_chip", _remembered())


@cache
def _remembered() -> Callable[..., Chip]:
    from codesign.files.location import packaged_folders
    from codesign.hardware.library import load_chip

    once, folders = cache(load_chip), packaged_folders("chips")

    def load(path: str | Path, with_error: bool = True) -> Chip:
        absolute = Path(path).absolute()
        return once(absolute, with_error) if absolute.parent in folders else load_chip(path, with_error)

    return load
