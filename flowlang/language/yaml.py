"""The YAML twin to the tree, and back through yaml_text.py. Same tree as the text form, and spans in the YAML file.

An unnamed statement is `- kind: ...`, a named one `- name: { kind: ... }`. There are two kinds of positions. In a value
position (`with data let return`) YAML values are literals, and only a whole-scalar `"${ e }"` is an expression. In an
expression position (`key where when is of within message`) the text is the expression, `${ }` around it optional.
`doc:` stands inside a named statement and beside the kind of an unnamed one. An expression that is written character for
character gets its own places; one that YAML has unescaped or folded gets the place of its scalar.
"""

from __future__ import annotations

import re
from typing import TypeVar

from flowlang.diagnostic import Diagnostic, nearest
from flowlang.expression import tree as expression
from flowlang.language import tree, twin_words, words
from flowlang.language.nodes import Listing, Mapping, Node, Scalar, compose
from flowlang.language.shapes import head
from flowlang.language.text import MAX_NESTING
from flowlang.language.yaml_text import to_yaml
from flowlang.language.yaml_values import Values
from flowlang.source import Source, Span

__all__ = ["format_source", "parse", "to_yaml"]

DIALECT = "flowlang/1"
UNNAMED = ("sequence", "fork", "switch", "listen", "emit", "fail", "return")
NAMED = ("call", "let", "scope", "listen", "branch")
LATER = ("for", "repeat", "race", "wait", "commit", "orchestrate", "next", "yield")
T = TypeVar("T")


def parse(source: Source) -> tuple[tree.Flow | None, list[Diagnostic]]:
    """The flow that `source` holds, and everything that is wrong with its form. The flow is None when a part of it could
    not be read."""
    findings: list[Diagnostic] = []
    root = compose(source, findings)
    flow = None
    if root is not None and not findings:
        reader = _Reader(source, findings)
        flow = reader.flow(root)
        if not reader.whole:
            flow = None
    elif root is not None:
        _Reader(source, findings).flow(root)
    findings.sort(key=lambda finding: (finding.span.start, finding.span.end))
    return flow, findings


