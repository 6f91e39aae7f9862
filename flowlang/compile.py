"""The whole route on one page: text -> tree -> contracts -> check -> kernel -> one table for each service.

Pure but for the reader that it is handed: what lies on the disk, and how far a flow may look, is decided by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from flowlang import contract, language
from flowlang.check import check
from flowlang.contract import Contracts
from flowlang.diagnostic import Diagnostic
from flowlang.language import tree, words
from flowlang.source import Source, Span
from flowlang.unread import ContractUnread, NothingMatches, OutsideProject, Refusal

if TYPE_CHECKING:
    from flowlang import ir
    from flowlang.owners import Owner
    from flowlang.table import Table


class Reader(Protocol):
    """The files that a flow may read; names are relative to the file `beside`."""

    @property
    def root(self) -> str:
        """What a user knows the project by."""
        ...

    def find(self, pattern: str, beside: Source) -> list[str] | Refusal:
        """The names of the files that match, sorted."""
        ...

    def open(self, name: str) -> Source | Refusal | Diagnostic:
        """The file of a name that `find` gave."""
        ...

    def read(self, reference: str, beside: Source) -> Source | Refusal | Diagnostic:
        """The file that a `$ref` names."""
        ...


@dataclass(frozen=True, slots=True)
class Front:
    """A flow as its author wrote it and everything that is wrong with it, in the order of the text. The tree is None where
    it could not be read."""

    source: Source
    flow: tree.Flow | None
    contracts: Contracts
    found: tuple[Diagnostic, ...]


STAND_INS = (words.OddName, words.OddNumber, words.UnknownUnit, words.UnclosedString, words.BigNumber)
"""Mistakes in a token for which something stands in the tree: what is wrong with that is the same mistake."""


def _begins_in(inner: Span, outer: Span) -> bool:
    return inner.source is outer.source and outer.start <= inner.start < outer.end


def front(source: Source, reader: Reader) -> Front:
    """Read the flow and its contracts and check the one against the others."""
    flow, found = language.parse(source)
    sources, unread = _contracts_of(flow, reader) if flow else ([], [])
    contracts, wrong = contract.load(sources, reader.read)
    found = [*found, *unread, *wrong]
    # A contract that could not be read would make a second error, "no such service", of the same cause.
    if flow is not None and not unread and not wrong:
        misread = [one.span for one in found if isinstance(one, STAND_INS)]
        found += [one for one in check(flow, contracts) if not any(_begins_in(one.span, span) for span in misread)]
    return Front(source, flow, contracts, tuple(sorted(found, key=lambda one: _place(one, source))))


# `check` runs on every save and stops here, so what follows is imported when it is asked for.


def kernel(whole: Front) -> ir.Flow:
    """The kernel of a flow in which no error was found: what the central machine runs and what is drawn."""
    from flowlang.lower import lower

    assert whole.flow is not None
    return lower(whole.flow, whole.contracts)


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
        from flowlang.choreograph.projection import project

        return project(self.flow, self.hash, self.owners)


def build(whole: Front) -> Built:
    """Both forms of a flow in which no error was found (warnings are none)."""
    from flowlang.ir import hash_of

    flow = kernel(whole)
    return Built(flow, hash_of(flow))


def _contracts_of(flow: tree.Flow, reader: Reader) -> tuple[list[Source], list[Diagnostic]]:
    """The contracts that `flow` uses, each once, in the order of their names."""
    sources: dict[str, Source] = {}
    found: list[Diagnostic] = []
    for pattern in (pattern for use in flow.uses if use.kind == "contracts" for pattern in use.patterns):
        beside = pattern.span.source
        names = reader.find(pattern.value, beside)
        if isinstance(names, Refusal):
            found.append(OutsideProject(span=pattern.span, pattern=pattern.value, project=reader.root))
            continue
        if not names:
            folder = beside.name.rpartition("/")[0] or "."
            found.append(NothingMatches(span=pattern.span, pattern=pattern.value, folder=folder))
        for name in names:
            match reader.open(name):
                case Source() as source:
                    sources[name] = source
                case Refusal() as refusal:
                    found.append(ContractUnread(span=pattern.span, file=name, why=refusal.why))
                case Diagnostic() as finding:
                    found.append(finding)
    return [sources[name] for name in sorted(sources)], found


def _place(one: Diagnostic, source: Source) -> tuple[bool, str, int, int, str]:
    """The flow first, then its contracts; each from top to bottom."""
    return (one.span.source is not source, one.span.source.name, one.span.start, one.span.end, one.code)
