"""A scenario file to a `Scenario`: read against the flows that it is for, with every slip shown where it is written.

Strict on purpose. An answer for a step that does not exist, an event that nobody hears or a list whose order is left to
timing would make a test that says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowlang import ir
from flowlang.declared import EventType
from flowlang.diagnostic import Diagnostic, Label, nearest
from flowlang.event import Value
from flowlang.place import bare, depth, instance
from flowlang.scenario.fit import fit, fit_schema, kind_of
from flowlang.scenario.places import Place, Places
from flowlang.scenario.sites import Site, event_types, instance_of, may_be_undone, sites_of, unordered
from flowlang.scenario.tree import EMPTY, Answer, Answers, Cancelling, Happening, Resolving, Say, Scenario
from flowlang.scenario.words import (
    BadDecision,
    NoScenario,
    SharedList,
    UndeclaredError,
    UnknownEvent,
    UnknownKey,
    UnknownPlace,
    WrongShape,
)
from flowlang.source import Source
from flowlang.values import Duration
from flowlang.yamltree import YMapping, YNode, YScalar, YSequence, plain, read_yaml

TOP = ("input", "answers", "events", "expect")
REPORT = ("flow", "mode", "status", "output", "error", "residue", "events", "effects")
STATUSES = ("completed", "failed", "cancelled", "stuck", "waiting")
UNCERTAIN = ("Timeout", "Unavailable", "InvalidOutput")
DECISIONS = ("retry", "skip", "done", "fail")


@dataclass(frozen=True, slots=True)
class Read:
    """A scenario, the values that its run starts with, and everything that is wrong with it. Complete without findings."""

    scenario: Scenario
    values: Mapping[str, Value]
    found: tuple[Diagnostic, ...]


def read(source: Source, flow: ir.Flow, others: Sequence[ir.Flow] = ()) -> Read:
    """The scenario that the file `source` holds, for a run of `flow` with `others` installed beside it."""
    node, unreadable = read_yaml(source)
    if node is None:
        return Read(EMPTY, {}, tuple(unreadable))
    places = Places(node.span)
    _place(node, (), places)
    value = plain(node)
    reader = _Reader(places, (flow, *others), list(unreadable))
    if not isinstance(value, dict):
        return Read(EMPTY, {}, (*unreadable, NoScenario(span=node.span, found=kind_of(value))))
    reader.keys((), value, TOP, "a scenario")
    values: dict[str, Value] = {}
    if "input" in value:
        values, found = fit(flow, value["input"], places, ("input",))
        reader.found += found
    scenario = Scenario(
        input=value.get("input"),
        has_input="input" in value,
        answers=dict(reader.answers(value.get("answers"))),
        happenings=tuple(sorted(reader.happenings(value.get("events")), key=lambda happening: happening.at)),
        expect=reader.expect(value.get("expect")),
        virtual=True,
    )
    return Read(scenario, values, tuple(sorted(reader.found, key=lambda one: (one.span.start, one.code))))


def _place(node: YNode, place: Place, places: Places) -> None:
    """Write down where each part of `node` stands. The reader has bounded its depth."""
    places.values[place] = node.span
    match node:
        case YMapping():
            for entry in node.entries:
                places.names[(*place, entry.key)] = entry.span
                _place(entry.value, (*place, entry.key), places)
        case YSequence():
            for number, item in enumerate(node.items):
                _place(item, (*place, number), places)
        case YScalar():
            pass


def read_failures(
    settings: Iterable[tuple[str, str, Places]], flows: Sequence[ir.Flow], *, virtual: bool = False
) -> Read:
    """The answers that `--fail PLACE=WORD` asks for. `settings` are place, word and where the two stand: at `()` both, at
    `("place",)` and `("word",)` each. On a `virtual` clock a timeout takes as long as one does."""
    answers: dict[str, Answers] = {}
    found: list[Diagnostic] = []
    for place, word, places in settings:
        reader = _Reader(places, flows)
        site = reader.site(place, ("place",))
        answer = reader.failure(site, word, virtual) if site is not None else None
        if answer is not None and site is not None:
            answers[site.place] = Answers((answer,))
        found += reader.found
    return Read(Scenario(None, False, answers), {}, tuple(found))


@dataclass(slots=True)
class _Reader:
    places: Places
    flows: Sequence[ir.Flow]
    found: list[Diagnostic] = field(default_factory=list)

    # -------------------------------------------------------- answers

    def answers(self, value: Value) -> Iterator[tuple[str, Answers]]:
        if value is None:
            return
        if not self.is_record(("answers",), value, "`answers`", "a mapping from operations or paths to answers"):
            return
        for name, given in value.items():
            place = ("answers", name)
            site = self.site(name, place)
            if site is None:
                continue
            items = given if isinstance(given, list) else [given]
            inner = [(*place, number) if isinstance(given, list) else place for number in range(len(items))]
            if not items:
                self.wrong(place, f"`{name}`", "at least one answer", given)
            read = [self.answer(site, item, at) for item, at in zip(items, inner, strict=True)]
            if all(read) and read:
                yield name, Answers(tuple(answer for answer in read if answer), isinstance(given, list))
            if isinstance(given, list):
                self.shared(name, place, value)

    def site(self, name: str, place: Place) -> Site | None:
        """What an entry of that name is for."""
        known = {site.place: site for flow in self.flows for site in sites_of(flow)}
        operations = {site.name: Site(site.name, "", "", site.operation) for site in known.values()}
        if name in known or name in operations:
            return known.get(name) or operations[name]
        one = instance_of(list(known.values()), name)
        if one is not None:
            return one
        near = nearest(bare(name), [*operations, *known])
        if name.endswith(":undo") and name.removesuffix(":undo") in known:
            neither = "not undone by anything: the step has no compensation"
        elif "/" in name:
            neither = "no step of the flow"
        else:
            neither = "no operation that the flow calls"
        wide = known if "/" in name else operations
        said = f"{'its steps' if '/' in name else 'it calls'}: {', '.join(sorted(wide))}"
        span = self.places.name(place) if place[:1] == ("answers",) else self.places.of(place)
        hint = f"did you mean `{_with_numbers(near, name, known.get(near))}`?" if near else ""
        self.found.append(UnknownPlace(span=span, place=name, neither=neither, known=said, hint=hint))
        return None

    def answer(self, site: Site, value: Value, place: Place) -> Answer | None:
        wanted = "`{ ok: ... }`, `{ fail: ERROR }` or `{ unknown: true }`"
        if not self.is_record(place, value, f"an answer of `{site.place}`", wanted):
            return None
        kinds = [kind for kind in ("ok", "fail", "unknown") if kind in value]
        if len(kinds) != 1:
            self.wrong(place, f"an answer of `{site.place}`", f"exactly one of {wanted}", value)
            return None
        [kind] = kinds
        known = {"ok": ("ok", "takes"), "fail": ("fail", "data", "message", "takes"), "unknown": ("unknown", "takes")}
        self.keys(place, value, known[kind], f"`{{ {kind}: ... }}`")
        takes = self.duration((*place, "takes"), value["takes"], "`takes`") if "takes" in value else None
        match kind:
            case "ok":
                what = f"the answer of `{site.name}`"
                fitted, found = fit_schema(site.operation.output, value["ok"], self.places, (*place, "ok"), what)
                self.found += found
                return Answer("ok", fitted, takes=takes)
            case "fail":
                return self.failed(site, value, place, takes)
            case _:
                if value["unknown"] is not True:
                    self.wrong((*place, "unknown"), "`unknown`", "`true`", value["unknown"])
                return Answer("unknown", takes=takes)

    def failed(self, site: Site, value: Mapping[str, Value], place: Place, takes: int | None) -> Answer | None:
        name, message = value["fail"], value.get("message", "")
        if not isinstance(name, str):
            self.wrong((*place, "fail"), "`fail`", "the name of an error", name)
            return None
        if not isinstance(message, str):
            self.wrong((*place, "message"), "`message`", "a text", message)
            return None
        self.error_name(site, name, (*place, "fail"))
        message = message or f"`{site.name}` answered {name}"
        return Answer("fail", None, name, message, value.get("data"), "data" in value, takes)

    def error_name(self, site: Site, name: str, place: Place) -> bool:
        known = [*site.operation.errors, *UNCERTAIN]
        if name in known:
            return True
        near = nearest(name, known)
        declared = ", ".join(site.operation.errors) or "no error"
        self.found.append(
            UndeclaredError(
                span=self.places.of(place),
                operation=site.name,
                error=name,
                known=f"its contract declares {declared}; any operation may also end in {', '.join(UNCERTAIN)}",
                hint=f"did you mean `{near}`?" if near else "",
            )
        )
        return False

    def failure(self, site: Site, word: str, virtual: bool) -> Answer | None:
        """What `--fail PLACE=WORD` means. In real time it takes none: nobody wants to wait for a failure that was asked
        for. On a virtual clock waiting costs nothing, and what is timed around the step must see a timeout pass."""
        match word.lower():
            case "timeout":
                return Answer("unknown", takes=None if virtual else 0)
            case "crash":
                return Answer("crash", message="the handler crashed, as --fail asks", takes=0)
        word = "Unavailable" if word == "unavailable" else word
        if not self.error_name(site, word, ("word",)):
            return None
        return Answer("fail", error=word, message=f"`{site.name}` failed, as --fail asks")

    def shared(self, name: str, place: Place, answers: Mapping[str, Value]) -> None:
        """A list must be used up in one order: no two of its calls may happen in any order."""
        for flow in self.flows:
            sites = [
                site
                for site in sites_of(flow)
                if name == site.place or (name == site.name and site.place not in answers)
            ]
            pair = unordered(flow, sites)
            if pair is None:
                continue
            one, other, blamed = pair
            spans = [(site, step_span(flow, site.path)) for site in ((one,) if one is other else (one, other))]
            labels = tuple(Label(span, f"`{site.place}` calls it here") for site, span in spans if span is not None)
            span = self.places.name(place)
            if one is other:
                example = instance(one.path, (1,) * depth(one.path))
                who, repair = f"calls of `{one.place}`", f"by its number: `{example}:`"
            else:
                who, repair = f"`{one.place}` and `{other.place}`", f"by path: `{one.place}:` and `{other.place}:`"
            self.found.append(SharedList(span=span, who=who, repair=repair, why=_why(blamed), related=labels))

    # -------------------------------------------------------- events

    def happenings(self, value: Value) -> Iterator[Happening]:
        if value is None:
            return
        if not isinstance(value, list):
            self.wrong(("events",), "`events`", "a list", value)
            return
        for number, item in enumerate(value):
            place: Place = ("events", number)
            wanted = (
                "`{ at: 2d, type: ..., data: ... }`, `{ at: 1h, cancel: true }` or `{ at: 1h, resolve: STEP, as: ... }`"
            )
            if not self.is_record(place, item, "an event", wanted):
                continue
            kinds = [kind for kind in ("type", "cancel", "resolve") if kind in item]
            if len(kinds) != 1 or "at" not in item:
                self.wrong(place, "an event", wanted, item)
                continue
            at = self.duration((*place, "at"), item["at"], "`at`")
            match kinds[0]:
                case "type":
                    yield from self.said(at, item, place)
                case "cancel":
                    self.keys(place, item, ("at", "cancel"), "`{ at: ..., cancel: true }`")
                    if item["cancel"] is not True:
                        self.wrong((*place, "cancel"), "`cancel`", "`true`", item["cancel"])
                    yield Cancelling(at)
                case _:
                    yield from self.resolved(at, item, place)

    def said(self, at: int, item: Mapping[str, Value], place: Place) -> Iterator[Say]:
        self.keys(place, item, ("at", "type", "data", "id", "subject"), "an event")
        texts: dict[str, str] = {}
        for key in ("type", "id", "subject"):
            text = item.get(key, "")
            if not isinstance(text, str) or (key == "type" and not text):
                self.wrong((*place, key), f"`{key}`", "a text", text)
            texts[key] = str(text)
        known: dict[str, EventType] = {event.type: event for flow in self.flows for event in event_types(flow)}
        event = known.get(texts["type"])
        if event is None:
            near = nearest(texts["type"], list(known))
            types = f"it listens to: {', '.join(sorted(known))}" if known else "it listens to no event"
            hint = f"did you mean `{near}`?" if near else ""
            span = self.places.of((*place, "type"))
            self.found.append(UnknownEvent(span=span, type=texts["type"], known=types, hint=hint))
            return
        at_data = (*place, "data")
        data, found = fit_schema(event.data, item.get("data", {}), self.places, at_data, f"the data of `{event.type}`")
        self.found += found
        yield Say(at, texts["id"], event.type, texts["subject"], data)

    def resolved(self, at: int, item: Mapping[str, Value], place: Place) -> Iterator[Resolving]:
        self.keys(place, item, ("at", "resolve", "as", "result", "error", "message"), "`{ at: ..., resolve: STEP }`")
        step, decision = item["resolve"], item.get("as")
        if not isinstance(step, str):
            self.wrong((*place, "resolve"), "`resolve`", "the path of a step", step)
            return
        if decision not in DECISIONS:
            self.wrong((*place, "as"), "`as`", "one of retry, skip, done, fail", decision)
            return
        site = self.step(step, (*place, "resolve"))
        if site is None:
            return
        yield from self.decided(at, site, decision, item, place)

    def decided(
        self, at: int, site: Site, decision: str, item: Mapping[str, Value], place: Place
    ) -> Iterator[Resolving]:
        value, error = item.get("result"), item.get("error", "")
        span = self.places.of((*place, "as"))
        if decision == "fail" and (not isinstance(error, str) or not error):
            why, repair = "`fail` needs the name of the error", "write `error: NAME` beside it"
            self.found.append(BadDecision(span=span, why=why, repair=repair))
            return
        undo = any(may_be_undone(flow, site) for flow in self.flows)
        if decision == "skip" and not undo:
            why = f"`skip` is for compensations, and `{site.path}` has none"
            self.found.append(BadDecision(span=span, why=why, repair="a forward step takes `retry`, `done` or `fail`"))
            return
        if "result" in item and site.kind == "do":
            what = f"the result of `{site.name}`"
            value, found = fit_schema(site.operation.output, value, self.places, (*place, "result"), what)
            self.found += found
        kind = "undo" if str(item["resolve"]).endswith(":undo") else ""
        # where the kernel's path stands for many, its last part says which step, and that one is stuck says which of them
        path = site.path.rpartition("/")[2] if depth(site.path) else site.path
        yield Resolving(at, path, kind, decision, value, str(error), str(item.get("message", "")))

    def step(self, name: str, place: Place) -> Site | None:
        """A step by its path, or by its last part where only one step has it."""
        sites = [site for flow in self.flows for site in sites_of(flow)]
        short = [site for site in sites if site.place.rpartition("/")[2] == name]
        # a step of a compensation block has no forward call that could be meant
        short = short or [site for site in sites if site.place.rpartition("/")[2] == f"{name}:undo"]
        match short:
            case [site]:
                return site
            case []:
                return self.site(name if "/" in name else f"{self.flows[0].name}/{name}", place)
            case _:
                known = f"write the path: {', '.join(site.place for site in short)}"
                self.found.append(
                    UnknownPlace(
                        span=self.places.of(place), place=name, neither="the name of several steps", known=known
                    )
                )
                return None

    # -------------------------------------------------------- what is expected

    def expect(self, value: Value) -> Mapping[str, Value] | None:
        if value is None:
            return None
        if not self.is_record(("expect",), value, "`expect`", "a mapping with fields of the report"):
            return None
        self.keys(("expect",), value, REPORT, "`expect`")
        if "status" in value and value["status"] not in STATUSES:
            self.wrong(("expect", "status"), "`status`", f"one of {', '.join(STATUSES)}", value["status"])
        expected: Mapping[str, Value] = value
        return expected

    # -------------------------------------------------------- shapes

    def keys(self, place: Place, value: Mapping[str, Value], known: Sequence[str], where: str) -> None:
        for key in value:
            if key not in known:
                near = nearest(key, list(known))
                self.found.append(
                    UnknownKey(
                        span=self.places.name((*place, key)),
                        where=where,
                        key=key,
                        known=f"its keys: {', '.join(known)}",
                        hint=f"did you mean `{near}`?" if near else "",
                    )
                )

    def is_record(self, place: Place, value: Value, where: str, wanted: str) -> bool:
        if isinstance(value, dict):
            return True
        self.wrong(place, where, wanted, value)
        return False

    def duration(self, place: Place, value: Value, where: str) -> int:
        try:
            length = Duration.parse(value) if isinstance(value, str) else None
        except ValueError:
            length = None
        if length is None or length.ms < 0:
            self.wrong(place, where, "a duration such as `2s` or `3d`", value)
            return 0
        return length.ms

    def wrong(self, place: Place, where: str, wanted: str, found: Any) -> None:
        self.found.append(WrongShape(span=self.places.of(place), where=where, wanted=wanted, found=kind_of(found)))


def _with_numbers(near: str, name: str, site: Site | None) -> str:
    """The place `near`, of the step `site`, with the items and attempts that `name` has: `order/line[3]/pack`."""
    items, attempts = re.findall(r"\[(\d+)\]", name), dict(re.findall(r"([^/]+#)(\d+)", name))
    if site is None or not (items or attempts) or site.path.count("[]") != len(items):
        return near
    numbers = iter(items)
    index = tuple(
        int(next(numbers)) if part.endswith("[]") else int(attempts.get(part, 1))
        for part in site.path.split("/")
        if part.endswith(("[]", "#"))
    )
    return instance(site.path, index) + (":undo" if near.endswith(":undo") else "")


def _why(blamed: ir.Node) -> str:
    match blamed:
        case ir.Fork(join="some"):
            return f"who loses in `{blamed.path}` may settle after what follows it"
        case ir.Fork():
            return f"they stand in two branches of `{blamed.path}`"
        case ir.Each():
            return f"the items of `{blamed.path}` run side by side"
        case ir.Alongside():
            return f"the handlers of `{blamed.path.removesuffix(':alongside')}` run beside its body"
        case _:
            raise AssertionError(blamed)


def step_span(flow: ir.Flow, path: str) -> Any:
    """Where a step stands in the flow's text, if that is known."""
    return next((node.span for node in ir.walk(flow.body) if isinstance(node, ir.Step) and node.path == path), None)
