"""Whether a value fits, told at once where it does: nearly every value does, and then nobody needs places or problems.

The plain parts of a schema (types, members, items, bounds, enumerations of texts) become one Python function, from a syntax
tree of ours and never from text: what a contract says occurs in it as constants only. It gives the value as the schema has
it, or `DOUBT`; who is in doubt asks the closures, which know what to say. There are two of them:

    look(value)    for a value: the same object where nothing is to be changed
    take(thing)    for what a handler answered: a fresh value, if the thing is made of plain dicts, lists and scalars

In their code `left` is a list of one number, what the value may still take in characters, and `s` what this part of it takes:
what is larger is in doubt too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, DecimalException
from typing import Any, Final

from flowlang.expression.python import functions_of
from flowlang.schema.refs import Document
from flowlang.values import DECIMALS, MAX_INT, MAX_SIZE, MIN_INT, BadValue, canonical, from_python

DOUBT: Final = object()
"""The answer of who can't say that the value fits."""

Quick = Callable[[Any], Any]

_BELONGS: Final[dict[str, frozenset[str]]] = {
    "object": frozenset(("properties", "required")),
    "array": frozenset(("items", "minItems")),
    "string": frozenset(("minLength", "enum")),
    "integer": frozenset(("minimum",)),
    "number": frozenset(("minimum",)),
    "boolean": frozenset(),
    "null": frozenset(),
}
"""What is known here to say of each type; a schema that says more is left to the closures."""

_IDLE: Final = frozenset(("title", "description", "$comment", "default", "example", "examples", "deprecated", "$defs"))
_PLAIN: Final = {"string": "str", "integer": "int", "boolean": "bool", "null": "NoneType"}
_DEEPEST: Final = 24  # levels of a schema; what is deeper is left to the closures, which count the levels of the value
_LARGEST: Final = 400  # parts of a schema, since each is compiled in each place where it is referred to
_SOON: Final = 3  # levels at which a value is looked for among those that fit: it, its members, and what they refer to
_KEPT: Final = 256  # values that are known to fit one schema
_SMALL: Final = 4096  # characters of a value that is kept among them
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


_FITTING: Final[dict[str, dict[int, Any]]] = {}
"""By what a schema says, the values that `take` has made of late, by identity: they fit it as they are. What an operation has
answered is mostly handed on to the next one, once, under a contract that says the same in its own words. A value is never
changed, and one that is kept here can't have given its identity to another. Few are kept: they lie in nobody's way."""


class _NotPlain(Exception):
    """The schema says something that is not known here."""


def compiled(schema: Any, document: Document, full: Callable[[Any], Callable[[Any], Any]], fresh: bool) -> Quick:
    """`take` of a schema, or `look` where nothing `fresh` is wanted. `full` makes the closure of a part that is not plain: from
    a value to what fits, or DOUBT."""
    return _Code(document, full, fresh).function(schema)


def valued(thing: Any) -> Any:
    """A thing of Python as a value, or DOUBT."""
    try:
        return from_python(thing)
    except BadValue:
        return DOUBT


def has_surrogate(text: str) -> bool:
    """Whether a text that is not ASCII has half a character in it."""
    return _SURROGATE.search(text) is not None


