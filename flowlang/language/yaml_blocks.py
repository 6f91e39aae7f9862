"""The statements of the YAML twin to those of the tree.

An unnamed statement is `- kind: ...`, a named one `- name: { kind: ... }`; a kind is a reserved word, so the two can't be
mistaken for each other. `doc:` stands inside a named statement and beside the kind of an unnamed one.
"""

from __future__ import annotations

from flowlang.diagnostic import Label, nearest
from flowlang.expression import tree as expression
from flowlang.language import tree, twin_words, words
from flowlang.language.nodes import Listing, Mapping, Node, Scalar
from flowlang.language.shapes import head
from flowlang.language.text import MAX_NESTING
from flowlang.language.yaml_clauses import Clauses

UNNAMED = (
    *("sequence", "fork", "switch", "listen", "race", "for", "repeat", "wait", "commit", "orchestrate", "emit", "fail"),
    *("return", "next", "yield"),
)
NAMED = ("call", "let", "scope", "listen", "branch")
LIKELY = {
    "if": "write `switch`",
    "try": "write `name: { scope: [...] }` with `catch`",
    "do": "write `sequence`",
    "parallel": "write `fork`",
    "foreach": "write `for: { each: name, in: list, do: [...] }`",
    "while": "write `repeat: { do: [...], until: condition, most: 20 }`",
    "loop": "write `repeat: { do: [...], until: condition, most: 20 }`",
    "set": "write `name: { let: ... }`",
    "raise": "write `fail`",
    "run": "write `name: { call: service.operation }`",
    "wait_for": "write `listen`",
    "sleep": "write `wait`",
    "on": "write `race` or `listen`",
}
"""Words of other languages, and what they are called here."""


