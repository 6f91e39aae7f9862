"""The whole route on one page: text -> tree -> contracts -> check -> kernel -> one table for each service.

Pure but for the reader that it is handed: what lies on the disk, and how far a flow may look, is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from flowlang.check import Child, Flows, alone, decisions
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic
from flowlang.language import tree, words
from flowlang.reading import Read, Reader, read
from flowlang.source import Source, Span

if TYPE_CHECKING:
    from flowlang import ir
    from flowlang.owners import Owner
    from flowlang.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """A flow as its author wrote it and everything that is wrong with it, in the order of the text. The tree is None where
    it could not be read. `flows` are those that it uses, by name; what is wrong with them is in their own `found`."""

    source: Source
    flow: tree.Flow | None
    contracts: Contracts
    found: tuple[Diagnostic, ...]
    flows: Mapping[str, Front] = field(default_factory=dict, repr=False)


STAND_INS = (words.OddName, words.OddNumber, words.UnknownUnit, words.UnclosedString, words.BigNumber)
"""Mistakes in a token for which something stands in the tree: what is wrong with that is the same mistake."""


def _begins_in(inner: Span, outer: Span) -> bool:
    return inner.source is outer.source and outer.start <= inner.start < outer.end


def front(source: Source, reader: Reader) -> Front:
    """Read the flow, its contracts and the flows that it uses, and check them against each other."""
    return fronts([source], reader)[0]


def fronts(sources: Sequence[Source], reader: Reader) -> list[Front]:
    """The flows of `sources`, each checked; what several of them use is read and checked once."""
    files = read(sources, reader)
    known: dict[Source, dict[str, Child | None]] = {one.source: {} for one in files}
    children = {
        one.source: Child(one.flow, one.contracts, known[one.source])
        for one in files
        if one.flow is not None and one.sound and all(finding.severity != "error" for finding in one.found)
    }
    used: dict[Source, dict[str, Front]] = {one.source: {} for one in files}
    for one in files:
        known[one.source].update({name: children.get(source) for name, source in one.flows.items()})
    found = {one.source: _alone(one, known[one.source]) for one in files}
    sound = {source for source, here in found.items() if all(finding.severity != "error" for finding in here)}
    made: dict[Source, Front] = {}
    for one in files:
        here = found[one.source]
        if one.flow is not None and _reached(one, files) <= sound:
            here += decisions(one.flow, one.contracts, known[one.source])
        here.sort(key=lambda each: _place(each, one.source))
        made[one.source] = Front(one.source, one.flow, one.contracts, tuple(here), used[one.source])
    for one in files:
        used[one.source].update({name: made[source] for name, source in one.flows.items()})
    return [made[source] for source in sources]


def _alone(one: Read, flows: Flows) -> list[Diagnostic]:
    """Everything that is wrong with a flow and its contracts, whoever decides."""
    found = list(one.found)
    # A contract that could not be read would make a second error, "no such service", of the same cause.
    if one.flow is not None and one.sound:
        misread = [each.span for each in found if isinstance(each, STAND_INS)]
        wrong = alone(one.flow, one.contracts, flows)
        found += [each for each in wrong if not any(_begins_in(each.span, span) for span in misread)]
    elif one.rest is not None and one.sound:
        from flowlang.check.partly import partly  # most flows can be read

        found += partly(one.rest, one.contracts, one.found)
    return found


def _reached(one: Read, files: list[Read]) -> set[Source]:
    """The files that a flow needs, its own among them."""
    flows = {each.source: each.flows.values() for each in files}
    todo = [one.source]
    for here in todo:  # grows on the way
        todo += [source for source in flows[here] if source not in todo]
    return set(todo)


def every(whole: Front) -> list[Front]:
    """`whole` and all flows that it uses, directly or through others, each once."""
    found = {whole.source: whole}
    todo = [whole]
    for here in todo:  # grows on the way
        todo += [used for used in here.flows.values() if used.source not in found]
        found |= {used.source: used for used in here.flows.values()}
    return list(found.values())


def together(flows: Sequence[Front]) -> list[Diagnostic]:
    """What is wrong with several flows, or with one, that only shows where they are seen together."""
    from flowlang.check.across import across

    return list(across(list(_children(flows).values())))


def travelling(whole: Front) -> list[Diagnostic]:
    """What is said of personal data in a flow that can be choreographed; nothing of one that cannot. It asks the tables, and
    so takes longer than a `check` that only asks the flow."""
    from flowlang.personal import personal

    if any(one.choreography_only or one.severity == "error" for front in every(whole) for one in front.found):
        return []
    return list(personal(_children(every(whole))[whole.source]))


def _children(flows: Sequence[Front]) -> dict[Source, Child]:
    known: dict[Source, dict[str, Child | None]] = {one.source: {} for one in flows}
    children = {one.source: Child(one.flow, one.contracts, known[one.source]) for one in flows if one.flow is not None}
    for one in flows:
        known[one.source].update({name: children.get(used.source) for name, used in one.flows.items()})
    return children


# `check` runs on every save and stops here, so what follows is imported when it is asked for.


def kernel(whole: Front) -> ir.Flow:
    """The kernel of a flow in which no error was found: what the central machine runs and what is drawn."""
    from flowlang.lower import lower

    assert whole.flow is not None
    used = {one.flow.name.text: (one.flow, one.contracts) for one in every(whole) if one.flow is not None}
    return lower(whole.flow, whole.contracts, used)


@dataclass(frozen=True)
class Built:
    """A flow in both of its forms: the kernel for a central engine, and one table for each service of a choreography. The
    tables are made when they are asked for: a central engine never does."""

    flow: ir.Flow
    hash: str

    @cached_property
    def owners(self) -> dict[str, Owner]:
        """Who owns each block, by path, and why."""
        from flowlang.owners import owners

        return owners(self.flow)

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The table of each service, by service."""
        from flowlang.choreograph.conditions import broken
        from flowlang.choreograph.projection import project

        tables = project(self.flow, self.hash, self.owners)
        wrong = broken(tables)
        assert not wrong, wrong[0]  # a compiler that checks its own output
        return tables


def build(whole: Front) -> Built:
    """Both forms of a flow in which no error was found (warnings are none)."""
    from flowlang.ir import hash_of

    flow = kernel(whole)
    return Built(flow, hash_of(flow))


def _place(one: Diagnostic, source: Source) -> tuple[bool, str, int, int, str]:
    """The flow first, then its contracts; each from top to bottom."""
    return (one.span.source is not source, one.span.source.name, one.span.start, one.span.end, one.code)
