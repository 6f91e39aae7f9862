"""A schema to a function that tells whether a value fits it and gives the value as the schema has it.

Each keyword becomes a closure `fit(value, path, problems) -> value`, made once. A problem is a short text with the place
in the value (`items[3].qty: -1 is below the minimum 0`). Numbers are normalised on the way: an int where the schema says
`number` becomes a decimal, a whole decimal where it says `integer` becomes an int; the value that came in is never
changed. Two things keep a hostile schema or value from taking more than their sizes multiplied: schemas that are referred
to recursively remember what they have said about a value, and alternatives cannot be stacked beyond a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from flowlang.declared import Schema
from flowlang.schema import number, unevaluated
from flowlang.schema.fault import SchemaError
from flowlang.schema.fits import (
    MAX_PROBLEMS,
    Fit,
    after,
    among,
    anything,
    containing,
    count,
    dependent,
    dependent_names,
    kind,
    knowing,
    later,
    listed,
    naming,
    none_fits,
    nothing,
    other_members,
    remembering,
    row,
    settled,
    sized,
    unique,
)
from flowlang.schema.formats import FORMATS
from flowlang.schema.pattern import Pattern
from flowlang.schema.pattern_syntax import BadPattern
from flowlang.schema.place import Path, Problems, show, told
from flowlang.schema.quick import DOUBT, Quick, compiled
from flowlang.schema.refs import Document, check_circles
from flowlang.values import MAX_DEPTH, Duration, Timestamp, Value

_ATOMS = frozenset({type(None), bool, int, Decimal, str})


class Conformer:
    """From a value to the value as a schema has it and at most ten problems.

    `take` is from an object of Python to a fresh value that fits, or DOUBT: then it must become a value first. `look` is from
    a value to what fits, if it is no larger than a value may be; or DOUBT. Each is compiled when it is asked for the second
    time, and asked without a detour from then on: most of the schemas that a `check` holds something against are asked once,
    and the long way is then the shorter one."""

    __slots__ = ("_fit", "look", "take")

    def __init__(self, fit: Fit, quick: Callable[[bool], Quick]) -> None:
        self._fit = fit
        self.look: Quick = self._at_first("look", partial(quick, False))
        self.take: Quick = self._at_first("take", partial(quick, True))

    def _at_first(self, name: str, make: Callable[[], Quick]) -> Quick:
        def again(thing: Any) -> Any:
            made = make()
            setattr(self, name, made)
            return made(thing)

        def once(thing: Any) -> Any:
            setattr(self, name, again)
            return DOUBT

        return once

    def __call__(self, value: Value) -> tuple[Value, tuple[str, ...]]:
        fitted = self.look(value)
        if fitted is not DOUBT:
            return fitted, ()
        if _odd(value):
            return value, (_where(value) or f"nested deeper than {MAX_DEPTH} levels",)
        problems = Problems()
        try:
            fitted = self._fit(value, None, problems)
        except RecursionError:  # closures call each other, so the stack of C is not in danger
            return value, ("nested too deeply for its schema",)
        if problems:
            return value, tuple(problems[:MAX_PROBLEMS])
        return fitted, ()


def conformer(schema: Schema | bool) -> Conformer:
    """What holds values against `schema`. Raises SchemaError for a broken schema."""
    document = Document(schema)
    check_circles(document)
    compiler = Compiler(document)
    try:
        fit = compiler.compile(schema)
        compiler.finish()
    except RecursionError:
        raise SchemaError("its schemas are nested too deeply") from None

    def full(part: Any) -> Callable[[Any], Any]:
        exact = compiler.compile(part)
        compiler.finish()

        def asked(value: Any) -> Any:
            problems = Problems()
            try:
                fitted = DOUBT if _odd(value) else exact(value, None, problems)
            except RecursionError:
                return DOUBT
            return DOUBT if problems else fitted

        return asked

    return Conformer(fit, partial(compiled, schema, document, full))


def _odd(value: Any, left: int = MAX_DEPTH) -> bool:
    """Whether there is something in `value` that is not JSON: durations, timestamps, and what is nested too deeply."""
    kind = type(value)
    if kind in _ATOMS:
        return False
    if kind is Duration or kind is Timestamp or left == 0:
        return True
    for item in value.values() if kind is dict else value:
        if type(item) not in _ATOMS and _odd(item, left - 1):
            return True
    return False


def _where(value: Any, path: Path = None, left: int = MAX_DEPTH) -> str | None:
    """What is said about the first duration or timestamp in `value`."""
    if isinstance(value, Duration | Timestamp):
        name = "a duration" if isinstance(value, Duration) else "a timestamp"
        return told(path, f"{name} is not JSON; use `string(...)`")
    if left == 0 or not isinstance(value, dict | list):
        return None
    members: Iterable[tuple[str | int, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    return next((found for key, item in members if (found := _where(item, (path, key), left - 1))), None)


class Compiler:
    """Makes the closures of one document; what is referred to is compiled once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.known: dict[int, list[Fit]] = {}  # by identity of the schema; empty until `finish`
        self.todo: list[tuple[dict[str, Any], list[Fit]]] = []
        self.patterns: dict[str, Pattern] = {}

    def compile(self, schema: Any) -> Fit:
        """The closure of `schema`."""
        if schema is True or schema == {}:
            return anything
        if schema is False:
            return nothing
        if not isinstance(schema, dict):
            raise SchemaError("a schema is an object, `true` or `false`")
        typed = kind(schema)
        rest = [fit for fit in self.parts(schema) if fit is not None]
        if typed is None:
            return row(rest) if rest else anything
        return after(typed, row(rest)) if rest else typed

    def parts(self, schema: dict[str, Any]) -> list[Fit | None]:
        """One closure for each group of keywords but `type`."""
        return [
            self.values(schema),
            self.reference(schema),
            number.bounds(schema),
            self.text(schema),
            self.items(schema),
            self.members(schema),
            self.names(schema),
            self.all(schema),
            self.any(schema),
            self.one(schema),
            self.negated(schema),
            self.conditional(schema),
            unevaluated.members(schema, self.document, self.accepts, self.pattern, self.compile),
            unevaluated.items(schema, self.document, self.accepts, self.pattern, self.compile),
        ]

    def pattern(self, text: str) -> Pattern:
        """The compiled pattern `text`."""
        found = self.patterns.get(text)
        if found is None:
            try:
                found = self.patterns[text] = Pattern(text)
            except BadPattern as bad:
                raise SchemaError(f"the pattern `{text}` cannot be used: {bad.why}") from None
        return found

    def accepts(self, schema: Any, value: Any) -> bool:
        """Whether `value` fits `schema`; for what has to ask again (see `unevaluated`)."""
        problems = Problems()
        fit = self.once(schema)
        self.finish()
        fit(value, None, problems)
        return not problems

    # ------------------------------------------------------------ single keywords

    def values(self, schema: dict[str, Any]) -> Fit | None:
        """`enum` and `const`, by JSON's equality: 1 is 1.0 and not true."""
        wanted = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if wanted is None:
            return None
        both = [wanted] if "enum" not in schema or "const" not in schema else [wanted, [schema["const"]]]
        return row([among(values) for values in both])

    def reference(self, schema: dict[str, Any]) -> Fit | None:
        """`$ref`: the closure is looked up at run time, because it may be the one under way."""
        if "$ref" not in schema:
            return None
        target = self.document.target(schema["$ref"])
        if isinstance(target, bool):
            return self.compile(target)
        return self.once(target, recursive=self.document.is_recursive(target))

    def once(self, schema: Any, recursive: bool = False) -> Fit:
        """The closure of a schema that is referred to: made once and later, since it may contain this reference."""
        if isinstance(schema, bool):
            return self.compile(schema)
        cell = self.known.get(id(schema))
        if cell is None:
            cell = self.known[id(schema)] = []
            self.todo.append((schema, cell))
        return remembering(cell) if recursive else later(cell)

    def finish(self) -> None:
        """Compile what was referred to: one after another, so that a long chain of references is not a deep recursion."""
        while self.todo:
            schema, cell = self.todo.pop()
            cell.append(self.compile(schema))

    def text(self, schema: dict[str, Any]) -> Fit | None:
        """`minLength`, `maxLength`, `pattern`, `format`."""
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        pattern = self.pattern(schema["pattern"]) if "pattern" in schema else None
        form = FORMATS.get(schema.get("format", ""))
        if not least and most is None and pattern is None and form is None:
            return None
        check, called = (form[0], form[1]) if form else (None, "")

        def fit(value: Any, path: Path, problems: Problems) -> Any:
            if type(value) is str:
                if len(value) < least:
                    problems.add(path, f"{show(value)} is shorter than {count(least, 'character')}")
                elif most is not None and len(value) > most:
                    problems.add(path, f"the string is longer than {count(most, 'character')}")
                if pattern is not None and not pattern.search(value):
                    problems.add(path, f"{show(value)} does not match the pattern `{pattern.text}`")
                if check is not None and not check(value):
                    problems.add(path, f"{show(value)} is not {called}")
            return value

        return fit

    # ------------------------------------------------------------ lists

    def items(self, schema: dict[str, Any]) -> Fit | None:
        """Everything about lists."""
        firsts = [self.compile(each) for each in schema.get("prefixItems", ())]
        rest = self.compile(schema["items"]) if "items" in schema else None
        fits: list[Fit] = []
        if firsts or (rest is not None and rest is not anything):
            fits.append(listed(firsts, rest))
        if "contains" in schema:
            fits.append(containing(self.compile(schema["contains"]), schema))
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if least or most is not None:
            fits.append(sized(list, least, most, "item", "the list"))
        if schema.get("uniqueItems") is True:
            fits.append(unique)
        return row(fits) if fits else None

    # ------------------------------------------------------------ objects

    def members(self, schema: dict[str, Any]) -> Fit | None:
        """`properties`, `patternProperties`, `additionalProperties` and `required`: the hot ones."""
        properties = schema.get("properties", {})
        known = {name: self.compile(each) for name, each in properties.items()}
        by_pattern = [
            (self.pattern(text), self.compile(each)) for text, each in schema.get("patternProperties", {}).items()
        ]
        others = self.compile(schema["additionalProperties"]) if "additionalProperties" in schema else anything
        required = tuple(schema.get("required", ()))
        fits: list[Fit] = []
        if required or any(fit is not anything for fit in known.values()):
            looked_at = [(name, settled(properties[name]), fit) for name, fit in known.items() if fit is not anything]
            fits.append(knowing(tuple(looked_at), required))
        if by_pattern or others is not anything:
            fits.append(other_members(frozenset(known), by_pattern, others))
        return row(fits) if fits else None

    def names(self, schema: dict[str, Any]) -> Fit | None:
        """What is said about the members as a whole, and about their names."""
        fits: list[Fit] = []
        least, most = schema.get("minProperties", 0), schema.get("maxProperties")
        if least or most is not None:
            fits.append(sized(dict, least, most, "member", "the object"))
        if "propertyNames" in schema:
            fits.append(naming(self.compile(schema["propertyNames"])))
        if schema.get("dependentRequired"):
            fits.append(dependent_names(schema["dependentRequired"]))
        for name, each in schema.get("dependentSchemas", {}).items():
            fits.append(dependent(name, self.compile(each)))
        return row(fits) if fits else None

    # ------------------------------------------------------------ combinations

    def all(self, schema: dict[str, Any]) -> Fit | None:
        """`allOf`: one after another, so that each finds what the one before has normalised."""
        return row([self.compile(each) for each in schema["allOf"]]) if "allOf" in schema else None

    def any(self, schema: dict[str, Any]) -> Fit | None:
        """`anyOf`: as the first alternative that fits has the value."""
        if "anyOf" not in schema:
            return None
        fits = [self.compile(each) for each in schema["anyOf"]]

        def fit(value: Any, path: Path, problems: Problems) -> Any:
            tried = []
            for each in fits:
                inner = problems.fresh()
                fitted = each(value, path, inner)
                if not inner:
                    return fitted
                tried.append(inner)
            none_fits(path, tried, problems)
            return value

        return fit

    def one(self, schema: dict[str, Any]) -> Fit | None:
        """`oneOf`."""
        if "oneOf" not in schema:
            return None
        fits = [self.compile(each) for each in schema["oneOf"]]

        def fit(value: Any, path: Path, problems: Problems) -> Any:
            tried, found, result = [], 0, value
            for each in fits:
                inner = problems.fresh()
                fitted = each(value, path, inner)
                if inner:
                    tried.append(inner)
                    continue
                found += 1
                result = fitted
            if found == 0:
                none_fits(path, tried, problems)
            elif found > 1:
                problems.add(path, f"fits {found} of the {len(fits)} alternatives, and may fit only one")
            return result if found == 1 else value

        return fit

    def negated(self, schema: dict[str, Any]) -> Fit | None:
        """`not`."""
        if "not" not in schema:
            return None
        inner_fit = self.compile(schema["not"])

        def fit(value: Any, path: Path, problems: Problems) -> Any:
            inner = problems.fresh()
            inner_fit(value, path, inner)
            if not inner:
                problems.add(path, f"{show(value)} is what `not` rules out")
            return value

        return fit

    def conditional(self, schema: dict[str, Any]) -> Fit | None:
        """`if`, `then`, `else`."""
        if "if" not in schema or not ("then" in schema or "else" in schema):
            return None
        test = self.compile(schema["if"])
        then = self.compile(schema.get("then", True))
        otherwise = self.compile(schema.get("else", True))

        def fit(value: Any, path: Path, problems: Problems) -> Any:
            inner = problems.fresh()
            fitted = test(value, path, inner)
            return otherwise(value, path, problems) if inner else then(fitted, path, problems)

        return fit
