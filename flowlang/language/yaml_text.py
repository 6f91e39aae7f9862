"""The tree as YAML: flow style where a part fits into 100 columns, block style where it does not.

Scalars are plain where every YAML reader would take them for text, in double quotes where that needs no escape, in single
quotes where those need none (so that diagnostics can point into the expression), and escaped else.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import assert_never

from flowlang.expression.text import to_text as expression_text
from flowlang.expression.tree import Expr, ListOf, Literal, MapOf, Unary
from flowlang.language import tree
from flowlang.language.lines import type_text
from flowlang.values import Duration, decimal_text

WIDTH = 100
LONGEST_KEY = 1000
"""Characters of a key that stands before its colon. Readers look for the colon 1,024 characters far (YAML 1.2, 7.4.2)."""

Out = str | list["Out"] | dict[str, "Out"]
"""What is written: a scalar as it will stand there, a list or a map."""


def to_yaml(flow: tree.Flow) -> str:
    """`flow` as its YAML twin."""
    document: dict[str, Out] = {"dsl": "flowlang/1", "name": text(flow.name.text)}
    if flow.version:
        document["version"] = quoted(flow.version.value)
    _doc(document, flow.doc)
    root: dict[str, Out] = {"document": document}
    if flow.uses:
        root["use"] = _uses(flow.uses)
    if flow.params:
        root["input"] = {param.name.text: text(type_text(param.type)) for param in flow.params}
    if flow.output:
        root["output"] = text(type_text(flow.output))
    if flow.key:
        root["key"] = _expression(flow.key)
    if flow.owner:
        root["owner"] = text(flow.owner.text)
    if flow.start:
        start: dict[str, Out] = {"event": text(flow.start.event.value)}
        _name(start, "as", flow.start.bind)
        _where(start, flow.start.where)
        root["start"] = start
    lines = [line for key, value in root.items() for line in _lines(f"{key}:", value, "")]
    body = _block(flow.body)
    lines += ["do:", *_items(body, "  ")] if body else ["do: []"]
    return "\n".join(lines) + "\n"


def _uses(uses: tuple[tree.Use, ...]) -> Out:
    """One map where each kind is there once, else a list of them."""
    lines: list[Out] = [{use.kind: [text(pattern.value) for pattern in use.patterns]} for use in uses]
    if len({use.kind for use in uses}) < len(uses):
        return lines
    return {use.kind: [text(pattern.value) for pattern in use.patterns] for use in uses}


# ---------------------------------------------------------------- statements


def _block(block: tree.Block) -> list[Out]:
    return [_statement(statement) for statement in block.statements]


def _statement(statement: tree.Statement | tree.Branch) -> dict[str, Out]:
    """One entry of a list."""
    match statement:
        case tree.Step(name=name):
            return _named(name, statement.doc, _step(statement))
        case tree.Let(name=name, value=value):
            return _named(name, statement.doc, {"let": _value(value)})
        case tree.Sequence(body=body):
            return _unnamed("sequence", _block(body), statement.doc)
        case tree.Fork(at=at, branches=branches):
            fork: dict[str, Out] = {}
            _name(fork, "at", at)
            fork["branches"] = [_statement(branch) for branch in branches]
            fork["join"] = str(statement.need.value) if statement.need else statement.join
            return _unnamed("fork", fork, statement.doc)
        case tree.Switch():
            return _unnamed("switch", _switch(statement), statement.doc)
        case tree.WaitEvent(bind=bind):
            listen = _listen(statement)
            if bind is None:
                return _unnamed("listen", listen, statement.doc)
            return _named(bind, statement.doc, {"listen": listen})
        case tree.Race():
            return _unnamed("race", _race(statement), statement.doc)
        case tree.ForEach():
            return _unnamed("for", _for(statement), statement.doc)
        case tree.Repeat():
            return _unnamed("repeat", _repeat(statement), statement.doc)
        case tree.Scope(name=name):
            return _named(name, statement.doc, _scope(statement))
        case tree.Wait(time=time, until=until):
            return _unnamed("wait", {"until": _expression(time)} if until else _expression(time), statement.doc)
        case tree.Commit():
            return _unnamed("commit", {}, statement.doc)
        case tree.Orchestrate(at=at, body=body):
            return _unnamed("orchestrate", {"at": text(at.text), "do": _block(body)}, statement.doc)
        case tree.Emit(event=event, data=data):
            emit: dict[str, Out] = {"event": text(event.value)}
            if data is not None:
                emit["data"] = _value(data)
            return _unnamed("emit", emit, statement.doc)
        case tree.Fail(error=error, message=message):
            fail: dict[str, Out] = {"error": text(error.text)}
            if message is not None:
                fail["message"] = _expression(message)
            return _unnamed("fail", fail, statement.doc)
        case tree.Return(value=value):
            return _unnamed("return", _value(value), statement.doc)
        case tree.Next(name=name, value=value):
            return _unnamed("next", {key_text(name.text): _value(value)}, statement.doc)
        case tree.Yield(value=value):
            return _unnamed("yield", _value(value), statement.doc)
        case tree.Branch(name=name, when=when, body=body):
            branch: dict[str, Out] = {"branch": _block(body)}
            if when is not None:
                branch["when"] = _expression(when)
            return _named(name, statement.doc, branch)
        case _:
            assert_never(statement)


def _named(name: tree.Name, doc: str | None, kind: dict[str, Out]) -> dict[str, Out]:
    inside: dict[str, Out] = {}
    _doc(inside, doc)
    return {name.text: {**inside, **kind}}


def _unnamed(kind: str, value: Out, doc: str | None) -> dict[str, Out]:
    entry: dict[str, Out] = {}
    _doc(entry, doc)
    return {**entry, kind: value}


def _step(step: tree.Step) -> dict[str, Out]:
    out = _call(step.call)
    match step.undo:
        case tree.UndoBy(call=call):
            out["compensate"] = _call(call)
        case tree.UndoNone():
            out["compensate"] = "none"
        case None:
            pass
        case _:
            assert_never(step.undo)
    _retry(out, step.retry)
    if step.timeout:
        out["timeout"] = str(step.timeout.value)
    return out


def _retry(out: dict[str, Out], retry: tree.Retry | None) -> None:
    if retry is None:
        return
    part: dict[str, Out] = {"limit": str(retry.limit.value)}
    if retry.backoff:
        part["backoff"] = f"{retry.backoff[0].value}..{retry.backoff[1].value}"
    if retry.errors:
        part["errors"] = _errors(retry.errors)
    out["retry"] = part


def _call(call: tree.Call) -> dict[str, Out]:
    out: dict[str, Out] = {"call": f"{call.service.text}.{call.operation.text}"}
    match call.args:
        case tree.NamedArgs(map=map):
            out["with"] = _value(map)
        case tree.Whole(value=MapOf() as value):
            out["with"] = _embedded(value)  # a map as it is would be named arguments
        case tree.Whole(value=value):
            out["with"] = _value(value)
        case None:
            pass
        case _:
            assert_never(call.args)
    return out


def _switch(switch: tree.Switch) -> dict[str, Out]:
    out: dict[str, Out] = {}
    if switch.subject is not None:
        out["of"] = _expression(switch.subject)
    _name(out, "at", switch.at)
    cases: list[Out] = []
    for case in switch.cases:
        part: dict[str, Out] = {}
        _doc(part, case.doc)
        values: list[Out] = [_expression(value) for value in case.values]
        part["when" if switch.subject is None else "is"] = values[0] if switch.subject is None else values
        part["do"] = _block(case.body)
        cases.append(part)
    out["cases"] = cases
    if switch.default is not None:
        out["else"] = _block(switch.default)
    return out


def _listen(wait: tree.WaitEvent) -> dict[str, Out]:
    out: dict[str, Out] = {"event": text(wait.event.value)}
    _where(out, wait.where)
    _name(out, "at", wait.at)
    match wait.limit:
        case tree.Within():
            _within(out, wait.limit)
        case tree.Forever():
            out["forever"] = "true"
        case None:
            pass
        case _:
            assert_never(wait.limit)
    return out


def _within(out: dict[str, Out], limit: tree.Within) -> None:
    out["within"] = _expression(limit.time)
    out["else"] = _block(limit.otherwise)


def _race(race: tree.Race) -> dict[str, Out]:
    out: dict[str, Out] = {}
    _name(out, "at", race.at)
    first: list[Out] = [_reaction(alternative) for alternative in race.alternatives]
    out["first"] = first
    match race.limit:
        case tree.After(time=time, body=body):
            after: dict[str, Out] = {}
            _doc(after, race.limit.doc)
            first.append({**after, "after": _expression(time), "do": _block(body)})
        case tree.Forever():
            out["forever"] = "true"
        case None:
            pass
        case _:
            assert_never(race.limit)
    return out


def _reaction(on: tree.OnEvent) -> dict[str, Out]:
    out: dict[str, Out] = {}
    _doc(out, on.doc)
    out["event"] = text(on.event.value)
    _name(out, "as", on.bind)
    _where(out, on.where)
    if on.alongside:
        out["alongside"] = "true"
    out["do"] = _block(on.body)
    return out


def _for(loop: tree.ForEach) -> dict[str, Out]:
    out: dict[str, Out] = {"each": text(loop.variable.text), "in": _expression(loop.items)}
    if loop.parallel:
        out["parallel"] = str(loop.parallel.value)
    _name(out, "as", loop.bind)
    _name(out, "at", loop.at)
    out["do"] = _block(loop.body)
    return out


def _repeat(loop: tree.Repeat) -> dict[str, Out]:
    out: dict[str, Out] = {}
    if loop.carried:
        out["with"] = {key_text(carried.name.text): _value(carried.value) for carried in loop.carried}
    _name(out, "at", loop.at)
    out["do"] = _block(loop.body)
    out["until"] = _expression(loop.until)
    if loop.every is not None:
        out["every"] = _expression(loop.every)
    out["most"] = str(loop.most.value)
    if loop.otherwise is not None:
        out["else"] = _block(loop.otherwise)
    return out


def _scope(scope: tree.Scope) -> dict[str, Out]:
    """The clauses in the order in which they stand around each other, from the inside."""
    out: dict[str, Out] = {"scope": _block(scope.body)}
    _name(out, "at", scope.at)
    _retry(out, scope.retry)
    if scope.reactions:
        out["events"] = [_reaction(on) for on in scope.reactions]
    if scope.limit:
        _within(out, scope.limit)
    if scope.catches:
        out["catch"] = [_catch(catch) for catch in scope.catches]
    if scope.undo is not None:
        out["compensate"] = _block(scope.undo)
    return out


def _catch(catch: tree.Catch) -> dict[str, Out]:
    out: dict[str, Out] = {}
    _doc(out, catch.doc)
    if catch.errors:
        out["errors"] = _errors(catch.errors)
    _name(out, "as", catch.bind)
    out["do"] = _block(catch.body)
    return out


def _errors(errors: tuple[tree.ErrorRef, ...]) -> Out:
    return [f"{e.service.text}.{e.name.text}" if e.service else text(e.name.text) for e in errors]


def _doc(out: dict[str, Out], doc: str | None) -> None:
    if doc is not None:
        out["doc"] = quoted(doc)


def _name(out: dict[str, Out], key: str, name: tree.Name | None) -> None:
    if name is not None:
        out[key] = text(name.text)


def _where(out: dict[str, Out], where: Expr | None) -> None:
    if where is not None:
        out["where"] = _expression(where)


# ---------------------------------------------------------------- values and scalars


def _expression(expr: Expr) -> Out:
    """In an expression position."""
    return text(expression_text(expr))


def _value(expr: Expr) -> Out:
    """In a value position: a literal as it is, everything else in `${ }`."""
    match expr:
        case Literal(value=value):
            return _literal(value) or _embedded(expr)
        case Unary(op="-", of=Literal(value=int() | Decimal() as value)) if not isinstance(value, bool):
            return f"-{_literal(value)}"
        case ListOf(items=items):
            return [_value(item) for item in items]
        case MapOf(entries=entries) if len({entry.key for entry in entries}) == len(entries):
            return {key_text(entry.key): _value(entry.value) for entry in entries}
        case _:
            return _embedded(expr)


def _embedded(expr: Expr) -> str:
    return quoted(f"${{ {expression_text(expr)} }}")


def _literal(value: None | bool | int | Decimal | str | Duration) -> str:
    """A literal that YAML has too; nothing for one that it lacks."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            digits = decimal_text(value)
            return digits if "." in digits or "e" in digits else f"{digits}.0"
        case str():
            return text(value) if "${" not in value else ""
        case Duration():
            return ""
        case _:
            assert_never(value)


