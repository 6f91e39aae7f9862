"""A table as YAML that the team of a service can read: rows one below the other, what is small on one line.

Written for readers of YAML 1.2 and of 1.1 alike: a text that either would take for a number, a date or a boolean is quoted.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

from flowlang.values import plain_dumps

WIDTH = 120
_SMALL = 90  # characters of a list or an object that stands on one line
_QUOTED = re.compile(r"[-+.]?[0-9]|[-+]?\.(inf|nan)", re.IGNORECASE)


def to_yaml(data: Any) -> str:
    """`data`, made of objects, lists, texts, numbers, booleans and null, as one YAML document."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """PyYAML's own, with the layout below and without `&` anchors for what occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, data: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style='"' if _QUOTED.match(data) else None)


def _decimal(dumper: _Dumper, data: Decimal) -> yaml.Node:
    digits, e, exponent = plain_dumps(data).partition("e")
    whole = digits if "." in digits else f"{digits}.0"  # else a whole decimal came back as an integer
    sign = "" if not e or exponent.startswith("-") else "+"
    return dumper.represent_scalar("tag:yaml.org,2002:float", f"{whole}{e}{sign}{exponent}")


def _list(dumper: _Dumper, data: list[Any]) -> yaml.Node:
    # the tree of an expression begins with a word; spread over lines nobody could read it
    flow = _is_small(data) or bool(data and isinstance(data[0], str))
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


def _object(dumper: _Dumper, data: dict[str, Any]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=_is_small(data))


def _is_small(data: Any) -> bool:
    return len(plain_dumps(data)) <= _SMALL


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Decimal, _decimal)
_Dumper.add_representer(list, _list)
_Dumper.add_representer(dict, _object)