class _Reader(Values):
    """Reads nodes into the tree. Every method gives None for what it can't read, after reporting it."""

    # ------------------------------------------------------------ the flow

    def flow(self, node: Node) -> tree.Flow | None:
        keys = ("document", "use", "input", "output", "key", "owner", "start", "do")
        parts = self.fields(node, "a flow", keys, ("document", "do"))
        if parts is None:
            return None
        inside = ("dsl", "name", "version", "doc")
        document = self.fields(parts.get("document"), "`document`", inside, ("dsl", "name")) or {}
        dialect = self.scalar(document.get("dsl"), f"`{DIALECT}`")
        if dialect is not None and dialect.text != DIALECT:
            self.say(twin_words.WrongDialect(span=dialect.span, dsl=dialect.text[:40]))
        name = self.name(document.get("name"))
        version = self.text(document.get("version"), "a version")
        uses = self.uses(parts.get("use"))
        params = self.params(parts.get("input"))
        output = self.type(parts["output"]) if "output" in parts else None
        key = self.expression(parts.get("key"))
        owner = self.word(parts.get("owner"), "a service")
        start = self.start(parts["start"]) if "start" in parts else None
        body = self.block(parts.get("do"))
        doc = self.doc(document)
        if name is None or body is None:
            return None
        return tree.Flow(name, uses, params, output, version, key, owner, start, body, doc, name.span)

    def uses(self, node: Node | None) -> tuple[tree.Use, ...]:
        """`{ contracts: [...] }`, or a list of these where the text has several lines."""
        found = []
        for part in node.items if isinstance(node, Listing) else [node] if node else []:
            given = self.fields(part, "`use`", ("contracts",), ("contracts",), later=("flows",)) or {}
            if "contracts" in given:
                listed = self.listing(given["contracts"], "a list of files")
                patterns = tuple(filter(None, (self.text(item, "the name of a file") for item in listed)))
                if not patterns:
                    self.shape(given["contracts"], "at least one file")
                found.append(tree.Use("contracts", patterns, self.key_of(part, "contracts")))
        return tuple(found)

    def params(self, node: Node | None) -> tuple[tree.Param, ...]:
        found = []
        for key, value in self.mapping(node, "a map from names to types").values():
            name, type = self.name(key), self.type(value)
            if name and type:
                found.append(tree.Param(name, type, key.span))
        return tuple(found)

    def start(self, node: Node) -> tree.Start | None:
        parts = self.fields(node, "`start`", ("event", "as", "where"), ("event",)) or {}
        event = self.text(parts.get("event"), "the type of an event")
        bind, where = self.name(parts.get("as")), self.expression(parts.get("where"))
        return tree.Start(event, bind, where, event.span) if event else None

    # ------------------------------------------------------------ statements

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
        if key.text in LATER:
            self.say(words.NotYet(span=key.span, form=f"`{key.text}`"))
            return None
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
            case "emit":
                return self.emit(key, value, doc)
            case "fail":
                return self.fail(key, value, doc)
            case _:
                result = self.value(value)
                return tree.Return(result, doc, key.span) if result else None

    def named(self, key: Scalar, value: Node, more: tuple[str, ...]) -> tree.Statement | tree.Branch | None:
        kinds = [kind for kind in (*NAMED, *LATER) if isinstance(value, Mapping) and kind in value.entries]
        if not kinds:
            meant = nearest(key.text, list(UNNAMED))
            inside = nearest(next(iter(value.entries), ""), list(NAMED)) if isinstance(value, Mapping) else None
            hint = f"did you mean `{inside or meant}`?" if inside or meant else ""
            if not hint and key.text in LIKELY:
                hint = LIKELY[key.text]
            self.say(twin_words.NoKind(span=key.span, name=key.text[:40], known=f"`{' '.join(UNNAMED)}`", hint=hint))
            return None
        assert isinstance(value, Mapping)
        kind = kinds[0]
        name = self.name(key)
        if kind in LATER:
            self.say(words.NotYet(span=value.entries[kind][0].span, form=f"`{kind}`"))
            return None
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

    def step(self, name: tree.Name, node: Mapping) -> tree.Step | None:
        keys = ("call", "with", "compensate", "retry", "timeout", "doc")
        parts = self.fields(node, "a step", keys, ("call",)) or {}
        call = self.call(parts)
        undo = None
        if "compensate" in parts:
            undo = self.undo(parts["compensate"], self.key_of(node, "compensate"))
        retry = self.retry(parts["retry"], self.key_of(node, "retry")) if "retry" in parts else None
        timeout = self.time(parts["timeout"]) if "timeout" in parts else None
        return tree.Step(name, call, undo, retry, timeout, self.doc(parts), name.span) if call else None

    def call(self, parts: dict[str, Node]) -> tree.Call | None:
        target = self.scalar(parts.get("call"), "`service.operation`")
        if target is None:
            return None
        words_ = self.dotted(target)
        if len(words_) != 2:
            self.shape(target, "`service.operation`")
            return None
        args = self.arguments(parts["with"]) if "with" in parts else None
        return tree.Call(words_[0], words_[1], args, target.span)

    def arguments(self, node: Node) -> tree.NamedArgs | tree.Whole | None:
        """A map is named arguments; everything else is one value that is the whole input."""
        value = self.value(node)
        if isinstance(node, Mapping) and isinstance(value, expression.MapOf):
            return tree.NamedArgs(value, value.span) if value.entries else None
        return tree.Whole(value, node.span) if value else None

    def undo(self, node: Node, key: Span) -> tree.UndoBy | tree.UndoNone | None:
        if isinstance(node, Scalar):
            if node.text == "none":
                return tree.UndoNone(key)
            self.shape(node, "`none` or `{ call: service.operation }`")
            return None
        parts = self.fields(node, "`compensate`", ("call", "with"), ("call",)) or {}
        call = self.call(parts)
        return tree.UndoBy(call, key) if call else None

    def retry(self, node: Node, key: Span) -> tree.Retry | None:
        parts = self.fields(node, "`retry`", ("limit", "backoff", "errors"), ("limit",)) or {}
        limit = self.scalar(parts.get("limit"), "a whole number")
        backoff = self.backoff(parts["backoff"]) if "backoff" in parts else None
        errors = self.errors(parts.get("errors"))
        if limit is None:
            return None
        if not isinstance(limit.value, int) or isinstance(limit.value, bool) or limit.value < 0:
            self.shape(limit, "a whole number")
            return None
        return tree.Retry(tree.Count(limit.value, limit.span), backoff, errors, key)

    def errors(self, node: Node | None) -> tuple[tree.ErrorRef, ...]:
        found = []
        for item in self.listing(node, "a list of errors") if node else []:
            scalar = self.scalar(item, "an error")
            if scalar is None:
                continue
            parts = self.dotted(scalar)
            if scalar.text == "event":  # in text, `on event` is a reaction
                self.say(words.Reserved(span=scalar.span, word="event"))
            elif len(parts) == 1 and (name := self.name(scalar)):
                found.append(tree.ErrorRef(None, name, scalar.span))
            elif len(parts) == 2:
                found.append(tree.ErrorRef(parts[0], parts[1], scalar.span))
            elif len(parts) != 1:
                self.shape(scalar, "an error, such as `Declined` or `payments.Declined`")
        return tuple(found)

    # ------------------------------------------------------------ blocks

    def fork(self, key: Scalar, node: Node, doc: str | None) -> tree.Fork | None:
        parts = self.fields(node, "a `fork`", ("at", "branches", "join", "doc"), ("branches", "join"))
        if parts is None:
            return None
        at = self.word(parts.get("at"), "a service")
        join = self.scalar(parts.get("join"), "`all`")
        if join is not None and join.text != "all":
            later = join.text in ("any", "all or cancel") or join.text.isdecimal()
            if later:
                self.say(words.NotYet(span=join.span, form=f"`join {join.text[:20]}`"))
            else:
                self.shape(join, "`all`")
        branches = []
        if "branches" in parts:
            self.depth += 1
            for item in self.listing(parts["branches"], "a list of statements and branches"):
                branches.append(self.entry(item, ("branch",)))
            self.depth -= 1
            if not branches:
                self.say(words.EmptyFork(span=key.span))
        return tree.Fork(at, tuple(b for b in branches if b is not None), "all", self.doc(parts, doc), key.span)

    def switch(self, key: Scalar, node: Node, doc: str | None) -> tree.Switch | None:
        parts = self.fields(node, "a `switch`", ("of", "at", "cases", "else", "doc"), ("cases",))
        if parts is None:
            return None
        subject = self.expression(parts.get("of"))
        at = self.word(parts.get("at"), "a service")
        cases = [self.case(item, "of" in parts) for item in self.listing(parts.get("cases"), "a list of cases")]
        if isinstance(parts.get("cases"), Listing) and not cases:
            self.say(words.EmptySwitch(span=key.span))
        default = self.block(parts.get("else"))
        kept = tuple(case for case in cases if case is not None)
        return tree.Switch(subject, at, kept, default, self.doc(parts, doc), key.span)

    def case(self, node: Node, compares: bool) -> tree.Case | None:
        word, other = ("is", "when") if compares else ("when", "is")
        if isinstance(node, Mapping) and other in node.entries:
            reason = (
                "this switch compares `of` with each case" if compares else "this switch has no `of` to compare with"
            )
            self.say(
                twin_words.UnknownKey(
                    span=node.entries[other][0].span,
                    where="this case",
                    key=other,
                    known=f"`{word} do doc`",
                    hint=reason,
                )
            )
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
        event = self.text(parts.get("event"), "the type of an event")
        where, at = self.expression(parts.get("where")), self.word(parts.get("at"), "a service")
        limit: tree.Within | tree.Forever | None = None
        if "forever" in parts:
            other = next((key for key in ("within", "else") if key in parts), None)
            if other:
                self.say(twin_words.Conflict(span=self.key_of(node, other), key=other, other="forever"))
            forever = self.scalar(parts["forever"], "`true`")
            if forever is not None and forever.value is not True:
                self.shape(forever, "`true`")
            limit = tree.Forever(self.key_of(node, "forever"))
        elif "within" in parts or "else" in parts:
            for needed in ("within", "else"):
                if needed not in parts:
                    other = "else" if needed == "within" else "within"
                    self.say(
                        twin_words.MissingKey(
                            span=self.key_of(node, other), where=f"`{other}` of a `listen`", key=needed
                        )
                    )
            time, otherwise = self.expression(parts.get("within")), self.block(parts.get("else"))
            if time and otherwise:
                limit = tree.Within(time, otherwise, self.key_of(node, "within"))
        return tree.WaitEvent(event, bind, where, at, limit, self.doc(parts, doc), key.span) if event else None

    def scope(self, name: tree.Name, node: Mapping) -> tree.Scope | None:
        later = ("events", "within", "else", "retry", "compensate")
        parts = self.fields(node, "a `scope`", ("scope", "at", "catch", "doc"), later=later) or {}
        body, at = self.block(parts.get("scope")), self.word(parts.get("at"), "a service")
        caught = self.listing(parts["catch"], "a list of catches") if "catch" in parts else []
        catches = tuple(filter(None, map(self.catch, caught)))
        return tree.Scope(name, at, body, catches, self.doc(parts), name.span) if body else None

    def catch(self, node: Node) -> tree.Catch | None:
        parts = self.fields(node, "a catch", ("errors", "as", "do", "doc"), ("do",)) or {}
        errors, bind, body = self.errors(parts.get("errors")), self.name(parts.get("as")), self.block(parts.get("do"))
        span = head(node.span)
        return tree.Catch(errors, bind, body, self.doc(parts), span) if body else None

    def emit(self, key: Scalar, node: Node, doc: str | None) -> tree.Emit | None:
        parts = self.fields(node, "an `emit`", ("event", "data", "doc"), ("event",)) or {}
        event = self.text(parts.get("event"), "the type of an event")
        data = self.value(parts.get("data"))
        if data is not None and not isinstance(data, expression.MapOf):
            self.shape(parts["data"], "a map")
            return None
        return tree.Emit(event, data, self.doc(parts, doc), key.span) if event else None

    def fail(self, key: Scalar, node: Node, doc: str | None) -> tree.Fail | None:
        parts = self.fields(node, "a `fail`", ("error", "message", "doc"), ("error",)) or {}
        error, message = self.name(parts.get("error")), self.expression(parts.get("message"))
        return tree.Fail(error, message, self.doc(parts, doc), key.span) if error else None