SAFE = re.compile(r"[0-9]+(?:ms|s|m|h|d|w)|[A-Za-z_(][A-Za-z0-9_ .()<>=+/%|&*!?'~^$-]*")
# What some reader of YAML 1.1 takes for something else than text, beside numbers, which never begin with a letter.
TRAPS = re.compile(r"(?i:y|n|yes|no|on|off|true|false|null)")
NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def text(value: str) -> str:
    """A text as a scalar."""
    plain = SAFE.fullmatch(value) and not TRAPS.fullmatch(value) and value == value.strip()
    return value if plain else quoted(value)


def quoted(value: str) -> str:
    """A text in quotes."""
    if NOT_PRINTABLE.search(value) or ('"' in value and "'" in value):
        escaped = re.sub(r'["\\]', lambda found: ESCAPES[found[0]], value)
        return f'"{NOT_PRINTABLE.sub(_escape, escaped)}"'
    if '"' in value or "\\" in value:
        return f"'{value}'" if "'" not in value else '"' + value.replace("\\", "\\\\") + '"'
    return f'"{value}"'


def key_text(key: str) -> str:
    """A key of a map."""
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) and not TRAPS.fullmatch(key) else quoted(key)


def _escape(found: re.Match[str]) -> str:
    return ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04X}"


# ---------------------------------------------------------------- layout


