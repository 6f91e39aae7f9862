"""Whenever the package is built: its parser tables are generated from the grammar, and what it reads at run time goes in.

The grammar and the public schemas lie beside the package, where people look for them; a wheel carries them inside it, and
`flowlang.resources` finds them in either place.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Ship(BuildHookInterface):
    """Called by hatchling before it collects the files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the tables, and name the files that lie outside the package. An editable install reads those in place."""
        self._tables()
        if version != "editable":
            root = Path(self.root)
            for path in (root / "grammar" / "flow.lark", *sorted(root.glob("specs/*.schema.json"))):
                build_data["force_include"][str(path)] = f"flowlang/shipped/{path.relative_to(root).as_posix()}"

    def _tables(self) -> None:
        """Writes only what has changed, so that a build of an unchanged checkout changes nothing."""
        spec = importlib.util.spec_from_file_location("generate", Path(self.root) / "grammar" / "generate.py")
        assert spec is not None and spec.loader is not None
        generate = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(generate)
        tables = generate.generate(generate.GRAMMAR.read_text(encoding="utf-8"))
        if not generate.AUTOMATON.exists() or generate.AUTOMATON.read_text(encoding="utf-8") != tables:
            generate.AUTOMATON.write_text(tables, encoding="utf-8")
