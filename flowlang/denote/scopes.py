"""What a scope means, from the inside to the outside: handlers beside it, further attempts, one latch, catches, its own
compensation; and a child flow, which is a scope that its parent's hint interrupts."""

from __future__ import annotations

from collections import Counter

from flowlang import ir
from flowlang.denote.around import Around, IllegalOracle
from flowlang.denote.blocks import Blocks
from flowlang.denote.ends import Causes, Done, End, Env, Gone, Parked, gone, left, union
from flowlang.denote.leaves import bound
from flowlang.event import CANCELLED, External, Reason
from flowlang.place import instance
from flowlang.reason import as_value, handler_of


class Scopes(Blocks):
    """The scopes and what is like them."""

    __slots__ = ()

    def alongside(self, node: ir.Alongside, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        for handler in node.handlers:
            self.link.value(handler.value, env)
        parts = [self.block(node.body, around, env, causes)]
        counts: Counter[int] = Counter()
        for number, event in self.oracle.kids.get(path, ()):
            if self.consumed(path, event, node.handlers, env) != number:
                raise IllegalOracle(f"{path} let handler {number} have {event.id}")
            handler = node.handlers[number]
            seen = bound(env, handler.bind, event.data)
            parts.append(self.block(handler.body, around.at(counts[number]), seen, causes))
            counts[number] += 1
        body = parts[0]
        match self.joined(parts, env):
            case Done() as done:
                assert isinstance(body, Done)
                return left(Done(body.env, done.causes, done.undo, done.open))
            case other:
                return other

    def retry(self, node: ir.Retry, around: Around, env: Env, causes: Causes) -> End:
        scope = node.path.removesuffix(":retry")
        number = 1
        while True:
            end = self.block(node.body, around.at(number), env, causes)
            match end:
                case Done():
                    return left(end)
                case Gone(Reason(error=error), after) if error is not None and number <= node.limit:
                    if handler_of([node.errors], error) is None:
                        return end
                    causes, number = union([after, causes]), number + 1
                case _:
                    return end
            to_come = instance(f"{scope}#", (*around.index, number))
            if to_come in self.oracle.turned:
                return self.turned(to_come, around, causes)
            if to_come in self.oracle.pauses:
                around.wait(to_come)
                return Parked()

    def interrupt(self, node: ir.Interrupt, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        for alternative in node.alternatives:
            self.link.value(alternative.value, env)
        if node.after is not None:
            self.link.value(node.after, env)
        verdict = self.oracle.verdicts.get(path)
        interrupted = verdict == "interrupted"
        body = self.block(node.body, around.hinted(CANCELLED if interrupted else None), env, causes)
        match body:
            case _ if interrupted:
                undone = self.taken_back(body)
                if isinstance(undone, Parked):
                    return undone
                number, event = self.oracle.interrupts[path]
                return self.handled(node, path, number, event, around, env, union([undone.causes, causes]))
            case Done() if isinstance(left(body), Done):
                self.latched(path, "closed")
                return left(body)
            case Gone():
                self.latched(path, "gone")
                return body
            case _:
                self.latched(path, None)
                return Parked()

    def handled(
        self,
        node: ir.Interrupt,
        path: str,
        number: int,
        event: External | None,
        around: Around,
        env: Env,
        causes: Causes,
    ) -> End:
        """The handler of a scope that was interrupted, which stands outside of its latch."""
        if event is None:
            if node.after is None or number != len(node.alternatives):
                raise IllegalOracle(f"{path} has no time limit that could have interrupted it")
            handler, seen = node.late, env
        else:
            if self.consumed(path, event, node.alternatives, env) != number:
                raise IllegalOracle(f"{path} was interrupted by alternative {number} with {event.id}")
            alternative = node.alternatives[number]
            handler, seen = alternative.body, bound(env, alternative.bind, event.data)
        end = self.block(handler, around, seen, causes)
        return left(end) if isinstance(end, Done) else end

    def catch(self, node: ir.Catch, around: Around, env: Env, causes: Causes) -> End:
        end = self.block(node.body, around, env, causes)
        if isinstance(end, Gone) and end.reason.error is not None:
            taken = handler_of([handler.errors for handler in node.handlers], end.reason.error)
            if taken is None:
                return end
            handler = node.handlers[taken]
            seen = bound(env, handler.bind, as_value(end.reason.error))
            end = self.block(handler.body, around, seen, union([end.causes, causes]))
        return left(end) if isinstance(end, Done) else end

    def undoing_scope(self, node: ir.Undoing, around: Around, env: Env, causes: Causes) -> End:
        end = self.block(node.body, around, env, causes)
        if not isinstance(end, Done):
            return end
        ended = left(end)
        if isinstance(ended, Parked):
            return ended

        def undo(reason: Reason, causes: Causes) -> Causes | None:
            """The block in place of the parts. A failure that reaches its end leaves the run stuck: nothing is lost."""
            block = self.block(node.undo, around.in_compensation(reason), ended.env, causes)
            block = left(block) if isinstance(block, Done) else block
            self.stuck |= isinstance(block, Gone)
            return block.causes if isinstance(block, Done) else None

        return Done(ended.env, ended.causes, undo)

    def child(self, node: ir.Child, around: Around, env: Env, causes: Causes) -> End:
        path = instance(node.path, around.index)
        if path in self.oracle.turned:
            return self.turned(path, around, causes)
        verdict = self.oracle.verdicts.get(path)
        if verdict == "cancelled":
            around.latch(path)
        body = self.block(node.body, around.in_child(path, verdict == "cancelled"), env, causes)
        match body:
            case _ if verdict == "cancelled":
                return self.taken_back(body)
            case Done() if isinstance(left(body), Done):
                self.latched(path, "closed", "committed")
                ended = left(body)
                assert isinstance(ended, Done)
                seen = bound(env, node.name, body.env[node.returned]) if node.returned in body.env else env
                return Done(seen, ended.causes, ended.undo)
            case Gone():
                self.latched(path, "gone")
                return body
            case _:
                self.latched(path, None, "committed")
                if verdict is None:
                    around.wait(path)
                return Parked()

    # ------------------------------------------------------------ verdicts

    def taken_back(self, body: End) -> Gone | Parked:
        """What an interrupted body comes to, whatever it was on the way to."""
        match body:
            case Done():
                return gone(body.undo, CANCELLED, body.causes)
            case Gone():
                return Gone(CANCELLED, body.causes)
            case Parked():
                return body

    def latched(self, path: str, *allowed: str | None) -> None:
        verdict = self.oracle.verdicts.get(path)
        if verdict not in allowed:
            raise IllegalOracle(f"{path} ended as {verdict}, and only {allowed} can be")
