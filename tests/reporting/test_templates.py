from __future__ import annotations

from pathlib import Path

import pytest
import vl_convert

from codesign.files.code import CACHE_VARIABLE
from codesign.reporting.templates import bundle


def test_the_bundle_is_kept_and_a_spoilt_one_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = iter(("first", "second", "third"))
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: next(made))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "code"))
    assert [bundle.__wrapped__() for _ in range(2)] == ["first", "first"]
    (kept,) = tmp_path.glob("code/*/*")
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    assert [bundle.__wrapped__() for _ in range(2)] == ["second", "second"]
    (tmp_path / "code").chmod(0o777)  # whoever wrote that ends no report
    assert bundle.__wrapped__() == "third"