class _Code:
    """The functions of one schema: one for each object and list in it."""

    def __init__(self, document: Document, full: Callable[[Any], Callable[[Any], Any]], fresh: bool) -> None:
        self.document = document
        self.full = full
        self.fresh = fresh
        self.functions: list[ast.stmt] = []
        self.constants: dict[str, Any] = {}
        self.parts = 0

    def function(self, schema: Any) -> Quick:
        """The compiled function of the whole."""
        body = _lines("left = [MAX_SIZE]\ns = 0")
        odd = ast.ExceptHandler(ast.Name("DecimalException", ast.Load()), None, _lines("return DOUBT"))
        body.append(ast.Try(self.part(schema, 0), [odd], [], []))
        body += _lines("if left[0] < s: return DOUBT")
        known = self.fitting(schema) if self.fresh else None
        if known is not None:
            body += _lines(
                f"if left[0] > MAX_SIZE - SMALL:\n    if len({known}) >= KEPT: {known}.clear()\n    {known}[id(x)] = x"
            )
        body += _lines("return x")
        whole = self.define(body, ["x"])
        found: Quick = functions_of(self.functions, "<schema>", {**_NAMESPACE, **self.constants})[whole]
        return found

    def define(self, body: list[ast.stmt], parameters: Iterable[str] = ("x", "left")) -> str:
        """A new function; its name."""
        name = f"f{len(self.functions)}"
        head = ast.arguments([], [ast.arg(each) for each in parameters], None, [], [], None, [])
        self.functions.append(ast.FunctionDef(name, head, body, [], None))
        return name

    def constant(self, value: Any) -> str:
        """A name of ours for a value."""
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def fitting(self, schema: Any) -> str | None:
        """A name for what is known to fit a schema, where all of it is plain."""
        try:
            said = canonical(self.said(schema, 0))
        except _NotPlain:
            return None
        return self.constant(_FITTING.setdefault(said, {}))

    def said(self, schema: Any, depth: int) -> Any:
        """What a plain schema says, whatever it and its parts are called."""
        if not isinstance(schema, dict) or depth > _DEEPEST:
            raise _NotPlain
        if "$ref" in schema:
            return self.said(self.document.target(schema["$ref"]), depth + 1)
        if schema.get("type") not in _BELONGS or schema.keys() - _IDLE - {"type", *_BELONGS[schema["type"]]}:
            raise _NotPlain
        said = {word: part for word, part in schema.items() if word not in _IDLE}
        if "properties" in said:
            said["properties"] = {name: self.said(each, depth + 1) for name, each in said["properties"].items()}
        if "items" in said:
            said["items"] = self.said(said["items"], depth + 1)
        return said

    def part(self, schema: Any, depth: int) -> list[ast.stmt]:
        """Statements that leave in `x` what the schema makes of it, or return DOUBT."""
        try:
            return self.plain(schema, depth)
        except _NotPlain:
            first = "x = valued(x)\nif x is DOUBT: return DOUBT\n" if self.fresh else ""
            return _lines(f"{first}x = {self.constant(self.full(schema))}(x)\nif x is DOUBT: return DOUBT")

    def plain(self, schema: Any, depth: int) -> list[ast.stmt]:
        """`part` for what is known here."""
        self.parts += 1
        if not isinstance(schema, dict) or depth > _DEEPEST or self.parts > _LARGEST:
            raise _NotPlain
        said = {word for word in schema.keys() - _IDLE if not word.startswith("x-")}
        if "$ref" in said:
            target = self.document.target(schema["$ref"])
            if said != {"$ref"} or self.document.is_recursive(target):
                raise _NotPlain
            return self.part(target, depth + 1)
        name = schema.get("type")
        if not isinstance(name, str) or name not in _BELONGS or not said - {"type"} <= _BELONGS[name]:
            raise _NotPlain
        match name:
            case "object":
                return _lines(f"x = {self.object(schema, depth)}(x, left)\nif x is DOUBT: return DOUBT")
            case "array":
                if "items" not in schema:
                    raise _NotPlain
                return _lines(f"x = {self.list(schema, depth)}(x, left)\nif x is DOUBT: return DOUBT")
            case "number":
                return _lines(self.number(schema))
            case _:
                return _lines(self.scalar(schema, name))

    def number(self, schema: dict[str, Any]) -> str:
        if self.fresh:
            text = (
                "k = type(x)\n"
                "if k is int:\n    if not MIN_INT <= x <= MAX_INT: return DOUBT\n    x = Decimal(x)\n"
                "else:\n"
                "    if k is Decimal: x = exact(x)\n"
                "    elif k is float: x = exact(repr(x))\n"
                "    else: return DOUBT\n"
                "    if not x or not x.is_finite(): return DOUBT\n"
            )
        else:
            text = "k = type(x)\nif k is int: x = Decimal(x)\nelif k is not Decimal: return DOUBT\n"
        return text + self.at_least(schema, Decimal)

    def at_least(self, schema: dict[str, Any], kind: type[int] | type[Decimal]) -> str:
        """The bound as a number of the `kind` that is held against it, since between two kinds that takes twice as long."""
        if "minimum" not in schema:
            return ""
        least = schema["minimum"]
        if type(least) not in (int, Decimal):
            raise _NotPlain
        return f"if x < {self.constant(Decimal(least) if kind is Decimal else least)}: return DOUBT\n"

    def scalar(self, schema: dict[str, Any], name: str) -> str:
        text = f"if type(x) is not {_PLAIN[name]}: return DOUBT\n"
        if name == "integer":
            if self.fresh:
                text += "if not MIN_INT <= x <= MAX_INT: return DOUBT\n"
            text += self.at_least(schema, int)
        if name == "string":
            if "enum" in schema:
                if not all(type(each) is str for each in schema["enum"]):
                    raise _NotPlain
                text += f"if x not in {self.constant(frozenset(schema['enum']))}: return DOUBT\n"
            if schema.get("minLength", 0):
                text += f"if len(x) < {int(schema['minLength'])}: return DOUBT\n"
            if "enum" not in schema:
                text += "s += len(x)\n"
                if self.fresh:
                    text += "if not x.isascii() and has_surrogate(x): return DOUBT\n"
        return text

    def object(self, schema: dict[str, Any], depth: int) -> str:
        """A function for an object: members that the schema does not name may hold anything, so they are in doubt."""
        properties = schema.get("properties", {})
        required = set(schema.get("required", ()))
        if required - properties.keys():
            raise _NotPlain
        known = self.fitting(schema) if not self.fresh and depth <= _SOON else None
        body: list[ast.stmt] = []
        if known is not None:
            body += _lines(f"if {known}.pop(id(x), DOUBT) is x:\n    left[0] -= SMALL\n    return x")
        body += _lines("if type(x) is not dict: return DOUBT\nv = x\nn = len(v)\n")
        names = sum(len(name) for name in properties)
        body += _lines(f"s = 12 * n + {names}\n" + ("r = v.copy()" if self.fresh else "r = v"))
        missing = ast.ExceptHandler(ast.Name("KeyError", ast.Load()), None, _lines("return DOUBT"))
        parts: list[ast.stmt] = []
        for name, each in properties.items():
            read = _lines("x = v[KEY]" if name in required else "x = v.get(KEY, DOUBT)", name)
            inner = self.part(each, depth + 1)
            changed = isinstance(each, dict) and each.get("type") not in _PLAIN
            if changed and self.fresh:
                inner += _lines("r[KEY] = x", name)
            elif changed:
                before = _lines("o = x")
                after = _lines("if x is not o:\n    if r is v: r = v.copy()\n    r[KEY] = x", name)
                inner = [*before, *inner, *after]
            inner += _lines("n -= 1")
            if name not in required:
                inner = [ast.If(_expression("x is not DOUBT"), inner, [])]
            parts += [*read, *inner]
        if required:
            parts = [ast.Try(parts, [missing], [], [])]
        body += [*parts, *_lines("left[0] -= s\nreturn DOUBT if n else r")]
        return self.define(body)

    def list(self, schema: dict[str, Any], depth: int) -> str:
        least = int(schema.get("minItems", 0))
        body = _lines(f"if type(x) is not list or len(x) < {least}: return DOUBT\nv = x\nr = v\ni = -1\n")
        body += _lines("left[0] -= 8 * len(v)\nif left[0] < 0: return DOUBT\ns = 0")
        if self.fresh:
            body += _lines("r = []")
        loop = self.part(schema["items"], depth + 1)
        if self.fresh:
            loop += _lines("r.append(x)")
        else:
            loop = [
                *_lines("i += 1\no = x"),
                *loop,
                *_lines("if x is not o:\n    if r is v: r = v.copy()\n    r[i] = x"),
            ]
        body.append(ast.For(ast.Name("x", ast.Store()), ast.Name("v", ast.Load()), loop, []))
        body += _lines("left[0] -= s\nreturn r")
        return self.define(body)


def _lines(text: str, key: str = "") -> list[ast.stmt]:
    """Statements of ours, with `key` as a constant for KEY. The text is made in this file of names of ours and numbers."""
    tree = ast.parse(text)
    return _WithKey(key).visit(tree).body if "KEY" in text else tree.body


class _WithKey(ast.NodeTransformer):
    def __init__(self, key: str) -> None:
        self.key = key

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self.key) if node.id == "KEY" else node


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


_NAMESPACE: Final = {
    "DOUBT": DOUBT,
    "Decimal": Decimal,
    "NoneType": type(None),
    "MIN_INT": MIN_INT,
    "MAX_INT": MAX_INT,
    "MAX_SIZE": MAX_SIZE,
    "SMALL": _SMALL,
    "KEPT": _KEPT,
    "id": id,
    "exact": DECIMALS.create_decimal,
    "repr": repr,
    "DecimalException": DecimalException,
    "valued": valued,
    "has_surrogate": has_surrogate,
    "KeyError": KeyError,
    "str": str,
    "int": int,
    "bool": bool,
    "float": float,
    "dict": dict,
    "list": list,
    "type": type,
    "len": len,
}
