"""A value that fits a schema: the smallest one that a person would take for an example, always the same.

What the author gave comes first (`example`, `examples`, `default`, `const`, `enum`); the rest is made from bounds, and
checked in the end, because combinations can ask for what nobody can guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flowlang.declared import Schema
from flowlang.schema.conform import Compiler, conformer
from flowlang.schema.fault import SchemaError
from flowlang.schema.formats import FORMATS
from flowlang.schema.number import bounds
from flowlang.schema.pattern import Pattern
from flowlang.schema.pattern_syntax import BadPattern
from flowlang.schema.place import Problems
from flowlang.schema.refs import Document
from flowlang.values import DECIMALS, MAX_SIZE, Value, measure

MAX_DEPTH = 30
MAX_PARTS = 20_000  # that are looked at for one example: alternatives in each other can be tried for ever


def example_of(schema: Schema | bool) -> Value:
    """A value that fits `schema`. Raises SchemaError where none can be made: then the contract needs an `example`."""
    return made_for(schema, conformer(schema))


def made_for(schema: Schema | bool, conform: Conform) -> Value:
    """The same, where what holds values against `schema` is there already."""
    try:
        made = _Making(Document(schema)).value(schema, "value", 0, 0)
        measure(made, max_size=MAX_SIZE)
    except (SchemaError, RecursionError):
        raise SchemaError(_ADVICE) from None
    value, problems = conform(made)
    if problems:
        raise SchemaError(f"{_ADVICE} ({problems[0]})")
    return value


Conform = Callable[[Value], tuple[Value, tuple[str, ...]]]

_ADVICE = "no example can be made from the schema: the contract needs an `example`"


class _Making:
    """Makes values of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.compiler = Compiler(document)
        self.left = MAX_PARTS

    def spend(self, depth: int) -> None:
        """One more part is looked at. Raises SchemaError where that comes to no end."""
        self.left -= 1
        if depth > MAX_DEPTH or self.left < 0:
            raise SchemaError("it never ends")

    def value(self, schema: Any, name: str, variant: int, depth: int) -> Any:
        """A value of `schema` for a member called `name`. Different `variant`s give different values where they can."""
        self.spend(depth)
        if isinstance(schema, bool):
            return None
        schema = self.merged(schema, depth)
        given = _given(schema)
        if given and variant < len(given) and (len(given) > 1 or variant == 0):
            return next((each for each in given[variant:] if self.fits(schema, each)), given[variant])
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self.alternative(schema, word, name, variant, depth)
        made = self.plain(schema, name, variant, depth)
        if "if" in schema:
            branch = schema.get("then" if self.fits(schema["if"], made) else "else", True)
            rest = {key: each for key, each in schema.items() if key not in ("if", "then", "else")}
            made = self.value({"allOf": [rest, branch]}, name, variant, depth + 1)
        return made

    def fits(self, schema: Any, value: Any) -> bool:
        """Whether `value` fits a part of the document."""
        return self.compiler.accepts(schema, value)

    def merged(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """`schema` with what `$ref` and `allOf` add to it."""
        self.spend(depth)
        parts = list(schema.get("allOf", ()))
        if "$ref" in schema:
            parts.insert(0, self.document.target(schema["$ref"]))
        whole = {word: each for word, each in schema.items() if word not in ("$ref", "allOf", "$defs")}
        for part in parts:
            if isinstance(part, dict):
                whole = _both(whole, self.merged(part, depth + 1))
        return whole

    def alternative(self, schema: dict[str, Any], word: str, name: str, variant: int, depth: int) -> Any:
        """The first alternative from which a value can be made that fits the whole."""
        rest = {key: each for key, each in schema.items() if key != word}
        for each in schema[word]:
            try:
                made = self.value({"allOf": [rest, each]} if rest else each, name, variant, depth + 1)
            except SchemaError:
                continue
            if self.fits(schema, made):
                return made
        raise SchemaError("no alternative fits")

    def plain(self, schema: dict[str, Any], name: str, variant: int, depth: int) -> Any:
        """By the type, or by what the other keywords are about."""
        kinds = schema.get("type", _kind_of(schema))
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            match kind:
                case "object":
                    return self.members(schema, variant, depth)
                case "array":
                    return self.items(schema, name, depth)
                case "string":
                    return _text(schema, name, variant)
                case "integer" | "number":
                    return _number(schema, kind == "integer", variant)
                case "boolean":
                    return variant % 2 == 0
        return None

    def members(self, schema: dict[str, Any], variant: int, depth: int) -> dict[str, Any]:
        """The required members, and as many others as there must be."""
        known = schema.get("properties", {})
        names = list(dict.fromkeys(schema.get("required", ())))
        for name in names:  # grows on the way
            names.extend(each for each in schema.get("dependentRequired", {}).get(name, ()) if each not in names)
        least = schema.get("minProperties", 0)
        names.extend(name for name in known if len(names) < least and name not in names)
        names.extend(f"key{number}" for number in range(1, 1 + max(0, min(least, 1000) - len(names))))
        made = {}
        for name in names:
            each = known.get(name, self.other(schema, name))
            made[name] = self.value(each, name, variant, depth + 1)
        return made

    def other(self, schema: dict[str, Any], name: str) -> Any:
        """The schema of a member that is not among `properties`."""
        matching = [
            each
            for text, each in schema.get("patternProperties", {}).items()
            if self.compiler.pattern(text).search(name)
        ]
        return {"allOf": matching} if matching else schema.get("additionalProperties", True)

    def items(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        """As few items as there may be, all different where they have to be."""
        firsts = schema.get("prefixItems", [])
        least = min(schema.get("minItems", 0), 1000)
        wanted = [schema["contains"]] * schema.get("minContains", 1) if "contains" in schema else []
        made: list[Any] = []
        for place in range(max(least, len(wanted))):
            each = firsts[place] if place < len(firsts) else schema.get("items", True)
            if place < len(wanted):
                each = {"allOf": [wanted[place], each]}
            elif each is True:
                each = {"type": "integer"}  # anything will do, but different each time
            made.append(self.value(each, name, place if schema.get("uniqueItems") else 0, depth + 1))
        return made


def _given(schema: dict[str, Any]) -> list[Any]:
    """What the author of the schema wrote, the best first."""
    if "const" in schema:
        return [schema["const"]]
    given = [schema["example"]] if "example" in schema else []
    given += [*schema["examples"]] if isinstance(schema.get("examples"), list) else []
    given += [schema["default"]] if "default" in schema else []
    return [*given, *schema.get("enum", ())]


def _kind_of(schema: dict[str, Any]) -> str:
    """What a schema without `type` is most probably about."""
    if {"properties", "required", "minProperties", "dependentRequired"} & schema.keys():
        return "object"
    if {"items", "prefixItems", "minItems", "contains"} & schema.keys():
        return "array"
    if {"pattern", "format", "minLength"} & schema.keys():
        return "string"
    if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} & schema.keys():
        return "number"
    return "null"


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """One schema for two that must both hold, as far as an example needs it."""
    whole = {**other, **one}
    for word in one.keys() & other.keys():
        mine, theirs = one[word], other[word]
        if mine == theirs:
            continue
        match word:
            case "properties":
                whole[word] = {**theirs, **mine}
                for name in mine.keys() & theirs.keys():
                    whole[word][name] = {"allOf": [mine[name], theirs[name]]}
            case "required":
                whole[word] = list(dict.fromkeys([*mine, *theirs]))
            case "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties":
                whole[word] = max(mine, theirs)
            case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties":
                whole[word] = min(mine, theirs)
            case "enum":
                whole[word] = [each for each in mine if each in theirs]
            case "type":
                whole[word] = _types(mine, theirs)
            case "items" | "additionalProperties":
                whole[word] = {"allOf": [mine, theirs]}
            case "anyOf" | "oneOf" | "if" | "pattern" | "multipleOf" | "contains" | "not":
                whole.setdefault("allOf", [])
            case _:
                pass
    return whole


def _types(mine: Any, theirs: Any) -> list[str]:
    left, right = (each if isinstance(each, list) else [each] for each in (mine, theirs))
    common = [each for each in left if each in right]
    if "integer" not in common and "integer" in [*left, *right] and "number" in [*left, *right]:
        common.append("integer")
    return common


def _text(schema: dict[str, Any], name: str, variant: int) -> str:
    """A string: of the format, of the pattern, or the name of the member."""
    if "pattern" in schema:
        try:
            return Pattern(schema["pattern"]).example()
        except BadPattern as bad:
            raise SchemaError(bad.why) from None
    form = FORMATS.get(schema.get("format", ""))
    made = form[2] if form else name
    if variant and not form:
        made += f"-{variant}"
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    if least > MAX_SIZE:
        raise SchemaError("it is too long")
    made = made.ljust(int(least), "x")
    if most is None or len(made) <= most:
        return made
    tail = str(variant) if variant else ""
    return (made[: max(0, int(most) - len(tail))] + tail)[: int(most)]


def _number(schema: dict[str, Any], whole: bool, variant: int) -> int | Decimal:
    """The number nearest to nothing that the bounds allow."""
    from fractions import Fraction  # slow to load, and no check of a flow gets here

    fit = bounds(schema)
    step = Fraction(schema.get("multipleOf", 1))
    if whole:
        step = Fraction(math.lcm(step.numerator, step.denominator), step.denominator)
    low = [Fraction(schema[word]) for word in ("minimum", "exclusiveMinimum") if word in schema]
    high = [Fraction(schema[word]) for word in ("maximum", "exclusiveMaximum") if word in schema]
    start = max(low, default=None)
    if start is None or start < 0:
        start = min([Fraction(0), *high])
    around = [math.ceil(start / step) + shift for shift in (0, 1, -1)]
    candidates = [(place + variant) * step for place in around]
    if not whole and "multipleOf" not in schema and low and high:
        candidates += [max(low), min(high), (max(low) + min(high)) / 2]
    for number in candidates:
        made = int(number) if whole else DECIMALS.divide(Decimal(number.numerator), Decimal(number.denominator))
        problems = Problems()
        if fit is not None:
            fit(made, None, problems)
        if not problems:
            return made
    raise SchemaError("no number is within its bounds")
