"""Syntax errors on the guilty line: `# error: FL0121` at the end of a line says which codes are reported there."""

from __future__ import annotations

import re

import pytest

from flowlang.diagnostic import Diagnostic
from flowlang.language import text
from flowlang.source import Source

EXPECTED = re.compile(r"# (?:error|warning): ([FL0-9 ,]+)")

CASES = {
    "several mistakes in one file": """
        use contracts "contracts/*.yaml"
        flow f(order: Order) -> Receipt {
          key order.                                     # error: FL0132
          step a orders.read(order)                      # error: FL0122
          let b = order.total +                          # error: FL0132
          step c = orders.read(id: order.id total: 1)    # error: FL0122
          fork {
            step d = orders.read(id order.id)            # error: FL0122
            step e = orders.read()
          }                                              # error: FL0141
          step c = orders.read(order { compensate none } # error: FL0122
          swich order.kind { }                           # error: FL0126
          step g = orders.read() { timeout 10 }          # error: FL0114
          return { id: order.id }
        }
    """,
    "a scope whose head is broken does not spoil what follows": """
        flow f() {
          scope {                                        # error: FL0121
            step a = x.a()
            step b = x.b(                                # error: FL0132
            step c = x.c()
          } catch Odd -> {
            step d = x.d(1 1)                            # error: FL0121
          }
          let e = (1 + 2))                               # error: FL0124
          return e
        }
    """,
    "a switch whose head is broken has no further errors": """
        flow f(order: Order) {
          switch order kind {                            # error: FL0121
            case "a" -> {}
            case "b" -> step a = x.a()
            else -> {}
          }
          step b x.b()                                   # error: FL0122
        }
    """,
    "a broken literal hides nothing on other lines": """
        flow f() {
          let a = order.                                 # error: FL0132
          let b = "abc                                   # error: FL0109
          let c = f("abc)                                # error: FL0109
          let d = order.total +                          # error: FL0132
          let e = 3x                                     # error: FL0112
        }
    """,
    "a string that is broken over lines is one mistake": """
        flow f() {
          let a = "one                                   # error: FL0109
            two"
          step b = x.b(n: 'one                           # error: FL0109
            two

            three', m: 2)
          step c = x.c(n: "one                           # error: FL0109
            two", m: 3 4)                                # error: FL0121
          let d = order.total +                          # error: FL0132
          return { r: "a                                 # error: FL0109
        b" }
        }
    """,
    "a string without end that holds the closing brace is one mistake": """
        flow f() {
          return { r: "a }                               # error: FL0109
        }
    """,
    "entries that are broken in the same way are mistakes of their own": """
        flow f() {
          return {
            a: "x,                                       # error: FL0109
            b: "y,                                       # error: FL0109
            c: "z"
          }
        }
    """,
    "a switch without cases says so at the switch": """
        flow f(x: T) {
          switch { }                                     # error: FL0149
          step a = x.a()
          switch x.y at b { }                            # error: FL0149
          switch {                                       # error: FL0149
          }
          sequence { switch { } at b }                   # error: FL0149
          let d = x.y +                                  # error: FL0132
          switch { }                                     # error: FL0149
        }
    """,
    "an else before the last case says that it comes last": """
        flow f(x: T) {
          switch { else -> {} case x.y > 1 -> {} }       # error: FL0150
          switch {
            else -> step a = x.a()                       # error: FL0150
            case x.y > 1 -> step b = x.b(id x.id)        # error: FL0122
          }
          switch x.y {
            else -> { step c = x.c() }                   # error: FL0150
            case 1 -> {}
          }
          switch x.y at a {
            case 1 -> {}
            else -> fail Odd                             # error: FL0150
            case 2 -> {}
          }
          switch {
            case x.y -> {}
            else -> {}
            else -> { fail Odd }                         # error: FL0144
          }
          switch { else -> {} }                          # error: FL0150
          sequence {
            wait for event "e" within 3h else {}
            else -> {}                                   # error: FL0147
          }
          wait for event "e" within 3h else fail Late
          case 1 -> {}                                   # error: FL0147
          let d = x.y +                                  # error: FL0132
          return x
        }
    """,
    "two things side by side in an entry of a map are one mistake": """
        flow f() {
          let a = { r: b"abc" }                          # error: FL0121
          let b = { r: 'it''s' }                         # error: FL0121
          let c = { r: 3 d }                             # error: FL0121
          let d = { r: 3 d: 4 }                          # error: FL0122
          let e = [1 2]                                  # error: FL0122
          step g = x.g(r: 3 d, s: 4)                     # error: FL0121
          let h = a +                                    # error: FL0132
          return a
        }
    """,
    "clauses are read one by one": """
        flow f() {
          step a = x.a() {
            compensate x.b(id a.id)                      # error: FL0122
            retry x                                      # error: FL0121
            timeout 10                                   # error: FL0114
            retry 3 backof 1s..2s                        # error: FL0121
          }
          step b = x.b() { timeout ten }                 # error: FL0121
        }
    """,
    "forks that come together": """
        flow f() {
          fork { step a = x.a() } join                   # error: FL0122
          fork { step a = x.a() } join 0                 # error: FL0155
          fork { step a = x.a() } join all or            # error: FL0122
          fork { step a = x.a() } join first             # error: FL0121
          fork { step a = x.a() } join any
          fork { step a = x.a() } join 1
        }
    """,
    "loops": """
        flow f(xs: [T]) {
          for x in xs { }                                # error: FL0122
          for each x of xs { }                           # error: FL0121
          for each x in xs parallel 0 { }                # error: FL0155
          for each x in xs parallel ten { }              # error: FL0121
          for each for in xs as with { yield 1 }         # error: FL0125
          repeat { } until true at most 0                # error: FL0155
          repeat { } until true at 3                     # error: FL0122
          repeat {
            step a = x.a()
          }                                              # error: FL0156
          repeat { } at most 3                           # error: FL0156
          repeat { } while a at most 3                   # error: FL0156
          repeat {
          } until a.ok                                   # error: FL0157
          repeat { } until a.ok every 5m                 # error: FL0157
          repeat { } until a.ok else fail Late           # error: FL0157
          sequence { repeat { } until a.ok }             # error: FL0157
          repeat with a = 1, a = 2 { } until a at most 1 # error: FL0145
          repeat with a: 1 { } until a at most 1         # error: FL0121
          repeat until a { step b = x.b() }              # error: FL0121
          repeat { next a 1 } until a at most 1          # error: FL0122
          next a =                                       # error: FL0132
          yield                                          # error: FL0132
          step c = x.c()
          until a                                        # error: FL0147
          let d = a +                                    # error: FL0132
          let repeat = 1                                 # error: FL0125
          return a
        }
    """,
    "races": """
        flow f() {
          race { }                                       # error: FL0153
          race { after 3d -> {} }                        # error: FL0153
          race {
            on event "a" -> {}
            after 3d -> {}
            after 4d -> {}                               # error: FL0154
          }
          race at x {
            on event "a" -> {}
            forever
            after 4d -> {}                               # error: FL0154
          }
          race {
            on event a.b -> step a = x.a()               # error: FL0131
            on event "c" as -> fail Odd                  # error: FL0121
            on event "d" alongside -> {}                 # error: FL0121
            after 3 days -> {}                           # error: FL0121
            after -> {}                                  # error: FL0121
          }
          race {
            wait for event "z" -> {}                     # error: FL0121
            step y = x.y(1 2)                            # error: FL0121
            event "a" -> {}                              # error: FL0121
            on event "b" -> {
              let c = 1 2                                # error: FL0121
            }
            else -> {}                                   # error: FL0121
          }
          on event "a" -> {}                             # error: FL0147
          after 3d -> {}                                 # error: FL0147
          forever                                        # error: FL0147
          let d = 1 +                                    # error: FL0132
          return d
        }
    """,
    "clauses of a scope": """
        flow f() {
          scope s {
            step a = x.a(1 2)                            # error: FL0121
          } retry 3
          retry 4                                        # error: FL0144
          within 3d else {}
          within 4d else {}                              # error: FL0144
          compensate {}
          compensate { step b = x.b() }                  # error: FL0144
          on event "a" as b where b. alongside -> {}
          catch A ->                                     # error: FL0132
          catch B -> step c = x.c(                       # error: FL0132
          on event "b" alongside step d = x.d()          # error: FL0122
          within 3d fail Late                            # error: FL0122 FL0144
          within 4d -> fail Late                         # error: FL0122 FL0144
          compensate step e = x.e()                      # error: FL0121
          let d = 1 +                                    # error: FL0132
          scope u { } catch A { }                        # error: FL0122
          race { on event "a" { } after 3d { } }         # error: FL0122
          scope t { } within 3d                          # error: FL0122
          let e = 1
          wait for event "a" within 3d                   # error: FL0122
          retry 3                                        # error: FL0147
          alongside                                      # error: FL0147
          step f = x.f()
          compensate { }                                 # error: FL0147
        }
    """,
    "waiting": """
        flow f() {
          wait for "a" forever                           # error: FL0122
          wait event "a" forever                         # error: FL0122
          wait for 5m                                    # error: FL0121
          wait                                           # error: FL0132
          wait until                                     # error: FL0132
          wait 5min                                      # error: FL0113
          wait until t
          commit
          orchestrate { step a = x.a() }                 # error: FL0121
          orchestrate at x { step a = x.a( }             # error: FL0122
          use flows "a.flow"                             # error: FL0147
        }
    """,
    "block statements as bodies": """
        flow f() {
          switch {
            case a -> sequence { emit "a" }              # error: FL0158
            case b -> repeat { emit "b" } until c at most 2 # error: FL0158
            else -> wait for event "c" forever           # error: FL0158
          }
          race { on event "a" -> race { on event "b" -> {} forever } after 3d -> {} } # error: FL0158
          scope s { } catch A -> scope t { } catch B -> {} # error: FL0158
          wait for event "d" within 3d else for each x in y { } # error: FL0158
          let d = 1 +                                    # error: FL0132
          return d
        }
    """,
    "words of other languages": """
        flow f(x: T) {
          if x.ok { return 1 }                           # error: FL0126
          let a = 1
          try { fail Odd }                               # error: FL0126
          let b = 1
          x = 1                                          # error: FL0126
          let y = x and x                                # error: FL0130
          let z = x = y                                  # error: FL0128
          let w == 1                                     # error: FL0129
          emit order.done                                # error: FL0131
          wait for event order.done forever              # error: FL0131
          switch { case x => return 1  else -> {} }      # error: FL0107
        }
    """,
    "reserved words": """
        flow f(on: T, else: T) {                         # error: FL0125
          step switch = x.a()                            # error: FL0125
          let null = 1                                   # error: FL0125
          let ok = { in: 1, "x y": 2, at: x.step.else }
          scope catch { } catch as -> {}                 # error: FL0125 FL0121
          let v = key.id                                 # error: FL0125
          step a = flow.switch(order: 1, case: 2)
        }
    """,
    "clauses outside of their statement": """
        flow f(x: T) {
          step a = x.a()
          timeout 10s                                    # error: FL0147
          catch Odd -> {}                                # error: FL0147
          case 1 -> {}                                   # error: FL0147
          key x.id                                       # error: FL0146
          branch b {}                                    # error: FL0147
        }
    """,
    "literals": """
        flow f() {
          let a = 'x\\q'                                 # error: FL0110
          let b = "\\ud800"                              # error: FL0111
          let c = "\\u{110000}"                          # error: FL0111
          let d = 99999999999999999999                   # error: FL0115
          let e = 1.2.3                                  # error: FL0112
          let f = 3days                                  # error: FL0113
          let g = 1e999                                  # error: FL0117
          let h = f("open)                               # error: FL0109
          let i = x § y                                  # error: FL0107
          let j = 3x                                     # error: FL0112
          let k = 1h30m                                  # error: FL0113
          wait for event "e" within 1d12h else fail Late # error: FL0113
        }
    """,
    "said twice": """
        flow f() {
          version 1
          version 2                                      # error: FL0144
          step a = x.a(b: 1, b: 2) {                     # error: FL0145
            timeout 1s
            timeout 2s                                   # error: FL0144
          }
          let m = { a: 1, "a": 2 }                       # error: FL0145
        }
    """,
    "documentation of nothing": """
        ## of nothing                                    # warning: FL0901
        use contracts "x.yaml"
        ## of the flow
        flow f() {
          ## of the step
          step a = x.a() {
            ## of nothing                                # warning: FL0901
            timeout 1s
          }
          switch {
            ## of the case
            case true -> {}
            ## of nothing                                # warning: FL0901
            else -> {}
          }
          ## of nothing                                  # warning: FL0901
        }
    """,
}


