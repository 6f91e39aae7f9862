"""What order means: one after another, all at once, one of several, again and again."""

from __future__ import annotations

from flowlang import ir
from flowlang.denote.around import Around, Cancelling, IllegalOracle
from flowlang.denote.ends import Causes, Done, End, Env, Gone, Parked, Undo, at_once, backwards, gone, union
from flowlang.denote.leaves import Leaves, bound
from flowlang.event import LOST, Error, External, Reason, Value
from flowlang.link import Refused
from flowlang.place import instance
from flowlang.reason import first_reason


class Blocks(Leaves):
    """The blocks that order others."""

    __slots__ = ()

    def sequence(self, node: ir.Sequence, around: Around, env: Env, causes: Causes) -> End:
        undos: list[Undo] = []
        open: tuple[Causes | None, ...] = ()
        for item in node.items:
            match self.block(item, around, env, causes):
                case Done() as done:
                    env, causes, open = done.env, done.causes, open + done.open
                    undos.append(done.undo)
                case Gone(reason, after):
                    return gone(backwards(undos), reason, after)
                case Parked() as parked:
                    return parked
        return Done(env, causes, backwards(undos), open)

    # ------------------------------------------------------------ fork

    def fork(self, node: ir.Fork, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        if node.join == "some" and path in self.oracle.winners:
            return self.won(node, path, around, env, causes)
        if node.join == "cancel":
            cancelling = Cancelling()
            parts = [
                self.block(branch.body, around.branch(cancelling, number), env, causes)
                for number, branch in enumerate(node.branches)
            ]
            around.judge(cancelling, {number for number, part in enumerate(parts) if isinstance(part, Gone)})
        else:
            parts = [self.block(branch.body, around, env, causes) for branch in node.branches]
        ok = sum(isinstance(part, Done) for part in parts)
        if node.join == "some" and ok >= node.need:
            raise IllegalOracle(f"{ok} branches of {path} are ok, and the run names no winners")
        return self.joined(parts, env)

    def joined(self, parts: list[End], env: Env) -> End:
        """All must be ok, else those that are get undone once all have settled."""
        if any(isinstance(part, Parked) for part in parts):
            return Parked()
        done = [part for part in parts if isinstance(part, Done)]
        failed = [part for part in parts if isinstance(part, Gone)]
        settled = union([*(part.causes for part in done), *(part.causes for part in failed)])
        undo = at_once([part.undo for part in done])
        if failed:
            return gone(undo, first_reason([part.reason for part in failed]), settled)
        return Done(_merged(env, done), settled, undo, tuple(close for part in done for close in part.open))

    def won(self, node: ir.Fork, path: str, around: Around, env: Env, causes: Causes) -> End:
        """Some branches won; each of the others is gone, or is undone once it is ok, and `open` says with which calls."""
        winners = self.oracle.winners[path]
        parts = [
            self.block(branch.body, around.hinted(None if number in winners else LOST), env, causes)
            for number, branch in enumerate(node.branches)
        ]
        first = [part for number, part in enumerate(parts) if number in winners and isinstance(part, Done)]
        if len(first) < len(winners) or len(winners) != node.need:
            raise IllegalOracle(f"{winners} won {path}, which needs {node.need}, and {len(first)} of them are ok")
        after = union(part.causes for part in first)
        ends: list[Causes | None] = []
        for number, part in enumerate(parts):
            match part:
                case Done() if number not in winners:
                    ends.append(part.undo(LOST, union([part.causes, after])))
                case Gone():
                    ends.append(part.causes)
                case Parked():
                    ends.append(None)
        closed = None if None in ends else union([after, *(end for end in ends if end is not None)])
        undo_first = at_once([part.undo for part in first])

        def undo(reason: Reason, causes: Causes) -> Causes | None:
            ended = undo_first(reason, causes)
            return None if ended is None or closed is None else union([ended, closed])

        open = (*(close for part in first for close in part.open), closed)
        return Done(_merged(env, first), after, undo, open)

    # ------------------------------------------------------------ switch, race

    def switch(self, node: ir.Switch, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        taken = next(
            number for number, arm in enumerate(node.arms) if arm.when is None or self.link.truth(arm.when, env)
        )
        if self.oracle.decisions.get(path) != taken:
            raise IllegalOracle(f"{path} takes arm {taken}, the run says {self.oracle.decisions.get(path)}")
        return self.block(node.arms[taken].body, around, env, causes)

    def race(self, node: ir.Race, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        if path in self.oracle.turned and path not in self.oracle.races:
            return self.turned(path, around, causes)
        for alternative in node.alternatives:
            self.link.value(alternative.value, env)
        if node.after is not None:
            self.link.value(node.after, env)
        match self.oracle.races.get(path):
            case None:
                raise IllegalOracle(f"{path} is reached but was never armed")
            case "armed":
                around.wait(path)
                return Parked()
            case "timer" if node.after is not None:
                return self.block(node.late, around, env, causes)
            case External() as event:
                taken = node.alternatives[self.consumed(path, event, node.alternatives, env)]
                return self.block(taken.body, around, bound(env, taken.bind, event.data), causes)
            case other:
                raise IllegalOracle(f"{path} ended by {other!r}")

    # ------------------------------------------------------------ loops

    def each(self, node: ir.Each, around: Around, env: Env, causes: Causes) -> End:
        items = self.link.value(node.items, env)
        if not isinstance(items, list):
            raise Refused("ExpressionError", f"`{node.items.text}` is no list")
        if node.width:
            return self.each_at_once(node, items, around, env, causes)
        undos: list[Undo] = []
        open: tuple[Causes | None, ...] = ()
        found: list[Value] = []
        for number, item in enumerate(items):
            match self.block(node.body, around.at(number), {**env, node.variable: item}, causes):
                case Done() as done:
                    causes, open = done.causes, open + done.open
                    undos.append(done.undo)
                    found += [done.env[node.yields]] if node.yields else []
                case Gone(reason, after):
                    return gone(backwards(undos), reason, after)
                case Parked() as parked:
                    return parked
        return Done(bound(env, node.collect, found), causes, backwards(undos), open)

    def each_at_once(self, node: ir.Each, items: list[Value], around: Around, env: Env, causes: Causes) -> End:
        """Like the branches of a fork, as far as they were started: all of them, as many as there is room for as long as
        none is gone, and no further one afterwards."""
        path = instance(node.path, around.index)
        started = self.oracle.started.get(path, 0)
        parts = [
            self.block(node.body, around.at(number), {**env, node.variable: item}, causes)
            for number, item in enumerate(items[:started])
        ]
        ok = sum(isinstance(part, Done) for part in parts)
        least, most = min(node.width, len(items)), len(items)
        if not any(isinstance(part, Gone) for part in parts):
            least = most = min(ok + node.width, len(items))
        if not least <= started <= most:
            raise IllegalOracle(f"{path} started {started} of {len(items)} items while {ok} were ok")
        if not items:
            return Done(bound(env, node.collect, []), causes, backwards([]))
        match self.joined(parts, env):
            case Done() as done:
                found = [part.env[node.yields] for part in parts if node.yields and isinstance(part, Done)]
                return Done(bound(env, node.collect, found), done.causes, done.undo, done.open)
            case other:
                return other

    def repeat(self, node: ir.Repeat, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        carried = {each.name: self.link.value(each.first, env) for each in node.carried}
        undos: list[Undo] = []
        open: tuple[Causes | None, ...] = ()
        for number in range(node.most):
            to_come = f"{path}[{number}]"
            if number and to_come in self.oracle.turned:
                turned = self.turned(to_come, around, causes)
                return gone(backwards(undos), turned.reason, causes)
            if number and to_come in self.oracle.pauses:
                around.wait(to_come)
                return Parked()
            match self.block(node.body, around.at(number), {**env, **carried}, causes):
                case Gone(reason, after):
                    return gone(backwards(undos), reason, after)
                case Parked() as parked:
                    return parked
                case Done() as done:
                    causes, open = done.causes, open + done.open
                    undos.append(done.undo)
            carried = {each.name: done.env.get(each.next, done.env[each.name]) for each in node.carried}
            nexts = {each.next for each in node.carried}
            seen = {name: value for name, value in done.env.items() if name not in nexts} | carried
            try:
                if self.link.truth(node.until, seen):
                    return Done(seen, causes, backwards(undos), open)
                if node.every is not None and number + 1 < node.most:
                    self.link.value(node.every, seen)
            except Refused as refused:
                return self.failing(node.firm, refused.error(path), around, backwards(undos), causes)
        if node.late is None:
            error = Error("LimitReached", f"`{node.until.text}` is still false after {node.most} iterations", path)
            return self.failing(node.firm, error, around, backwards(undos), causes)
        match self.block(node.late, around, seen, causes):
            case Done() as late:
                return Done(late.env, late.causes, backwards([*undos, late.undo]), open + late.open)
            case Gone(reason, after):
                return gone(backwards(undos), reason, after)
            case Parked() as parked:
                return parked


def _merged(env: Env, parts: list[Done]) -> Env:
    """`env` with what each of `parts` defined."""
    merged = dict(env)
    for part in parts:
        merged.update(part.env)
    return merged
