"""Whatever a contract looks like after its bytes were mixed up: findings inside of the text, never an exception."""

from __future__ import annotations

import random

import pytest

from flowlang.contract import load
from flowlang.expression.types import Anything, ListType, MapType, Maybe, Record, Scalar, String
from flowlang.schema import conformer
from flowlang.source import Source
from flowlang.unread import Refusal

CONTRACT = """service: payments
operations:
  charge:
    input: { type: object, required: [id, sum], properties: { id: { type: string, pattern: "^[a-z]+(-[0-9]{1,3})*$" } } }
    output: { $ref: "#/schemas/Payment" }
    errors: { Declined: "the bank said no" }
    timeout: 1m30s
    example: { id: p-77, parts: [ { id: p-78 } ] }
events:
  payment.settled: { data: { $ref: "#/schemas/Payment" }, keep: 7d, to: one }
hears: [delivery.confirmed]
schemas:
  Payment:
    type: object
    properties:
      id: { type: [string, "null"], maxLength: 30 }
      parts: { type: array, items: { $ref: "#/schemas/Payment" } }
      kind: { oneOf: [ { const: card }, { enum: [cash, 3, 1.5] } ] }
"""
PIECES = [
    "[", "]", "{", "}", ":", ": ", "- ", "#", "&a ", "*a", "!!str ", "<<: ", "|", ">", '"', "'", "\t", "\n", "\n  ", "---\n",
    "0", "010", "1e999", ".nan", "true", "null", "~", "\\", "(", ")*", "+", "{1,9}", "$ref", "#/schemas/Payment", "#/", "http:",
    "type", "not", "anyOf", "é", "😀", "\ufeff", "\0", "\x85", "\u2028", "%", "@", "x-", "$defs",
]  # fmt: skip


def mutant(chance: random.Random) -> str:
    """The contract after one to four changes: something left out, doubled, moved, or put in."""
    text = CONTRACT
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice([0, 1, 1, 2, 5, 20]))
        other = chance.randrange(len(text) + 1)
        piece = chance.choice([chance.choice(PIECES), text[other : other + chance.choice([1, 5, 30])], ""])
        text = text[:start] + piece + text[end:]
    return text


@pytest.mark.parametrize("seed", range(10))
def test_two_thousand_mutants(seed: int) -> None:
    chance = random.Random(seed)
    accepted = 0
    for _ in range(2_000):
        text = mutant(chance)
        contracts, found = load([Source("x.yaml", text)], lambda reference, beside: Refusal("missing", "there is none"))
        accepted += not found
        for one in found:
            place = one.span
            assert 0 <= place.start <= place.end <= len(place.source.text), (seed, text)
            assert one.say(one.message), (seed, text)
            assert [one.say(words) for words in (one.note, one.help, one.label)]
        for contract in contracts.services.values() if not found else ():
            for entry in contract.schemas.values():
                conformer(entry.schema)  # what was accepted can be used
                assert isinstance(entry.type, Record | Anything | ListType | MapType | Maybe | String | Scalar)
    assert 50 < accepted < 1_500, "mutants should be neither all right nor all wrong"