LIKELY = {
    "if": "write `switch`",
    "try": "write `name: { scope: [...] }` with `catch`",
    "do": "write `sequence`",
    "parallel": "write `fork`",
    "set": "write `name: { let: ... }`",
    "raise": "write `fail`",
    "run": "write `name: { call: service.operation }`",
    "wait_for": "write `listen`",
}
"""Words of other languages, and what they are called here."""


def format_source(source: Source) -> str:
    """`source` in the canonical layout. Raises NotFormatted where it has errors, and where it has `#` comments: those have
    no place in the tree, and dropping them in silence is not what a formatter may do."""
    from flowlang.language.format import NotFormatted

    flow, findings = parse(source)
    if flow is None or any(finding.severity == "error" for finding in findings):
        raise NotFormatted("a flow with errors can't be formatted")
    comment = _first_comment(source)
    if comment is not None:
        line = Span(source, comment, comment + 1).line
        raise NotFormatted(
            f"line {line} has a `#` comment, which the YAML layout can't keep; write it as `doc:` or delete it"
        )
    return to_yaml(flow)


def _first_comment(source: Source) -> int | None:
    """Where the first `#` stands that begins a comment."""
    root = compose(source, [])
    inside: list[tuple[int, int]] = []
    waiting = [root] if root else []
    while waiting:
        node = waiting.pop()
        match node:
            case Scalar(span=span):
                header = span.text.split("\n", 1)[0]
                if header[:1] in ("|", ">") and "#" in header:  # behind the sign of a block of text
                    return span.start + header.index("#")
                inside.append((span.start, span.end))
            case Listing(items=items):
                waiting += items
            case Mapping(entries=entries):
                waiting += [part for pair in entries.values() for part in pair]
    scalars = iter(sorted(inside))
    start, end = next(scalars, (-1, -1))
    for match in re.finditer(r"(?:^|(?<=[ \t\r\n\ufeff]))#", source.text):
        while end <= match.start() and start >= 0:
            start, end = next(scalars, (-1, -1))
        if start < 0 or match.start() < start:
            return match.start()
    return None
