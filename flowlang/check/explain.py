"""Every code and its page: what is meant, a flow that has the fault, and its repair.

print(explain("FL0302"))
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from textwrap import fill, indent

from flowlang.diagnostic import Diagnostic
from flowlang.source import Source

WORDS = (
    "flowlang.unread",
    "flowlang.yamltree.words",
    "flowlang.language.words",
    "flowlang.language.twin_words",
    "flowlang.expression.words",
    "flowlang.contract.words",
    "flowlang.check.words.names",
    "flowlang.check.words.data",
    "flowlang.check.words.loops",
    "flowlang.check.words.types",
    "flowlang.check.words.saga",
    "flowlang.check.words.commit",
    "flowlang.check.words.time",
    "flowlang.check.words.choreography",
    "flowlang.check.words.across",
    "flowlang.check.words.style",
    "flowlang.scenario.words",
)
"""The modules that hold words. Imported when somebody asks, since a check needs few of them."""


def explain(code: str) -> str | None:
    """The page of `code` as text without a newline at its end, or None when there is no such code."""
    word = words().get(code.strip().upper())
    if word is None:
        return None
    kind = "error" if word.severity == "error" else word.severity
    kind = "error in choreography, else warning" if word.choreography_only else kind
    parts = [f"{word.code} ({kind}): {_title(word.message)}", fill(word.explanation, 100)]
    if word.bad:
        parts += ["This has the fault:", indent(word.bad.strip("\n"), "    ")]
        twin = _in_yaml(word.bad)
        parts += ["The same in YAML:", indent(twin.strip("\n"), "    ")] if twin else []
    if word.good:
        parts += ["This is the repair:", indent(word.good.strip("\n"), "    ")]
    return "\n\n".join(parts)


@cache
def words() -> dict[str, type[Diagnostic]]:
    """Every kind of finding that the tool has, by its code, in the order of the codes; codes are unique, a test holds."""
    return {kind.code: kind for kind in sorted(kinds(), key=lambda kind: kind.code)}


def kinds() -> list[type[Diagnostic]]:
    """The classes in the modules of words that have a code."""
    return [
        kind
        for module in map(import_module, WORDS)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Diagnostic) and kind.code and kind.__module__ == module.__name__
    ]


def _in_yaml(text: str) -> str:
    """The YAML twin of a flow; empty when `text` is none, or one that cannot be read."""
    from flowlang.language.text import parse
    from flowlang.language.yaml import to_yaml

    flow, problems = parse(Source("example.flow", text))
    return "" if flow is None or problems else to_yaml(flow)


def _title(message: str) -> str:
    """A message without the facts of one finding: every field becomes an ellipsis."""
    return re.sub(r"\{\w+\}", "…", message).replace("{{", "{").replace("}}", "}")
