"""20,000 mutants of each form: every one gives a flow or a finding with a place in its text, and none an exception."""

from __future__ import annotations

import random
import re

import pytest

from flowlang.language import parse
from flowlang.source import Source

MUTANTS = 20_000

TEXTS = (
    """flow f(o: s.O?) -> [R] { version 3 key o.id owner s on event "e" as x where x.a > 1
  step a = s.do(id: o.id, n: -2 * 3) { compensate s.undo(o) retry 2 backoff 1s..2m on Timeout, s.E timeout 10s }
  return { id: a.id, "k": [1, 2.5, 3d, null, 'x\\n'] } }""",
    """flow f() { fork at s { branch b when x.y { let c = has(x.z) ? a[0].f(1) : !d } step e = s.e() } join all
  switch k at s { case "a", 1 -> fail E("why") else -> {} }
  ## doc
  sequence { emit "done" { a: 1 } } # comment
}""",
    """use contracts "a.yaml", "b.yaml"
flow f() { scope s at t { step a = t.a() { compensate none } } catch A, t.B as e -> { return e.name } catch -> {}
  wait for event "x" as v where v.id == o.id at s within 3d else { let n = o.?p.orValue(1) in [2] }
  wait for event "y" forever }""",
    """use flows "a.flow"
flow f(xs: [T]) { for each x in xs parallel 3 as ys at s { step a = flow.b(x) yield { k: a.b } }
  repeat with a = 1, b = [] at s { next a = a + 1 } until a > 3 every 5m at most 9 else fail E
  fork { wait 5m wait until t } join all or cancel fork { commit } join 2
  orchestrate at s { race at t { on event "x" as y where y.a == 1 -> {} after 3d -> commit } race { on event "z" -> {} forever } } }""",
    """flow f() { scope s at t { step a = t.a() } on event "x" as e where e.i == 1 -> {} on event "y" alongside -> emit "z"
  within 5m else fail Slow retry 3 backoff 1s..2s on Timeout, t.E compensate { step b = t.b() } catch as e -> {} }""",
)

YAMLS = (
    """document: { dsl: flowlang/1, name: f, version: "3", doc: "text" }
use: { contracts: [a.yaml] }
input: { o: "s.O?" }
key: o.id
do:
  - a: { call: s.do, with: { id: "${ o.id }", n: -2 }, compensate: none, retry: { limit: 2, backoff: 1s..2m, errors: [E] } }
  - return: { id: "${ a.id }", l: [1, 2.5, null, 'x'] }
""",
    """document: { dsl: flowlang/1, name: f }
do:
  - fork:
      branches:
        - b: { branch: [ { c: { let: "${ 1 }" } } ], when: x.y }
      join: all
  - switch: { of: k, cases: [ { is: ['"a"'], do: [] } ], else: [ { fail: { error: E, message: '"why"' } } ] }
  - emit: { event: done, data: { a: 1 } }
""",
    """document: { dsl: flowlang/1, name: f }
do:
  - s:
      scope: [ { a: { call: t.a, timeout: 1s } } ]
      catch: [ { errors: [A, t.B], as: e, do: [] } ]
  - v: { listen: { event: x, where: v.id == o.id, within: 3d, else: [] } }
  - listen: { event: y, forever: true }
""",
    """document: { dsl: flowlang/1, name: f }
use: { flows: [a.flow] }
do:
  - for: { each: x, in: xs, parallel: 3, as: ys, at: s, do: [ { yield: "${ x }" } ] }
  - repeat: { with: { a: 1 }, do: [ { next: { a: 2 } } ], until: a > 1, every: 5m, most: 9, else: [ { commit: {} } ] }
  - fork: { branches: [ { wait: 5m }, { wait: { until: t } } ], join: 2 }
  - race: { first: [ { event: x, as: y, do: [] }, { after: 3d, do: [] } ] }
  - orchestrate: { at: s, do: [ { race: { first: [ { event: x, do: [] } ], forever: true } } ] }
""",
    """document: { dsl: flowlang/1, name: f }
do:
  - s:
      scope: []
      retry: { limit: 3 }
      events: [ { event: x, as: e, where: e.a == 1, alongside: true, do: [] }, { event: y, do: [] } ]
      within: 5m
      else: [ { fail: { error: Slow } } ]
      compensate: [ { b: { call: t.b } } ]
""",
)

PIECE = re.compile(r"\s+|\w+|.", re.DOTALL)
ODD = ("", " ", "\n", "{", "}", "(", ")", '"', "'", "#", "##", "`", "\x00", "\ufeff", "é", "\\", "${", "- ", ": ", "&a ", "*a", "!t ",
       "9" * 30, "\t", "\r", "step", "else", "\ud800", "😀", "---\n", "|\n", "?", "..", "%")  # fmt: skip


@pytest.mark.parametrize(("name", "samples"), [("m.flow", TEXTS), ("m.flow.yaml", YAMLS)])
def test_no_mutant_breaks_the_reader(name: str, samples: tuple[str, ...]) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # shown when the test fails; put it in place of the line above to see the same again
    source_of_chance = random.Random(seed)
    for number in range(MUTANTS):
        mutant = _mutant(source_of_chance, samples)
        source = Source(name, mutant)
        try:
            flow, findings = parse(source)
        except Exception as error:
            raise AssertionError(f"mutant {number} of seed {seed}: {mutant!r}") from error
        assert flow is not None or findings, f"nothing was said about {mutant!r}"
        for finding in findings:
            span = finding.span
            assert span.source is source and 0 <= span.start <= span.end <= len(mutant), (finding, mutant)
            assert finding.say(finding.message), mutant


def _mutant(chance: random.Random, samples: tuple[str, ...]) -> str:
    """One to four changes of a sample, each at a place between words and signs."""
    pieces = PIECE.findall(chance.choice(samples))
    for _ in range(chance.randint(1, 4)):
        place, other = chance.randrange(len(pieces)), chance.randrange(len(pieces))
        match chance.randrange(6):
            case 0:
                pieces[place] = ""
            case 1:
                pieces[place], pieces[other] = pieces[other], pieces[place]
            case 2:
                pieces.insert(place, chance.choice(ODD))
            case 3:
                pieces[place] = chance.choice(ODD)
            case 4:
                pieces.insert(place, pieces[other])
            case _:
                del pieces[place : place + chance.randint(1, 12)]
                pieces = pieces or [""]
    return "".join(pieces)
