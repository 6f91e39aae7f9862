"""Whenever the package is built, its parser tables are generated from the grammar."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ParserTables(BuildHookInterface):
    """Runs `grammar/generate.py`; writes only what has changed, so that a build of an unchanged checkout changes nothing."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files."""
        spec = importlib.util.spec_from_file_location("generate", Path(self.root) / "grammar" / "generate.py")
        assert spec is not None and spec.loader is not None
        generate = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(generate)
        tables = generate.generate(generate.GRAMMAR.read_text(encoding="utf-8"))
        if not generate.AUTOMATON.exists() or generate.AUTOMATON.read_text(encoding="utf-8") != tables:
            generate.AUTOMATON.write_text(tables, encoding="utf-8")