class Blocks(Clauses):
    """Reads lists of statements. Every method gives None for what it can't read, after reporting it."""

    def block(self, node: Node | None) -> tree.Block | None:
        """A list of statements."""
        if node is None:
            return None
        if self.depth == MAX_NESTING:
            self.say(words.DeepNesting(span=head(node.span), limit=MAX_NESTING))
            return None
        self.depth += 1
        statements = [self.entry(item, ()) for item in self.listing(node, "a list of statements")]
        self.depth -= 1
        return tree.Block(tuple(s for s in statements if s is not None and not isinstance(s, tree.Branch)), node.span)

    def entry(self, node: Node, more: tuple[str, ...]) -> tree.Statement | tree.Branch | None:
        """One entry of a list of statements; `more` are the named kinds that only this list has."""
        entries = self.mapping(node, "a statement, such as `name: { call: service.operation }`")
        keys = [key for key in entries if key != "doc"]
        if len(keys) != 1:
            if isinstance(node, Mapping):
                why = "this is a second one" if keys else "this has none"
                span = entries[keys[1]][0].span if keys else head(node.span)
                self.say(twin_words.OneStatement(span=span, why=why))
            return None
        key, value = entries[keys[0]]
        doc = entries["doc"][1] if "doc" in entries else None
        if key.text in UNNAMED:
            return self.unnamed(key, value, self.doc_text(doc))
        if key.text in ("call", "let", "scope", "branch"):
            self.say(twin_words.NeedsName(span=key.span, kind=key.text))
            return None
        if doc is not None:
            self.say(twin_words.OneStatement(span=entries["doc"][0].span, why="write it inside the statement"))
        return self.named(key, value, more)

    def unnamed(self, key: Scalar, value: Node, doc: str | None) -> tree.Statement | None:
        match key.text:
            case "sequence":
                body = self.block(value)
                return tree.Sequence(body, doc, key.span) if body else None
            case "fork":
                return self.fork(key, value, doc)
            case "switch":
                return self.switch(key, value, doc)
            case "listen":
                return self.listen(key, None, value, doc)
            case "race":
                return self.race(key, value, doc)
            case "for":
                return self.for_each(key, value, doc)
            case "repeat":
                return self.repeat(key, value, doc)
            case "wait":
                return self.wait(key, value, doc)
            case "commit":
                parts = self.fields(value, "a `commit`", ("doc",))
                return tree.Commit(self.doc(parts, doc), key.span) if parts is not None else None
            case "orchestrate":
                return self.orchestrate(key, value, doc)
            case "emit":
                return self.emit(key, value, doc)
            case "fail":
                return self.fail(key, value, doc)
            case "next":
                return self.next(key, value, doc)
            case _:
                result = self.value(value)
                kind = tree.Return if key.text == "return" else tree.Yield
                return kind(result, doc, key.span) if result else None

    def named(self, key: Scalar, value: Node, more: tuple[str, ...]) -> tree.Statement | tree.Branch | None:
        kinds = [kind for kind in NAMED if isinstance(value, Mapping) and kind in value.entries]
        if not kinds:
            self.say(self.no_kind(key, value))
            return None
        assert isinstance(value, Mapping)
        kind = kinds[0]
        name = self.name(key)
        if kind == "branch" and "branch" not in more:
            self.say(words.LooseClause(span=value.entries[kind][0].span, word="branch", belongs="it stands in a fork"))
            return None
        if name is None:
            return None
        match kind:
            case "call":
                return self.step(name, value)
            case "let":
                parts = self.fields(value, "a `let`", ("let", "doc")) or {}
                result = self.value(parts.get("let"))
                return tree.Let(name, result, self.doc(parts), name.span) if result else None
            case "scope":
                return self.scope(name, value)
            case "branch":
                parts = self.fields(value, "a `branch`", ("branch", "when", "doc")) or {}
                when, body = self.expression(parts.get("when")), self.block(parts.get("branch"))
                return tree.Branch(name, when, body, self.doc(parts), name.span) if body else None
            case _:
                parts = self.fields(value, "a `listen`", ("listen", "doc")) or {}
                return self.listen(value.entries["listen"][0], name, parts["listen"], self.doc(parts))

    def no_kind(self, key: Scalar, value: Node) -> twin_words.NoKind | twin_words.NoName:
        """An entry that says nowhere what it is."""
        within = next((word for word in value.entries if word in UNNAMED), None) if isinstance(value, Mapping) else None
        if within is not None and isinstance(value, Mapping):
            return twin_words.NoName(span=key.span, kind=within, name=key.text[:40])
        inside = nearest(next(iter(value.entries), ""), list(NAMED)) if isinstance(value, Mapping) else None
        meant = inside or nearest(key.text, list(UNNAMED))
        hint = f"did you mean `{meant}`?" if meant else LIKELY.get(key.text, "")
        return twin_words.NoKind(span=key.span, name=key.text[:40], known=f"`{' '.join(UNNAMED)}`", hint=hint)

    # ------------------------------------------------------------ simple statements

    def step(self, name: tree.Name, node: Mapping) -> tree.Step | None:
        keys = ("call", "with", "compensate", "retry", "timeout", "doc")
        parts = self.fields(node, "a step", keys, ("call",)) or {}
        call = self.call(parts)
        undo = None
        if "compensate" in parts:
            undo = self.undo_call(parts["compensate"], self.key_of(node, "compensate"))
        retry = self.retry(parts["retry"], self.key_of(node, "retry")) if "retry" in parts else None
        timeout = self.time(parts["timeout"]) if "timeout" in parts else None
        return tree.Step(name, call, undo, retry, timeout, self.doc(parts), name.span) if call else None

    def wait(self, key: Scalar, node: Node, doc: str | None) -> tree.Wait | None:
        """`5m`, or `{ until: t }`."""
        if isinstance(node, Scalar):
            time = self.expression(node)
            return tree.Wait(time, False, doc, key.span) if time else None
        parts = self.fields(node, "a `wait`", ("until", "doc"), ("until",)) or {}
        time = self.expression(parts.get("until"))
        return tree.Wait(time, True, self.doc(parts, doc), key.span) if time else None

    def emit(self, key: Scalar, node: Node, doc: str | None) -> tree.Emit | None:
        parts = self.fields(node, "an `emit`", ("event", "data", "doc"), ("event",)) or {}
        event = self.event(parts)
        data = self.value(parts.get("data"))
        if data is not None and not isinstance(data, expression.MapOf):
            self.shape(parts["data"], "a map")
            return None
        return tree.Emit(event, data, self.doc(parts, doc), key.span) if event else None

    def fail(self, key: Scalar, node: Node, doc: str | None) -> tree.Fail | None:
        parts = self.fields(node, "a `fail`", ("error", "message", "doc"), ("error",)) or {}
        error, message = self.name(parts.get("error")), self.expression(parts.get("message"))
        return tree.Fail(error, message, self.doc(parts, doc), key.span) if error else None

    def next(self, key: Scalar, node: Node, doc: str | None) -> tree.Next | None:
        """`{ name: value }`."""
        entries = list(self.mapping(node, "a map with one name").values())
        if len(entries) != 1:
            if isinstance(node, Mapping):
                why = "this is a second one" if entries else "this has none"
                self.say(twin_words.OneStatement(span=entries[1][0].span if entries else head(node.span), why=why))
            return None
        name, value = self.name(entries[0][0]), self.value(entries[0][1])
        return tree.Next(name, value, doc, key.span) if name and value else None

    # ------------------------------------------------------------ blocks

    def fork(self, key: Scalar, node: Node, doc: str | None) -> tree.Fork | None:
        parts = self.fields(node, "a `fork`", ("at", "branches", "join", "doc"), ("branches", "join"))
        if parts is None:
            return None
        at, (join, need) = self.at(parts), self.join(parts.get("join"))
        branches = []
        if "branches" in parts:
            self.depth += 1
            for item in self.listing(parts["branches"], "a list of statements and branches"):
                branches.append(self.entry(item, ("branch",)))
            self.depth -= 1
            if not branches:
                self.say(words.EmptyFork(span=key.span))
        return tree.Fork(at, tuple(b for b in branches if b is not None), join, need, self.doc(parts, doc), key.span)

    def switch(self, key: Scalar, node: Node, doc: str | None) -> tree.Switch | None:
        parts = self.fields(node, "a `switch`", ("of", "at", "cases", "else", "doc"), ("cases",))
        if parts is None:
            return None
        subject, at = self.expression(parts.get("of")), self.at(parts)
        cases = [self.case(item, "of" in parts) for item in self.listing(parts.get("cases"), "a list of cases")]
        if isinstance(parts.get("cases"), Listing) and not cases:
            self.say(words.EmptySwitch(span=key.span))
        default = self.block(parts.get("else"))
        kept = tuple(case for case in cases if case is not None)
        return tree.Switch(subject, at, kept, default, self.doc(parts, doc), key.span)

    def case(self, node: Node, compares: bool) -> tree.Case | None:
        word, other = ("is", "when") if compares else ("when", "is")
        if isinstance(node, Mapping) and other in node.entries:
            span, known = node.entries[other][0].span, f"`{word} do doc`"
            hint = "this switch compares `of` with each case" if compares else "this switch has no `of` to compare with"
            self.say(twin_words.UnknownKey(span=span, where="this case", key=other, known=known, hint=hint))
            return None
        parts = self.fields(node, "a case", (word, "do", "doc"), (word, "do")) or {}
        tests: list[Node] = []
        if word in parts:
            test = parts[word]
            tests = test.items if compares and isinstance(test, Listing) else [test]
            if not tests:
                self.shape(test, "at least one value")
        values = tuple(value for value in map(self.expression, tests) if value is not None)
        body = self.block(parts.get("do"))
        if body is None or not values:
            return None
        return tree.Case(values, body, self.doc(parts), self.key_of(node, word))

    def listen(self, key: Scalar, bind: tree.Name | None, node: Node, doc: str | None) -> tree.WaitEvent | None:
        keys = ("event", "where", "at", "within", "else", "forever", "doc")
        parts = self.fields(node, "a `listen`", keys, ("event",))
        if parts is None:
            return None
        event, where, at = self.event(parts), self.expression(parts.get("where")), self.at(parts)
        limit: tree.Within | tree.Forever | None
        if self.flag(parts, "forever"):
            other = next((key for key in ("within", "else") if key in parts), None)
            if other:
                self.say(twin_words.Conflict(span=self.key_of(node, other), key=other, other="forever"))
            limit = tree.Forever(self.key_of(node, "forever"))
        else:
            limit = self.within(parts, node, "a `listen`")
        return tree.WaitEvent(event, bind, where, at, limit, self.doc(parts, doc), key.span) if event else None

    def within(self, parts: dict[str, Node], node: Node, where: str) -> tree.Within | None:
        """`within` and `else`, which stand together or not at all."""
        self.pair(node, "within", "else", where)
        time, otherwise = self.expression(parts.get("within")), self.block(parts.get("else"))
        return tree.Within(time, otherwise, self.key_of(node, "within")) if time and otherwise else None

    def race(self, key: Scalar, node: Node, doc: str | None) -> tree.Race | None:
        parts = self.fields(node, "a `race`", ("at", "first", "forever", "doc"), ("first",))
        if parts is None:
            return None
        found = [self.alternative(item) for item in self.listing(parts.get("first"), "a list of events")]
        alternatives = tuple(part for part in found if isinstance(part, tree.OnEvent))
        limits: list[tree.After | tree.Forever] = [part for part in found if isinstance(part, tree.After)]
        if self.flag(parts, "forever"):
            limits.append(tree.Forever(self.key_of(node, "forever")))
        if isinstance(parts.get("first"), Listing) and not alternatives and None not in found:
            self.say(words.EmptyRace(span=key.span))
        for further in limits[1:]:
            self.say(words.SecondLimit(span=further.span, related=(Label(limits[0].span, "said here"),)))
        limit = limits[0] if limits else None
        return tree.Race(self.at(parts), alternatives, limit, self.doc(parts, doc), key.span)

    def alternative(self, node: Node) -> tree.OnEvent | tree.After | None:
        """What a race may end with: an event, or a time that is over."""
        if not isinstance(node, Mapping) or "after" not in node.entries:
            return self.reaction(node, "an alternative", ())
        parts = self.fields(node, "an alternative", ("after", "do", "doc"), ("do",)) or {}
        time, body = self.expression(parts.get("after")), self.block(parts.get("do"))
        return tree.After(time, body, self.doc(parts), self.key_of(node, "after")) if time and body else None

    def reaction(self, node: Node, where: str, more: tuple[str, ...]) -> tree.OnEvent | None:
        """An event and what it leads to."""
        parts = self.fields(node, where, ("event", "as", "where", *more, "do", "doc"), ("event", "do")) or {}
        event, bind, condition = self.event(parts), self.name(parts.get("as")), self.expression(parts.get("where"))
        alongside, body = self.flag(parts, "alongside"), self.block(parts.get("do"))
        if event is None or body is None:
            return None
        return tree.OnEvent(event, bind, condition, alongside, body, self.doc(parts), self.key_of(node, "event"))

    def for_each(self, key: Scalar, node: Node, doc: str | None) -> tree.ForEach | None:
        keys = ("each", "in", "parallel", "as", "at", "do", "doc")
        parts = self.fields(node, "a `for`", keys, ("each", "in", "do")) or {}
        variable, items = self.name(parts.get("each")), self.expression(parts.get("in"))
        parallel = self.count(parts["parallel"], "parallel") if "parallel" in parts else None
        bind, at, body = self.name(parts.get("as")), self.at(parts), self.block(parts.get("do"))
        if variable is None or items is None or body is None:
            return None
        return tree.ForEach(variable, items, parallel, bind, at, body, self.doc(parts, doc), key.span)

    def repeat(self, key: Scalar, node: Node, doc: str | None) -> tree.Repeat | None:
        keys = ("with", "at", "do", "until", "every", "most", "else", "doc")
        parts = self.fields(node, "a `repeat`", keys, ("do", "until", "most")) or {}
        carried = tuple(filter(None, self.carried(parts.get("with"))))
        at, body = self.at(parts), self.block(parts.get("do"))
        until, every = self.expression(parts.get("until")), self.expression(parts.get("every"))
        most = self.count(parts["most"], "most") if "most" in parts else None
        otherwise = self.block(parts.get("else"))
        if body is None or until is None or most is None:
            return None
        return tree.Repeat(carried, at, body, until, every, most, otherwise, self.doc(parts, doc), key.span)

    def carried(self, node: Node | None) -> list[tree.Carried | None]:
        found = []
        for key, part in self.mapping(node, "a map from names to values").values():
            name, value = self.name(key), self.value(part)
            found.append(tree.Carried(name, value, key.span) if name and value else None)
        return found

    def scope(self, name: tree.Name, node: Mapping) -> tree.Scope | None:
        keys = ("scope", "at", "retry", "catch", "events", "within", "else", "compensate", "doc")
        parts = self.fields(node, "a `scope`", keys) or {}
        body, at = self.block(parts.get("scope")), self.at(parts)
        caught = self.listing(parts.get("catch"), "a list of catches")
        catches = tuple(filter(None, map(self.catch, caught)))
        events = self.listing(parts.get("events"), "a list of events")
        reactions = tuple(filter(None, (self.reaction(item, "an event", ("alongside",)) for item in events)))
        limit = self.within(parts, node, "a `scope`")
        retry = self.retry(parts["retry"], self.key_of(node, "retry")) if "retry" in parts else None
        undo = self.block(parts.get("compensate"))
        if body is None:
            return None
        return tree.Scope(name, at, body, catches, reactions, limit, retry, undo, self.doc(parts), name.span)

    def catch(self, node: Node) -> tree.Catch | None:
        parts = self.fields(node, "a catch", ("errors", "as", "do", "doc"), ("do",)) or {}
        errors, bind, body = self.errors(parts.get("errors")), self.name(parts.get("as")), self.block(parts.get("do"))
        span = head(node.span)
        return tree.Catch(errors, bind, body, self.doc(parts), span) if body else None

    def orchestrate(self, key: Scalar, node: Node, doc: str | None) -> tree.Orchestrate | None:
        parts = self.fields(node, "an `orchestrate`", ("at", "do", "doc"), ("at", "do")) or {}
        at, body = self.at(parts), self.block(parts.get("do"))
        return tree.Orchestrate(at, body, self.doc(parts, doc), key.span) if at and body else None
