"""What is wrong with a contract is found where it is wrong: each case says so on the guilty line."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.contract.reading import expected, loaded, places

CASES = {
    "several faults are found in one run": """
        service: payments
        titel: takes money                 # FL0330
        operations:
          charge:
            timeout: soon                  # FL0336
            effect: read                   # FL0335
            idempotent: "no"               # FL0331
            errors:
              Timeout: it took too long    # FL0334
              not-done: x                  # FL0333
            input: { type: object, requird: [a] }   # FL0380
          9lives: {}                       # FL0333
        events:
          "paid!": {}                      # FL0333
          paid: { to: some, keep: -1d, date: {} }   # FL0335 FL0336 FL0330
        hears: paid                        # FL0331
        schemas:
          string: { type: string }         # FL0333
        """,
    "an output whose example nobody can guess needs one": """
        service: odd
        operations:
          bounds: { output: { type: integer, minimum: 5, maximum: 3 } }    # FL0340
          nothing: { output: { not: {} } }                                 # FL0340
          names:
            output: { $ref: "#/schemas/Named" }                            # FL0340
          said:
            output: { $ref: "#/schemas/Named" }
            example: { p-1: true }
          known: { output: { type: integer, minimum: 5, maximum: 7 } }
          silent: {}
          endless: { output: { $ref: "#/schemas/Endless" } }               # FL0340
        schemas:
          Named: { type: object, minProperties: 1, propertyNames: { pattern: "^p-[0-9]+$" } }
          Endless:
            type: object
            required: [a]
            properties: { a: { anyOf: [ { $ref: "#/schemas/Endless" }, { $ref: "#/schemas/Endless" } ] } }
        """,
    "nothing is said of examples where a schema is broken": """
        service: odd
        operations:
          bounds: { output: { type: integer, minimum: 5, maximum: 3 } }
          broken: { output: { typ: integer } }                             # FL0380
        """,
    "a contract is a mapping": """
        - service: payments                # FL0331
        """,
    "a contract names its service": """
        operations: {}                     # FL0332
        """,
    "the name of a service is a word": """
        service: 22:30                     # FL0333
        """,
    "on as a key is a key like any other": """
        service: payments
        on: {}                             # FL0330
        """,
    "no is a text": """
        service: payments
        operations:
          refund: { idempotent: no }       # FL0331
        """,
    "lists and mappings": """
        service: payments
        operations: [charge]               # FL0331
        events: 3                          # FL0331
        """,
    "a timeout is more than nothing": """
        service: payments
        operations:
          a: { timeout: 0s }               # FL0336
          b: { timeout: 10 }               # FL0331
          c: { timeout: 99999999w }        # FL0336
          d: { timeout: 1m30s }
        events:
          e: { keep: 0s }
        """,
    "values of keywords": """
        service: payments
        schemas:
          A: { type: int }                 # FL0381
          B: { type: [] }                  # FL0381
          C: { type: null }                # FL0381
          D: { minimum: "1" }              # FL0381
          E: { minLength: -1 }             # FL0381
          F: { minLength: 1.5 }            # FL0381
          G: { multipleOf: 0 }             # FL0381
          H: { required: a }               # FL0381
          I: { required: [a, a] }          # FL0381
          J: { required: [1] }             # FL0381
          K: { properties: [a] }           # FL0381
          L: { properties: { a: string } } # FL0381
          M: { items: [ { type: string } ] }   # FL0381
          N: { anyOf: [] }                 # FL0381
          O: { enum: [] }                  # FL0381
          P: { enum: a }                   # FL0381
          Q: { uniqueItems: 1 }            # FL0381
          R: { dependentRequired: { a: b } }   # FL0381
          S: { description: 3 }            # FL0381
          T: { type: [string, string] }    # FL0381
          U: string                        # FL0381
          V: { $ref: 3 }                   # FL0381
          W: { x-pii: yes }                # FL0381
          X: { exclusiveMinimum: true }    # FL0381
          Y: { pattern: 3 }                # FL0381
        """,
    "keywords of other versions and dialects": """
        service: payments
        schemas:
          A: { type: string, nullable: true }   # FL0389
          B: { $id: "http://example.org/b" }    # FL0389
          C: { definitions: {} }                # FL0389
          D: { $dynamicRef: "#x" }              # FL0389
        """,
    "misspelt keywords at any depth": """
        service: payments
        operations:
          charge:
            input:
              type: object
              properties:
                a: { type: array, items: { type: string, maxLenght: 3 } }   # FL0380
                b: { anyOf: [ { type: string }, { typ: integer } ] }        # FL0380
                typ: { type: string }
              x-mine: { typ: 1 }
              patternProperties: { "^c": { minimun: 1 } }                   # FL0380
            output: { enum: [ { typ: 1 } ], default: { typ: 1 } }
        """,
    "patterns": """
        service: payments
        schemas:
          A: { pattern: "^(a+)+$" }                  # FL0388
          B: { pattern: "(a|a)*" }                   # FL0388
          C: { pattern: "^([a-z]|[a-z0-9])*$" }      # FL0388
          D: { pattern: "(.*)*" }                    # FL0388
          E: { pattern: "^(\\\\w+\\\\s?)*$" }        # FL0388
          F: { pattern: "(" }                        # FL0387
          G: { pattern: "(?=a)b" }                   # FL0387
          H: { pattern: "(a)\\\\1" }                 # FL0387
          I: { pattern: "a{5,2}" }                   # FL0387
          J: { pattern: "(a{1,1000}){1,1000}" }      # FL0387
          K: { patternProperties: { "(b*)*": {} } }  # FL0388
          L: { pattern: "^([a-z]+\\\\.)+[a-z]{2,}$" }
          M: { pattern: "^[A-Z]{2}-[0-9]{3,5}$" }
        """,
    "references that lead nowhere": """
        service: payments
        schemas:
          A: { $ref: "#/schemas/Payment" }   # FL0385
          B: { $ref: "#/service" }           # FL0385
          C: { $ref: "#schemas" }            # FL0385
          D: { $ref: "#/schemas/A/9" }       # FL0385
        """,
    "what a schema refers to is looked at wherever it stands": """
        service: payments
        operations:
          a: { output: { $ref: "#/x-types/Line" } }
        x-types:
          Line: { typ: string }              # FL0380
        """,
    "a schema that means itself": """
        service: payments
        schemas:
          A: { $ref: "#/schemas/A" }                        # FL0386
          B: { allOf: [ { $ref: "#/schemas/C" } ] }
          C: { anyOf: [ { type: string }, { $ref: "#/schemas/B" } ] }   # FL0386
          Tree: { type: object, properties: { left: { $ref: "#/schemas/Tree" }, all: { type: array, items: { $ref: "#/schemas/Tree" } } } }
        """,
    "an example that does not fit": """
        service: payments
        operations:
          charge:
            output: { type: object, required: [id], properties: { id: { type: string } } }
            example: { id: 3 }               # FL0339
          refund:
            output: { $ref: "#/schemas/Refund" }
            example: {}                      # FL0339
          ping: { example: pong }
        schemas:
          Refund: { type: object, required: [id] }
        """,
    "duplicate keys, also in schemas": """
        service: payments
        operations:
          charge: {}
          charge: {}                         # FL0179
        schemas:
          A: { type: object, type: string }  # FL0179
        """,
    "a broken schema is one error, not two": """
        service: payments
        operations:
          charge:
            output: { type: object, requird: [id] }   # FL0380
            example: { id: 3 }
        """,
}


@pytest.mark.parametrize("name", CASES)
def test_found_on_the_guilty_line(name: str) -> None:
    text = dedent(CASES[name]).lstrip("\n").replace("\\\\\\\\", "\\\\")
    _, found = loaded(text)
    assert places(found) == expected(text)
    assert all(one.span.source.name == "contracts/one.yaml" for one in found)


def test_the_smallest_span_and_what_was_meant() -> None:
    _, found = loaded(
        "service: payments\nschemas:\n  A: { type: object, requird: [a], properties: { a: { type: int } } }\n"
    )
    assert [(one.span.text, one.hint) for one in found] == [
        ("requird", "did you mean `required`?"),
        ("int", "did you mean `integer`?"),
    ]


def test_a_fault_within_a_pattern_is_pointed_at() -> None:
    _, found = loaded('service: payments\nschemas:\n  A: { pattern: "^p-([0-9]+$" }\n')
    assert [(one.code, one.span.text, one.span.column) for one in found] == [("FL0387", "(", 21)]


def test_stacked_alternatives_are_found_before_they_cost_anything() -> None:
    levels = "".join(
        f'  A{n}: {{ oneOf: [{{ $ref: "#/schemas/A{n + 1}" }}, {{ $ref: "#/schemas/A{n + 1}" }}] }}\n'
        for n in range(60)
    )
    _, found = loaded(f"service: payments\nschemas:\n{levels}  A60: {{ type: string }}\n")
    assert {one.code for one in found} == {"FL0390"}


def test_a_long_chain_of_references_is_found() -> None:
    levels = "".join(f'  A{n}: {{ $ref: "#/schemas/A{n + 1}" }}\n' for n in range(3000))
    _, found = loaded(f"service: payments\nschemas:\n{levels}  A3000: {{ type: string }}\n")
    assert {one.code for one in found} == {"FL0390"}


def test_a_long_chain_through_properties_is_fine() -> None:
    levels = "".join(
        f'  A{n}: {{ type: object, properties: {{ next: {{ $ref: "#/schemas/A{n + 1}" }} }} }}\n' for n in range(300)
    )
    contracts, found = loaded(f"service: payments\nschemas:\n{levels}  A300: {{ type: string }}\n")
    assert found == []
    assert len(contracts.services["payments"].schemas["A0"].schema["$defs"]) == 300
