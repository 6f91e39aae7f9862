"""All small flows: every construct filled with every smaller block, counted, so that number n is always the same flow.

Depth 1 is a leaf, depth 2 a construct over leaves, and so on. The flows use three services `a`, `b`, `c`, take `id` and
`n`, and are written as text, so that a flow that breaks a promise can be shown as its author would have written it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from flowlang import ir
from flowlang.contract import Contracts, load
from flowlang.event import Value
from flowlang.language.text import parse
from flowlang.lower import lower
from flowlang.source import Source

SERVICES = ("a", "b", "c")
INPUT: dict[str, Value] = {"id": "o-1", "n": 1}
TOLD: dict[str, Value] = {"told": {"id": "o-1", "n": 1}}

_ANY = "{ type: object, additionalProperties: true, properties: { id: { type: string }, n: { type: integer }, who: { type: string, x-pii: true } } }"
_MADE = "{ type: object, required: [n], properties: { n: { type: integer }, who: { type: string, x-pii: true } } }"
_CONTRACT = """
service: {service}
operations:
  act: {{ input: {any}, output: {made}, errors: {{ No: "no" }}, example: {{ n: 1 }} }}
  undo: {{ input: {any} }}
events:
  {service}.told: {{ data: {any}, keep: 7d, to: all }}
hears: [{heard}]
"""


@dataclass(frozen=True, slots=True)
class Construct:
    """Text with `{0}`, `{1}`, ... for the blocks inside and `{u}` for a number that makes names unique."""

    name: str
    holes: int
    text: str


LEAVES = (
    Construct("step", 0, "step s{u} = {s}.act(id: id) {{ compensate {s}.undo(id: id) }}"),
    Construct("fail", 0, "fail Odd"),
    Construct("emit", 0, 'emit "{s}.told" {{ id: "other", n: n }}'),
)

CONSTRUCTS = (
    Construct("sequence", 2, "{0}\n{1}"),
    Construct("fork", 2, "fork {{ branch x{u} {{ {0} }} branch y{u} {{ {1} }} }} join all"),
    Construct("switch", 2, "switch {{ case n > 0 -> {{ {0} }} else -> {{ {1} }} }}"),
    Construct("catch", 2, "scope k{u} {{ {0} }} catch as e{u} -> {{ {1} }}"),
    Construct("wait", 1, 'wait for event "a.told" as w{u} where w{u}.id == id within 5m else {{ {0} }}'),
    Construct("any", 2, "fork {{ branch x{u} {{ {0} }} branch y{u} {{ {1} }} }} join any"),
    Construct("cancel", 2, "fork {{ branch x{u} {{ {0} }} branch y{u} {{ {1} }} }} join all or cancel"),
    Construct("race", 2, 'race {{ on event "b.told" as r{u} where r{u}.id == id -> {{ {0} }} after 3m -> {{ {1} }} }}'),
    Construct("pause", 1, "wait 2m\n{0}"),
    Construct("each", 1, "for each i{u} in [1, 2] {{ {0} }}"),
    Construct("parallel", 1, "for each i{u} in [1, 2] parallel 2 {{ {0} }}"),
    Construct("repeat", 1, "repeat {{ {0} }} until n > 5 at most 2 else {{ }}"),
    Construct("retry", 1, "scope k{u} {{ {0} }} retry 1"),
    Construct("interrupt", 2, 'scope k{u} {{ {0} }} on event "a.told" as o{u} where o{u}.id == id -> {{ {1} }}'),
    Construct("limit", 2, "scope k{u} {{ {0} }} within 4m else {{ {1} }}"),
    Construct(
        "alongside", 2, 'scope k{u} {{ {0} }} on event "a.told" as o{u} where o{u}.id == id alongside -> {{ {1} }}'
    ),
    Construct("compensate", 1, "scope k{u} {{ {0} }} compensate {{ step c{u} = {s}.act(id: id) }}"),
    Construct("region", 1, "orchestrate at {s} {{ {0} }}"),
)
"""Neither a sub-flow, which needs a second file, nor `commit`, which stands only in a flow's own body: see `ENDS`."""

ENDS = ("", "\n  commit\n  step z = b.act(id: id)")
"""What may follow the block of a flow: nothing, or a point of no return and a step."""


def count(depth: int) -> int:
    """How many flows there are of this depth or less."""
    return _counts(depth)[-1] * len(ENDS)


@cache
def _counts(depth: int) -> tuple[int, ...]:
    """Where the flows of each form end: the leaves, then each construct."""
    found = [len(LEAVES)]
    if depth > 1:
        inner = _counts(depth - 1)[-1]
        for construct in CONSTRUCTS:
            found.append(found[-1] + inner**construct.holes)
    return tuple(found)


def text(number: int, depth: int) -> str:
    """Flow `number` of those of this depth; the second half of them ends with a point of no return."""
    end, block = divmod(number, count(depth) // len(ENDS))
    return whole(_block(block, depth, _Names()) + ENDS[end])


def whole(body: str) -> str:
    """`body` as a flow."""
    return f'use contracts "*.yaml"\nflow small(id: string, n: int) {{\n  key id\n  owner a\n  {body}\n}}\n'


def by_event(body: str) -> str:
    """`body` as a flow that an event starts, called `told` in it. What it starts with is `TOLD`."""
    return f'use contracts "*.yaml"\nflow small() {{\n  on event "c.told" as told\n  key told.id\n  owner a\n  {body}\n}}\n'


@dataclass(slots=True)
class _Names:
    next: int = 0

    def fresh(self) -> int:
        self.next += 1
        return self.next


def _block(number: int, depth: int, names: _Names) -> str:
    ends = _counts(depth)
    form = next(place for place, end in enumerate(ends) if number < end)
    fresh = names.fresh()
    service = SERVICES[fresh % len(SERVICES)]
    if form == 0:
        return LEAVES[number].text.format(u=fresh, s=service)
    construct, left = CONSTRUCTS[form - 1], number - ends[form - 1]
    inner: list[str] = []
    for _ in range(construct.holes):
        left, one = divmod(left, _counts(depth - 1)[-1])
        inner.append(_block(one, depth - 1, names))
    return construct.text.format(*inner, u=fresh, s=service)


def kernel(flow: str) -> ir.Flow:
    """The kernel of a flow over the three services."""
    tree, found = parse(Source("small.flow", flow))
    assert tree is not None and not found, (flow, [one.say(one.message) for one in found])
    return lower(tree, contracts())


@cache
def contracts() -> Contracts:
    """What the three services promise."""
    sources = []
    for service in SERVICES:
        heard = ", ".join(f"{other}.told" for other in SERVICES if other != service)
        sources.append(Source(f"{service}.yaml", _CONTRACT.format(service=service, any=_ANY, made=_MADE, heard=heard)))
    loaded, found = load(sources, _nothing_else)
    assert not found, [one.say(one.message) for one in found]
    return loaded


def _nothing_else(reference: str, beside: Source) -> Source:
    raise AssertionError(f"{beside.name} refers to nothing, not to {reference}")
