"""A flow of any length, made of what flows are made of, over contracts of its own. The same for the same length."""

from __future__ import annotations

from pathlib import Path

CONTRACT = """service: {name}
operations:
  do:
    input:
      type: object
      required: [id, amount]
      properties: {{ id: {{ type: string }}, amount: {{ type: number }}, note: {{ type: string }} }}
    output:
      type: object
      required: [ref, total]
      properties: {{ ref: {{ type: string }}, total: {{ type: number }}, status: {{ type: string, enum: [ok, late] }} }}
    errors: {{ Refused: "no" }}
  undo: {{ input: {{ type: object, required: [id], properties: {{ id: {{ type: string }} }} }} }}
events:
  {name}.done: {{ data: {{ type: object, required: [ref], properties: {{ ref: {{ type: string }} }} }}, keep: 7d, to: one }}
hears: [{heard}]
schemas:
  Job{name}: {{ type: object, required: [id, amount], properties: {{ id: {{ type: string }}, amount: {{ type: number }} }} }}
"""

SERVICES = tuple(f"s{number}" for number in range(10))

PART = """
  step a{n} = {one}.do(id: job.id, amount: job.amount + {n}) {{
    compensate {one}.undo(id: job.id)
    retry 3 backoff 1s..30s on Timeout, Unavailable
  }}
  fork {{
    step b{n} = {two}.do(id: a{n}.ref, amount: a{n}.total * 2) {{
      compensate {two}.undo(id: a{n}.ref)
    }}
    step c{n} = {three}.do(id: job.id + "-{n}", amount: job.amount) {{
      compensate {three}.undo(id: job.id)
    }}
  }} join all
  let d{n} = b{n}.total > 100 && size(c{n}.ref) > 0
  switch {{
    case d{n} && c{n}.total >= {n} ->
      step e{n} = {four}.do(id: b{n}.ref, amount: 1.5) {{
        compensate none
      }}
    else -> {{}}
  }}
"""


def write_flow(folder: Path, lines: int) -> Path:
    """Write a flow of about `lines` lines and its contracts into `folder`; the path of the flow."""
    (folder / "contracts").mkdir(parents=True)
    for number, name in enumerate(SERVICES):
        heard = f"{SERVICES[number - 1]}.done"
        (folder / "contracts" / f"{name}.yaml").write_text(CONTRACT.format(name=name, heard=heard), encoding="utf-8")
    flow = folder / "generated.flow"
    flow.write_text(text(lines), encoding="utf-8")
    return flow


def text(lines: int) -> str:
    """The text of a flow of about `lines` lines."""
    parts = []
    for n in range(max(1, (lines - 8) // PART.count("\n"))):
        one, two, three, four = (SERVICES[(n + place) % len(SERVICES)] for place in range(4))
        parts.append(PART.format(n=n, one=one, two=two, three=three, four=four))
    return f'use contracts "contracts/*.yaml"\n\nflow generated(job: Jobs0) {{\n  key job.id\n{"".join(parts)}}}\n'
