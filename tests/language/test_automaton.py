"""The shipped tables are those of the grammar, and the grammar has no conflict."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from lark.exceptions import GrammarError

ROOT = Path(__file__).parent.parent.parent


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "grammar" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_current() -> None:
    generator = _generator()
    fresh = generator.generate(generator.GRAMMAR.read_text(encoding="utf-8"))
    assert fresh == generator.AUTOMATON.read_text(encoding="utf-8"), "run `python grammar/generate.py`"


def test_a_conflict_is_refused() -> None:
    generator = _generator()
    grammar = generator.GRAMMAR.read_text(encoding="utf-8")
    with pytest.raises(GrammarError):
        generator.generate(grammar.replace("?add: mul ", "?add: mul | add add "))
