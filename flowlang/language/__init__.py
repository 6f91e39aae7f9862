"""The language in its two forms: flow text and its YAML twin give the same tree."""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic
from flowlang.language import tree
from flowlang.source import Source


def parse(source: Source) -> tuple[tree.Flow | None, list[Diagnostic]]:
    """The flow of `source`, read as YAML when its name ends in `.yaml` or `.yml`, else as text."""
    if source.name.endswith((".yaml", ".yml")):
        from flowlang.language import yaml

        return yaml.parse(source)
    from flowlang.language import text

    return text.parse(source)


def rest_of(source: Source) -> tree.Flow | None:
    """What could be read of a flow's text that has syntax errors; None of a twin in YAML."""
    if source.name.endswith((".yaml", ".yml")):
        return None
    from flowlang.language import text

    return text.rest_of(source)