@pytest.mark.parametrize("name", CASES)
def test_errors_stand_on_the_guilty_line(name: str) -> None:
    source = Source("case.flow", CASES[name])
    _, findings = text.parse(source)
    expected = {
        (number, code)
        for number, line in enumerate(CASES[name].split("\n"), 1)
        for match in EXPECTED.finditer(line)
        for code in match[1].replace(",", " ").split()
    }
    assert {(finding.span.line, finding.code) for finding in findings} == expected, _shown(findings)


def test_a_duration_of_several_units_is_told_how_to_write_it() -> None:
    hints = {"1h30m": "90m", "2w1d": "15d", "1m30s500ms": "90500ms"}
    for written, meant in hints.items():
        _, (finding,) = text.parse(Source("case.flow", f"flow f() {{ return {written} }}"))
        assert (finding.code, finding.span.text) == ("FL0113", written)
        assert f"write `{meant}`" in finding.hint


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("while a { }", "repeat {"),
        ("foreach x in xs { }", "for each x in"),
        ("sleep 5m", "wait 5m"),
        ("wait for 5m", "write `wait 5m`"),
        ('race { event "a" -> {} }', 'on event "type"'),
        ('race { on event "a" -> {} else -> {} }', "after 3d"),
        ('race { on event "a" alongside -> {} }', "only an event of a scope"),
        ("repeat until a { }", "stand behind the block"),
        ("orchestrate { }", "orchestrate at service"),
        ("scope { }", "a scope has a name"),
        ("scope s { } compensate a.b()", "compensate {"),
        ("scope s { } timeout 10s", "within 10s else"),
        ("repeat 3 { }", "at most 20"),
        ("repeat { } until a max 3", "at most 20"),
        ("repeat { b = 1 } until a at most 3", "`next`"),
        ("for each x in xs as ys parallel 3 { }", "parallel 10 as results"),
        ('race { wait for event "a" -> {} }', 'on event "type"'),
        ('on event "a" -> {}', "wait for event"),
    ],
)
def test_what_was_meant_is_guessed(written: str, meant: str) -> None:
    _, findings = text.parse(Source("case.flow", f"flow f() {{ let a = 1\n{written}\n}}"))
    assert meant in findings[0].hint


def test_a_body_without_braces_is_read_as_if_it_had_some() -> None:
    """One mistake, whatever follows the block statement."""
    for inner in (
        'sequence { emit "a" }',
        'fork { emit "a" } join all or cancel',
        'repeat { emit "a" } until b\nat most 3',
        'for each x in { a: [1] }.a { emit "a" }',
        'scope s { emit "a" } catch A -> {}\ncatch B -> {}',
        'wait for event "a"\nwithin 3d else {}',
    ):
        source = Source(
            "case.flow", f"flow f() {{ switch {{\ncase a -> {inner}\ncase b -> {{}}\nelse -> {{}}\n}}\nreturn 1\n}}"
        )
        _, findings = text.parse(source)
        assert [finding.code for finding in findings] == ["FL0158"], inner


def _shown(findings: list[Diagnostic]) -> str:
    return "\n".join(f"{f.span.line}:{f.span.column} {f.code} {f.say(f.message)}" for f in findings)
