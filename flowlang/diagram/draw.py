"""Kernel to picture: every block becomes a shape, and what follows what becomes arrows.

The walk carries loose ends: arrows whose tail is known and whose head is whatever comes next. A block takes the loose ends
before it and gives back its own. A block after which nothing follows (`return`, `fail`) gives back none, and that is all
that the rest of a flow after a `return` needs: the switch that was made up for it is not drawn, its filled arm takes the
loose ends that are left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import assert_never

from flowlang import ir
from flowlang.declared import Operation
from flowlang.diagram.picture import Edge, EdgeKind, Node, NodeKind, Picture, Scope
from flowlang.event import Policy
from flowlang.expression.text import to_text
from flowlang.expression.tree import Binary, Expr, Expression
from flowlang.values import Duration


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
    scope: str = ""  # the one being drawn in
    latest: str = ""  # the block drawn last

    def block(self, node: ir.Node, ends: _Ends) -> _Ends:
        """Draw `node` after `ends`; returns its own loose ends."""
        match node:
            case ir.Step():
                return self.step(node, ends)
            case ir.Let() if node.name == "return":
                self.leaf(node.path, "return", "return", node.value.text, node.doc, ends)
                return ()
            case ir.Let():
                return self.leaf(node.path, "let", f"{node.name} = {node.value.text}", "", node.doc, ends)
            case ir.Emit():
                service, detail = node.event.service, node.data.text
                return self.leaf(node.path, "emit", f"emit {node.event.type}", detail, node.doc, ends, service)
            case ir.Fail():
                message = "" if node.message is None else node.message.text
                self.leaf(node.path, "fail", f"fail {node.error}", message, node.doc, ends)
                return ()
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
            case ir.Catch():
                return self.catch(node, ends)
            case _:
                assert_never(node)

    # ------------------------------------------------------------ blocks

    def start(self, flow: ir.Flow) -> _Ends:
        about = _lines(flow.doc, f"owner: {flow.owner}", f"key: {flow.key.text}" if flow.key else "")
        if flow.start is not None:
            where = _where(flow.start.where)
            node = Node(flow.name, "trigger", f"on {flow.start.event.type}", where, tooltip=_lines(about, where))
        else:
            names = ", ".join(param.name for param in flow.params)
            node = Node(flow.name, "start", "start", names, tooltip=about)
        return self.node(node, ())

    def step(self, step: ir.Step, ends: _Ends) -> _Ends:
        operation = _called(step.operation)
        after = self.node(
            Node(step.path, "step", step.name, operation, step.operation.service, _about_step(step), step.doc or ""),
            ends,
        )
        if step.undo is not None:
            undo = step.undo
            called = _called(undo.operation)
            words = _lines(f"undoes {step.path}", f"{called}({_arguments(undo.input)})", f"{step.path}:undo")
            node = Node(f"{step.path}:undo", "undo", "undo", called, undo.operation.service, words)
            self.node(node, (_End(step.path, "undo", tooltip=words),))
        self.latest = step.path
        return after

    def fork(self, fork: ir.Fork, ends: _Ends) -> _Ends:
        slots = len(fork.branches)
        about = _lines(fork.doc, f"{slots} branches at the same time, join {fork.join}", _decided(fork.at), fork.path)
        self.node(Node(fork.path, "fork", "fork", tooltip=about, doc=fork.doc or "", slots=slots), ends)
        joined: list[tuple[_End, int]] = []
        for slot, branch in enumerate(fork.branches):
            first = _End(fork.path, label=branch.name, tooltip=branch.doc or "", slot=slot)
            joined += [(end, slot) for end in self.block(branch.body, (first,))]
        if not joined:  # every branch ends in a failure: nothing is joined
            return ()
        join = Node(f"{fork.path}:join", "join", f"join {fork.join}", tooltip=about, slots=slots)
        after = self.node(join, ())
        for end, slot in joined:
            self.edge(end, join.id, slot)
        return after

    def switch(self, switch: ir.Switch, ends: _Ends) -> _Ends:
        if not switch.drawn:
            filled = [arm for arm in switch.arms if arm.body.items]
            return tuple(end for arm in filled for end in self.block(arm.body, ends)) if filled else ends
        subject = "" if switch.subject is None else switch.subject.text
        ways = [_condition(arm, switch.subject) for arm in switch.arms]
        about = _lines(switch.doc, *ways, _decided(switch.at), switch.path)
        self.node(Node(switch.path, "switch", subject, tooltip=about, doc=switch.doc or ""), ends)
        after: list[_End] = []
        for arm, way in zip(switch.arms, ways, strict=True):
            words = _lines(arm.doc, arm.when.text if arm.when else "")
            after += self.block(arm.body, (_End(switch.path, label=way, tooltip=words),))
        return tuple(after)

    def race(self, race: ir.Race, ends: _Ends) -> _Ends:
        match race.alternatives:
            case ():
                time = "forever" if race.after is None else race.after.text
                self.leaf(race.path, "timer", f"wait {time}", "", race.doc, ends)
                return self.block(race.late, (_End(race.path, "time"),))
            case (only,):
                self.wait(race, only, race.path, "wait for", ends)
                after = self.block(only.body, (_End(race.path, "event", tooltip=only.event.type),))
                late = _End(race.path, "time", "" if race.after is None else f"after {race.after.text}")
            case several:
                about = _lines(race.doc, "the first of these wins", _decided(race.at), race.path)
                self.node(Node(race.path, "race", "first of", tooltip=about, doc=race.doc or ""), ends)
                after = ()
                for number, one in enumerate(several):
                    path = f"{race.path}:on[{number}]"
                    self.wait(race, one, path, "on", (_End(race.path),))
                    after += self.block(one.body, (_End(path, "event", tooltip=one.event.type),))
                late = _End(f"{race.path}:after", "time")
                if race.after is not None:
                    self.leaf(late.source, "timer", f"after {race.after.text}", "", None, (_End(race.path),))
        return after if race.after is None else after + self.block(race.late, (late,))

    def wait(self, race: ir.Race, one: ir.Alternative, path: str, verb: str, ends: _Ends) -> None:
        where = _where(one.where)
        kept = "" if one.where else f"where {one.field} == {one.value.text}"
        limit = "forever" if race.after is None else f"within {race.after.text}"
        bound = f"named {one.bind}" if one.bind else ""
        about = _lines(race.doc, f"{verb} {one.event.type}", bound, where or kept, limit, _decided(race.at), path)
        self.node(Node(path, "wait", f"{verb} {one.event.type}", where, tooltip=about, doc=race.doc or ""), ends)

    def catch(self, catch: ir.Catch, ends: _Ends) -> _Ends:
        outside, name = self.scope, catch.path.rpartition("/")[2]
        about = _lines(catch.doc, "succeeds as a whole or leaves nothing behind", _decided(catch.at), catch.path)
        self.scopes.append(Scope(catch.path, f"scope {name}", outside, about))
        self.scope, before = catch.path, len(self.nodes)
        after = self.block(catch.body, ends)
        if len(self.nodes) == before:  # a frame needs something inside
            after = self.node(Node(f"{catch.path}:empty", "empty", "nothing"), ends)
        last, self.scope = self.latest, outside
        for handler in catch.handlers:
            words = _taken(handler)
            failed = _End(last, "error", words, _lines(handler.doc, words, catch.path), catch.path)
            after += self.block(handler.body, (failed,))
        return after

    # ------------------------------------------------------------ shapes and arrows

    def leaf(
        self, path: str, kind: NodeKind, label: str, detail: str, doc: str | None, ends: _Ends, service: str = ""
    ) -> _Ends:
        return self.node(Node(path, kind, label, detail, service, _lines(doc, label, detail, path), doc or ""), ends)

    def node(self, node: Node, ends: _Ends) -> _Ends:
        """Put `node` where `ends` lead to, inside the scope being drawn; returns its one loose end."""
        assert node.id not in self.nodes, f"two blocks with the path {node.id}"
        self.nodes[node.id] = replace(node, scope=self.scope)
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
        self.edges[id] = Edge(id, end.source, target, end.kind, end.label, end.tooltip, end.scope, end.slot, slot)


# ---------------------------------------------------------------- words


def _lines(*lines: str | None) -> str:
    return "\n".join(line for line in lines if line)


def _decided(service: str) -> str:
    return f"decided at {service}" if service else ""


def _where(where: Expression | None) -> str:
    return "" if where is None else f"where {where.text}"


def _called(operation: Operation) -> str:
    return f"{operation.service}.{operation.name}"


def _arguments(input: Expression) -> str:
    """The input as the user wrote it: named arguments have no braces of their own."""
    text = input.text.strip()
    return text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text


def _about_step(step: ir.Step) -> str:
    undone = "not undone" if step.uncompensated else ""
    if step.undo is not None:
        undone = f"undone by {_called(step.undo.operation)}"
    elif step.operation.reads:
        undone = "only reads: nothing to undo"
    call = f"{_called(step.operation)}({_arguments(step.input)})"
    return _lines(step.doc, f"{step.name} = {call}", undone, _tried(step.policy), step.path)


def _tried(policy: Policy) -> str:
    """How often and how long a call is tried, in words."""
    limit = f"{_time(policy.timeout)} for each attempt"
    if not policy.idempotent or policy.limit == 0:
        return f"tried once; {limit}"
    backoff = f"{_time(policy.backoff_min)}..{_time(policy.backoff_max)}"
    return f"up to {policy.limit} further attempts ({backoff}) on {', '.join(policy.errors)}; {limit}"


def _time(milliseconds: int) -> str:
    return str(Duration(milliseconds))


def _condition(arm: ir.Arm, subject: Expression | None) -> str:
    """What stands at the way into an arm: its guard, or only the values that the subject is compared with."""
    if arm.when is None:
        return "else"
    values = None if subject is None else _compared(arm.when.tree, subject.tree)
    return arm.when.text if values is None else ", ".join(to_text(value) for value in values)


def _compared(guard: Expr, subject: Expr) -> list[Expr] | None:
    """The values of a chain `subject == a || subject == b`; None where the guard is something else. The chain leans to
    the left and may be long, so it is walked and not recursed into."""
    values: list[Expr] = []
    while isinstance(guard, Binary) and guard.op == "||":
        if not (isinstance(guard.right, Binary) and guard.right.op == "==" and guard.right.left == subject):
            return None
        values.append(guard.right.right)
        guard = guard.left
    if not (isinstance(guard, Binary) and guard.op == "==" and guard.left == subject):
        return None
    return [guard.right, *reversed(values)]


def _taken(handler: ir.Handler) -> str:
    return f"catch {_names(handler.errors)}" if handler.errors else "catch any error"


def _names(errors: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{service}.{name}" if service else name for service, name in errors)
