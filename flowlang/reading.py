"""From the files that are named to everything that belongs to them: flows, their contracts, and the flows that they use.

Pure but for the reader that it is handed. A file is read once, so flows may use each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flowlang import contract, language
from flowlang.check.words.names import SameFlow
from flowlang.contract import Contracts
from flowlang.contract.words import SameService
from flowlang.diagnostic import Diagnostic, Label
from flowlang.language import tree
from flowlang.source import Source
from flowlang.unread import ContractUnread, FlowUnread, NothingMatches, OutsideProject, Refusal


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


@dataclass(slots=True)
class Read:
    """A file with a flow, its contracts, and where the flows that it uses stand, by name. `sound` says that all it names
    could be read, so that what is not there is not there. `rest` is what could be read of a flow that is None."""

    source: Source
    flow: tree.Flow | None
    found: list[Diagnostic]
    contracts: Contracts = field(default_factory=lambda: Contracts({}))
    uses: list[tuple[tree.Text, Source]] = field(default_factory=list)
    flows: dict[str, Source] = field(default_factory=dict)
    sound: bool = True
    rest: tree.Flow | None = None

    @property
    def tree(self) -> tree.Flow | None:
        """What was read, as a whole or in parts."""
        return self.flow or self.rest

    @property
    def name(self) -> str:
        """What the flow is called, or would be by its file."""
        return self.flow.name.text if self.flow is not None else self.source.name.rpartition("/")[2].partition(".")[0]


def read(sources: Sequence[Source], reader: Reader) -> list[Read]:
    """The flows of `sources` and all that they use, each once, those of `sources` first."""
    found: dict[Source, Read] = {}
    loaded: dict[tuple[Source, ...], tuple[Contracts, list[Diagnostic]]] = {}
    todo = list(dict.fromkeys(sources))
    given = {source.name: source for source in todo}
    for source in todo:  # grows on the way
        flow, problems = language.parse(source)
        one = found[source] = Read(source, flow, list(problems))
        one.rest = language.rest_of(source) if flow is None else None
        if one.tree is None:
            continue
        files = tuple(each for _, each in _files(one, "contracts", reader))
        if files not in loaded:
            loaded[files] = contract.load(files, reader.read)
        one.contracts, wrong = loaded[files]
        one.found += wrong
        one.sound = one.sound and not wrong
        if flow is None:
            continue
        one.uses = [(pattern, given.get(used.name, used)) for pattern, used in _files(one, "flows", reader)]
        todo += dict.fromkeys(used for _, used in one.uses if used not in todo)
    for one in found.values():
        one.flows = {found[used].name: used for _, used in one.uses if used is not one.source}
    for one in found.values():
        _meeting(one, found)
    return list(found.values())


def _files(one: Read, kind: str, reader: Reader) -> list[tuple[tree.Text, Source]]:
    """The files that a flow uses, each once, in the order of their names."""
    assert one.tree is not None
    sources: dict[str, tuple[tree.Text, Source]] = {}
    before = len(one.found)
    for pattern in (pattern for use in one.tree.uses if use.kind == kind for pattern in use.patterns):
        beside = pattern.span.source
        names = reader.find(pattern.value, beside)
        if isinstance(names, Refusal):
            one.found.append(OutsideProject(span=pattern.span, pattern=pattern.value, project=reader.root))
            continue
        if not names:
            folder = beside.name.rpartition("/")[0] or "."
            one.found.append(NothingMatches(span=pattern.span, pattern=pattern.value, folder=folder))
        for name in names:
            match reader.open(name):
                case Source() as source:
                    sources.setdefault(name, (pattern, source))
                case Refusal() as refusal:
                    unread = ContractUnread if kind == "contracts" else FlowUnread
                    one.found.append(unread(span=pattern.span, file=name, why=refusal.why))
                case Diagnostic() as finding:
                    one.found.append(finding)
    one.sound = one.sound and len(one.found) == before
    return [sources[name] for name in sorted(sources)]


# ---------------------------------------------------------------- flows that meet in one run


def _meeting(one: Read, found: dict[Source, Read]) -> None:
    """Among a flow and all that it uses no two have one name, and no service has two contracts."""
    named = {one.name: one}
    within: dict[str, tree.Text | None] = {one.name: None}
    for pattern, used in one.uses:
        for other in _reached(used, found):
            first = named.setdefault(other.name, other)
            way = within.setdefault(other.name, pattern)
            if (
                first is not other
                and (way is not pattern or other.source is used)
                and first.flow is not None
                and other.flow is not None
            ):
                labels = Label(first.flow.name.span, "one"), Label(other.flow.name.span, "the other")
                one.found.append(SameFlow(span=pattern.span, related=labels, name=other.name))
                one.sound = False
                return
    for other in named.values():
        for service, mine in one.contracts.services.items():
            theirs = other.contracts.services.get(service)
            if theirs is not None and theirs.span.source is not mine.span.source:
                related = (Label(mine.span, "first contract"),)
                one.found.append(SameService(span=theirs.span, related=related, service=service))
                one.sound = False


def _reached(source: Source, found: dict[Source, Read]) -> Iterator[Read]:
    todo = [source]
    for here in todo:  # grows on the way
        yield found[here]
        todo += [used for _, used in found[here].uses if used not in todo]