def _lines(head: str, value: Out, indent: str) -> list[str]:
    """`head value` on one line, or `head` and the parts of the value below it."""
    line = f"{indent}{head} {_inline(value)}"
    if isinstance(value, str) or not value or len(line) <= WIDTH:
        return [line]
    if isinstance(value, list):
        return [f"{indent}{head}", *_items(value, f"{indent}  ")]
    return [f"{indent}{head}", *_members(value, f"{indent}  ")]


def _items(items: list[Out], indent: str) -> list[str]:
    """A list in block style."""
    lines = []
    for item in items:
        line = f"{indent}- {_inline(item, braces=not (isinstance(item, dict) and len(item) == 1))}"
        if isinstance(item, str) or not item or len(line) <= WIDTH:
            lines.append(line)
            continue
        parts = _members(item, f"{indent}  ") if isinstance(item, dict) else _items(item, f"{indent}  ")
        parts[0] = f"{indent}- {parts[0].lstrip()}"
        lines += parts
    return lines


def _members(members: dict[str, Out], indent: str) -> list[str]:
    """A map in block style."""
    lines = []
    for key, value in members.items():
        if len(key) > LONGEST_KEY:
            lines += [f"{indent}? {key}", *_lines(":", value, indent)]
        else:
            lines += _lines(f"{key}:", value, indent)
    return lines


def _inline(value: Out, braces: bool = True) -> str:
    """A value in flow style. The map of one key that is a list's item needs no braces."""
    match value:
        case str():
            return value
        case list():
            return f"[{', '.join(_inline(item) for item in value)}]" if value else "[]"
        case dict():
            members = ", ".join(f"{key}: {_inline(item)}" for key, item in value.items())
            return (f"{{ {members} }}" if braces else members) if value else "{}"
