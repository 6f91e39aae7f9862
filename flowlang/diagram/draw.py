"""Kernel to picture: every block becomes a shape or a frame, and what follows what becomes arrows.

The walk carries loose ends: arrows whose tail is known and whose head is whatever comes next. A block takes the loose ends
before it and gives back its own. A block after which nothing follows (`return`, `fail`) gives back none, and that is all
that the rest of a flow after a `return` needs: the switch that was made up for it is not drawn, its filled arm takes the
loose ends that are left. In a child flow the loose ends of its returns leave its frame.

All clauses of one scope are one frame, although each is a block of its own. What the compiler named for itself (`line.yield`,
the parameters of a child flow) is not drawn: where such a value is used, its text stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never

from flowlang import ir
from flowlang.declared import Operation
from flowlang.diagram import labels
from flowlang.diagram.labels import decided, lines
from flowlang.diagram.picture import Edge, EdgeKind, Node, NodeKind, Picture, Scope
from flowlang.expression.tree import Expression, Ref


@dataclass(frozen=True, slots=True)
class _End:
    """A loose end."""

    source: str
    kind: EdgeKind = "forward"
    label: str = ""
    tooltip: str = ""
    scope: str = ""
    slot: int = -1


_Ends = tuple[_End, ...]
_Clause = ir.Alongside | ir.Retry | ir.Interrupt | ir.Catch | ir.Undoing


def draw(flow: ir.Flow) -> Picture:
    """`flow` as a picture."""
    drawing = _Drawing()
    ends = drawing.start(flow)
    ends = drawing.block(flow.body, ends)
    if ends:
        drawing.node(Node(f"{flow.name}:end", "end", "end", tooltip="the run is completed"), ends)
    return Picture(
        flow.name,
        flow.version,
        flow.doc or "",
        tuple(drawing.services),
        tuple(drawing.nodes.values()),
        tuple(drawing.edges.values()),
        tuple(drawing.scopes),
    )


@dataclass(slots=True)
class _Drawing:
    services: dict[str, None] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    scopes: list[Scope] = field(default_factory=list)
    scope: str = ""  # the frame being drawn in
    latest: str = ""  # the block drawn last
    child: str = ""  # what names in the child flow being drawn begin with: `pay/`
    returned: list[_End] = field(default_factory=list)  # of the child flow being drawn
    values: dict[str, str] = field(default_factory=dict)  # what is not drawn, by name

    def block(self, node: ir.Node, ends: _Ends) -> _Ends:
        """Draw `node` after `ends`; returns its own loose ends."""
        match node:
            case ir.Step():
                return self.step(node, ends)
            case ir.Let():
                return self.let(node, ends)
            case ir.Emit():
                service, detail = node.event.service, node.data.text
                return self.leaf(node.path, "emit", f"emit {node.event.type}", detail, node.doc, ends, service)
            case ir.Fail():
                message = "" if node.message is None else node.message.text
                self.leaf(node.path, "fail", f"fail {node.error}", message, node.doc, ends)
                return ()
            case ir.Commit():
                about = lines(node.doc, "no way back: what follows is done, or waits for an operator", node.path)
                return self.node(Node(node.path, "commit", "commit", tooltip=about, doc=node.doc or ""), ends)
            case ir.Sequence():
                for item in node.items:
                    ends = self.block(item, ends)
                return ends
            case ir.Fork():
                return self.fork(node, ends)
            case ir.Switch():
                return self.switch(node, ends)
            case ir.Race():
                return self.race(node, ends)
            case ir.Each():
                return self.each(node, ends)
            case ir.Repeat():
                return self.repeat(node, ends)
            case ir.Undoing(body=ir.Sequence((ir.Child() as child,))):
                return self.undone_child(child, node, ends)
            case ir.Alongside() | ir.Retry() | ir.Interrupt() | ir.Catch() | ir.Undoing():
                return self.clauses(node, ends)
            case ir.Child():
                return self.flow(node, ends)
            case ir.Region():
                about = lines(node.doc, f"{node.at} conducts what is inside", node.path)
                frame = Scope(node.path, f"orchestrate at {node.at}", "", about, "region", service=node.at)
                return self.framed(frame, lambda: self.block(node.body, ends), ends)
            case _:
                assert_never(node)

    # ------------------------------------------------------------ leaves

    def start(self, flow: ir.Flow) -> _Ends:
        about = lines(flow.doc, f"owner: {flow.owner}", f"key: {flow.key.text}" if flow.key else "")
        if flow.start is not None:
            where = labels.where(flow.start.where)
            node = Node(flow.name, "trigger", f"on {flow.start.event.type}", where, tooltip=lines(about, where))
        else:
            names = ", ".join(param.name for param in flow.params)
            node = Node(flow.name, "start", "start", names, tooltip=about)
        return self.node(node, ())

    def step(self, step: ir.Step, ends: _Ends) -> _Ends:
        name, operation = step.path.rpartition("/")[2], labels.called(step.operation)
        about = labels.about_step(step)
        drawn = Node(step.path, "step", name, operation, step.operation.service, about, step.doc or "")
        after = self.node(drawn, ends)
        if step.undo is not None:
            self.undo(step.path, step.undo.operation, step.undo.input, _End(step.path, "undo"))
        self.latest = step.path
        return after

    def undo(self, path: str, operation: Operation, input: Expression, end: _End) -> None:
        called = labels.called(operation)
        words = lines(f"undoes {path}", f"{called}({labels.arguments(input)})", f"{path}:undo")
        self.node(
            Node(f"{path}:undo", "undo", "undo", called, operation.service, words), (replace(end, tooltip=words),)
        )

    def let(self, let: ir.Let, ends: _Ends) -> _Ends:
        name = let.name.removeprefix(self.child)
        if "." in name or "/" in name:
            self.values[let.name] = let.value.text
            return ends
        if name == "return":
            returned = self.leaf(let.path, "return", "return", let.value.text, let.doc, ends)
            self.returned += returned
            return ()
        return self.leaf(let.path, "let", f"{name} = {let.value.text}", "", let.doc, ends)

    # ------------------------------------------------------------ order

    def fork(self, fork: ir.Fork, ends: _Ends) -> _Ends:
        slots = len(fork.branches)
        words = labels.joined(fork)
        about = lines(
            fork.doc, f"{slots} branches at the same time, join {words or 'all'}", decided(fork.at), fork.path
        )
        self.node(Node(fork.path, "fork", "fork", tooltip=about, doc=fork.doc or "", slots=slots), ends)
        joined: list[tuple[_End, int]] = []
        for slot, branch in enumerate(fork.branches):
            first = _End(fork.path, label=branch.name, tooltip=branch.doc or "", slot=slot)
            joined += [(end, slot) for end in self.block(branch.body, (first,))]
        if not joined:  # every branch ends in a failure: nothing is joined
            return ()
        join = Node(f"{fork.path}:join", "join", f"join {words or 'all'}", words, tooltip=about, slots=slots)
        after = self.node(join, ())
        for end, slot in joined:
            self.edge(end, join.id, slot)
        return after

    def switch(self, switch: ir.Switch, ends: _Ends) -> _Ends:
        if not switch.drawn:
            filled = [arm for arm in switch.arms if arm.body.items]
            return tuple(end for arm in filled for end in self.block(arm.body, ends)) if filled else ends
        subject = "" if switch.subject is None else switch.subject.text
        ways = [labels.condition(arm, switch.subject) for arm in switch.arms]
        about = lines(switch.doc, *ways, decided(switch.at), switch.path)
        self.node(Node(switch.path, "switch", subject, tooltip=about, doc=switch.doc or ""), ends)
        after: list[_End] = []
        for arm, way in zip(switch.arms, ways, strict=True):
            words = lines(arm.doc, arm.when.text if arm.when else "")
            after += self.block(arm.body, (_End(switch.path, label=way, tooltip=words),))
        return tuple(after)

    def race(self, race: ir.Race, ends: _Ends) -> _Ends:
        match race.alternatives:
            case ():
                time = "forever" if race.after is None else self.text(race.after)
                until = "until " if race.absolute else ""
                self.leaf(race.path, "timer", f"wait {until}{time}", "", race.doc, ends)
                return self.block(race.late, (_End(race.path, "time" if race.late.items else "forward"),))
            case (only,):
                self.wait(race, only, race.path, "wait for", ends)
                after = self.block(only.body, (_End(race.path, "event", tooltip=only.event.type),))
                late = _End(race.path, "time", "" if race.after is None else f"after {self.text(race.after)}")
            case several:
                about = lines(race.doc, "the first of these wins", decided(race.at), race.path)
                self.node(Node(race.path, "race", "first of", tooltip=about, doc=race.doc or ""), ends)
                after = ()
                for number, one in enumerate(several):
                    path = f"{race.path}:on[{number}]"
                    self.wait(race, one, path, "on", (_End(race.path),))
                    after += self.block(one.body, (_End(path, "event", tooltip=one.event.type),))
                late = _End(f"{race.path}:after", "time")
                if race.after is not None:
                    words = f"after {self.text(race.after)}"
                    self.leaf(late.source, "timer", words, "", None, (_End(race.path),))
        return after if race.after is None else after + self.block(race.late, (late,))

    def wait(
        self, waiting: ir.Race | ir.Interrupt | ir.Alongside, one: ir.Alternative, path: str, verb: str, ends: _Ends
    ) -> None:
        where = labels.where(one.where)
        kept = "" if one.where else f"where {one.field} == {self.text(one.value)}"
        bound = f"named {one.bind}" if one.bind else ""
        limit = ""
        if isinstance(waiting, ir.Race):
            limit = "forever" if waiting.after is None else f"within {self.text(waiting.after)}"
        doc = one.doc or waiting.doc
        about = lines(doc, f"{verb} {one.event.type}", bound, where or kept, limit, decided(waiting.at), path)
        self.node(Node(path, "wait", f"{verb} {one.event.type}", where, tooltip=about, doc=doc or ""), ends)

    # ------------------------------------------------------------ frames

    def framed(self, frame: Scope, inside: Callable[[], _Ends], ends: _Ends) -> _Ends:
        """What `inside` draws, with a frame around it."""
        outside, before = self.scope, len(self.nodes)
        label, detail, tooltip = self.own(frame.label), self.own(frame.detail), self.own(frame.tooltip)
        self.scopes.append(replace(frame, parent=outside, label=label, detail=detail, tooltip=tooltip))
        self.scope = frame.id
        if frame.service:
            self.services.setdefault(frame.service)
        after = inside()
        if len(self.nodes) == before:  # a frame needs something inside
            after = self.node(Node(f"{frame.id}:empty", "empty", "nothing", tooltip="nothing is done here"), ends)
        self.scope = outside
        return after

    def each(self, each: ir.Each, ends: _Ends) -> _Ends:
        yields = [f"yield {text}" for text in labels.hidden(each.body, each.yields)] if each.yields else []
        how = labels.looped(each)
        label = f"for each {each.variable} in {self.text(each.items)}"
        about = lines(each.doc, label, how, *yields, decided(each.at), each.path)
        frame = Scope(each.path, label, "", about, "loop", how)
        return self.framed(frame, lambda: self.block(each.body, ends), ends) or ends  # a list may be empty

    def repeat(self, repeat: ir.Repeat, ends: _Ends) -> _Ends:
        carried = ", ".join(f"{one.name} = {one.first.text}" for one in repeat.carried)
        nexts = [f"next {one.name} = {text}" for one in repeat.carried for text in labels.hidden(repeat.body, one.next)]
        label, most = "repeat" + (f" with {carried}" if carried else ""), f"at most {repeat.most} times"
        every = "" if repeat.every is None else f"every {self.text(repeat.every)}"
        until = f"until {repeat.until.text}"
        about = lines(repeat.doc, label, *nexts, until, every, most, decided(repeat.at), repeat.path)
        decision = f"{repeat.path}:until"

        def inside() -> _Ends:
            before = len(self.nodes)
            after = self.block(repeat.body, ends)
            if not after:
                return ()
            self.node(Node(decision, "until", "", tooltip=about), after)  # what it asks stands at the way out
            first = list(self.nodes)[before]
            pause = "" if repeat.every is None else f"after {self.text(repeat.every)}"
            if first != decision:
                self.edge(_End(decision, "again", f"again {pause}".strip()), first)
            return (_End(decision, label=until, tooltip=about),)

        after = self.framed(Scope(repeat.path, label, "", about, "loop", labels.dots(most, every)), inside, ends)
        if repeat.late is None or not after:
            return after
        bound = _End(decision, "time", f"after {repeat.most} times", about)
        return after + self.block(repeat.late, (bound,))

    def clauses(self, node: _Clause, ends: _Ends) -> _Ends:
        """A scope: one frame for all of its clauses, and what leaves it."""
        nest = tuple(_nest(node))
        path = _scope_of(node.path)
        body = nest[-1].body
        words = [labels.retried(one) for one in nest if isinstance(one, ir.Retry)]
        limits = [self.limit(one) for one in nest if isinstance(one, ir.Interrupt)]
        about = lines(
            next((one.doc for one in nest if one.doc), None),
            "succeeds as a whole or leaves nothing behind",
            *(f"{labels.retried(one)}, {labels.pauses(one)}" for one in nest if isinstance(one, ir.Retry)),
            *limits,
            decided(next((one.at for one in nest if one.at), "")),
            path,
        )

        def inside() -> _Ends:
            before = len(self.nodes)
            after = self.block(body, ends)
            last = self.latest if len(self.nodes) > before else ""
            for one in nest:
                if isinstance(one, ir.Alongside):
                    self.beside(one, ends)
            self.latest = last or self.latest
            return after

        frame = Scope(path, f"scope {path.rpartition('/')[2]}", "", about, "scope", labels.dots(*words))
        after, last = self.framed(frame, inside, ends), self.latest
        for one in reversed(nest):
            match one:
                case ir.Interrupt():
                    after += self.interrupted(one, path, last)
                case ir.Catch():
                    for handler in one.handlers:
                        taken = labels.taken(handler)
                        failed = _End(last, "error", taken, lines(handler.doc, taken, path), path)
                        after += self.block(handler.body, (failed,))
                case ir.Undoing():
                    self.undoing(one, path, last)
                case ir.Alongside() | ir.Retry():
                    pass  # inside the frame
        return after

    def beside(self, alongside: ir.Alongside, ends: _Ends) -> None:
        """Handlers that do not interrupt: nothing follows them but the end of the scope."""
        for number, one in enumerate(alongside.handlers):
            path = f"{alongside.path}:on[{number}]"
            starts = tuple(replace(end, kind="beside", label="alongside") for end in ends)
            self.wait(alongside, one, path, "on each", starts)
            self.block(one.body, (_End(path, "event", tooltip=one.event.type),))

    def interrupted(self, interrupt: ir.Interrupt, path: str, last: str) -> _Ends:
        after: _Ends = ()
        for number, one in enumerate(interrupt.alternatives):
            on = f"{interrupt.path}:on[{number}]"
            words = f"{one.event.type} interrupts {path}"
            self.wait(interrupt, one, on, "on", (_End(last, "event", "interrupted", words, path),))
            after += self.block(one.body, (_End(on, "event", tooltip=one.event.type),))
        if interrupt.after is not None:
            timer = f"{interrupt.path}:after"
            over = _End(last, "time", "", f"{path} takes too long", path)
            self.leaf(timer, "timer", self.limit(interrupt), "else", None, (over,))
            after += self.block(interrupt.late, (_End(timer, "time"),))
        return after

    def limit(self, interrupt: ir.Interrupt) -> str:
        return "" if interrupt.after is None else f"within {self.text(interrupt.after)}"

    def undoing(self, undoing: ir.Undoing, path: str, last: str) -> None:
        """What is done in place of undoing the parts of a scope; nothing follows it."""
        words = f"undoes {path} once it was done"
        start = (_End(last, "undo", "", words, path),)
        frame = Scope(undoing.path, "compensate", "", lines(undoing.doc, words, undoing.path), "undo")
        self.framed(frame, lambda: self.block(undoing.undo, start), start)

    def undone_child(self, child: ir.Child, undoing: ir.Undoing, ends: _Ends) -> _Ends:
        """A child flow with a compensation of its own, which is one step under the path of the child."""
        after, last = self.flow(child, ends), self.latest
        for step in ir.walk(undoing.undo):
            if isinstance(step, ir.Step):
                path = _scope_of(child.path)
                self.undo(path, step.operation, step.input, _End(last, "undo", scope=path))
        self.latest = last
        return after

    def flow(self, child: ir.Child, ends: _Ends) -> _Ends:
        outer, returned = self.child, self.returned
        path = _scope_of(child.path)
        name = path.rpartition("/")[2]
        self.child, self.returned = f"{outer}{name}/", []
        given = [f"{key}: {text}" for key, text in self.parameters()]
        about = lines(child.doc, f"{name} = flow.{child.flow}({', '.join(given)})", decided(child.at), path)
        frame = Scope(path, f"{name} = flow.{child.flow}", "", about, "child")
        after = self.framed(frame, lambda: self.block(child.body, ends), ends)
        after += tuple(self.returned)
        self.child, self.returned = outer, returned
        return after

    def parameters(self) -> Iterator[tuple[str, str]]:
        """What the child flow being drawn is given, by the name of each parameter."""
        for name, text in self.values.items():
            if name.startswith(self.child) and "/" not in name[len(self.child) :]:
                yield name[len(self.child) :], text

    # ------------------------------------------------------------ shapes and arrows

    def text(self, expression: Expression) -> str:
        """What the user wrote, also where the compiler evaluates it earlier under a name of its own."""
        tree = expression.tree
        return self.values.get(tree.name, expression.text) if isinstance(tree, Ref) else expression.text

    def leaf(
        self, path: str, kind: NodeKind, label: str, detail: str, doc: str | None, ends: _Ends, service: str = ""
    ) -> _Ends:
        return self.node(Node(path, kind, label, detail, service, lines(doc, label, detail, path), doc or ""), ends)

    def node(self, node: Node, ends: _Ends) -> _Ends:
        """Put `node` where `ends` lead to, inside the frame being drawn; returns its one loose end."""
        assert node.id not in self.nodes, f"two blocks with the path {node.id}"
        label, detail, tooltip = self.own(node.label), self.own(node.detail), self.own(node.tooltip)
        self.nodes[node.id] = replace(node, label=label, detail=detail, tooltip=tooltip, scope=self.scope)
        if node.service:
            self.services.setdefault(node.service)
        for end in ends:
            self.edge(end, node.id)
        self.latest = node.id
        return (_End(node.id),)

    def edge(self, end: _End, target: str, slot: int = -1) -> None:
        id = f"{end.source}->{target}"
        number = 2
        while id in self.edges:  # two empty cases of a switch lead to the same place
            id = f"{end.source}->{target}~{number}"
            number += 1
        label, tooltip = self.own(end.label), self.own(end.tooltip)
        self.edges[id] = Edge(id, end.source, target, end.kind, label, tooltip, end.scope, end.slot, slot)

    def own(self, text: str) -> str:
        """`text` in the words of the child flow that is drawn: `charge.id`, which is `pay/charge.id` outside of it. What is
        before or after a division sign has a space on both sides."""
        return re.sub(rf"(?<![\w/.]){re.escape(self.child)}(?=[^\W\d])", "", text) if self.child else text


def _scope_of(path: str) -> str:
    """The path of the scope whose clause has `path`: `order/fulfil` of `order/fulfil:retry`."""
    return path.partition(":")[0]


def _nest(node: _Clause) -> Iterator[_Clause]:
    """The clauses of one scope, each a block in the one before it."""
    yield node
    match node.body.items:
        case (ir.Alongside() | ir.Retry() | ir.Interrupt() | ir.Catch() | ir.Undoing() as inner,):
            if _scope_of(inner.path) == _scope_of(node.path):
                yield from _nest(inner)
