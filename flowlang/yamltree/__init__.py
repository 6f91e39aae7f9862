"""YAML 1.2 as a tree with places: one reader for contracts, for flows written in YAML and for scenarios.

`read_yaml(source)` gives nodes whose scalars are None, bool, int, Decimal or str by the rules of the YAML 1.2 core schema
(`no`, `on`, `22:30` and dates are strings), and a finding for everything that two readers could understand differently
or that could make a small file a large one: duplicate keys, anchors and aliases, merge keys, tags, several documents.
Of PyYAML only the parser's events are used, so nothing is ever constructed from what the file says.
"""

from flowlang.yamltree.nodes import YEntry, YMapping, YNode, YScalar, YSequence, plain
from flowlang.yamltree.reading import MAX_DEPTH, MAX_SIZE, read_yaml

__all__ = ["MAX_DEPTH", "MAX_SIZE", "YEntry", "YMapping", "YNode", "YScalar", "YSequence", "plain", "read_yaml"]
