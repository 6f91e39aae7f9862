"""A schedule as a numbered list, and as a sequence picture: who took part stands side by side, time runs down.

A line of a schedule says who does what, `b takes in ... from a`, or to whom something happens: `call f/x at b is ok`, which
is `engine` where nobody is named. Everything else happens outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import graphviz

from flowlang.diagram.colours import ALARM, INK, PALE, PAPER, paint_of
from flowlang.diagram.dot import FONT, dot_text
from flowlang.diagram.words import fitted

OUTSIDE = "outside"
MOST = 150  # lines of a picture; of a longer schedule it shows the last
WIDTH = 30  # characters of a line in a box

ENGINE = "engine"

_TIMED = re.compile(r"\s*(?:(?P<at>\d+) )?(?P<what>.*)")
_DOES = re.compile(r"(?P<who>[\w-]+) (?P<what>(?:takes in|calls|dies)\b.*?)(?: from (?P<sender>[\w-]+))?")
_MEETS = re.compile(r"(?P<what>(?P<noun>call|the timer of) \S+)(?: at (?P<who>[\w-]+))? (?P<more>.*)")


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    who: str
    what: str
    sender: str = ""
    at: str = ""  # milliseconds since the beginning, where that is known
    is_last: bool = False


def numbered(schedule: Sequence[str]) -> str:
    """One event to a line, with the time since the beginning where it is known."""
    rows = [_read(line) for line in schedule]
    first, second = len(str(len(rows))), max((len(_time(at)) for at, _ in rows), default=0)
    return "\n".join(
        f"  {number:>{first}}. {_time(at):>{second}}{'  ' if second else ''}{what}"
        for number, (at, what) in enumerate(rows, 1)
    )


def to_mermaid(schedule: Sequence[str]) -> str:
    """The picture in Mermaid."""
    rows = list(_rows(schedule))
    names = {who: f"p{number}" for number, who in enumerate(_lanes(rows))}
    lines = ["sequenceDiagram", *(f"  participant {name} as {_safe(who)}" for who, name in names.items())]
    for row in rows:
        words = f"{row.number}. {_safe(_timed(row))}"
        if row.sender and row.sender != row.who:
            lines.append(f"  {names[row.sender]}->>{names[row.who]}: {words}")
        else:
            lines.append(f"  Note over {names[row.who]}: {words}")
    return "\n".join(lines) + "\n"


def to_dot(schedule: Sequence[str], title: str) -> str:
    """The picture in DOT: each who is a column with a dashed line, each event a box on the line of whose it is, and a
    message an arrow from the line of who said it."""
    rows = list(_rows(schedule))
    lanes = _lanes(rows)
    drawn = graphviz.Digraph("schedule")
    drawn.attr(label=dot_text(title), labelloc="t", fontname=FONT, fontsize="13", ranksep="0.22", nodesep="0.5")
    drawn.attr("node", fontname=FONT, fontsize="10", shape="box", style="filled", margin="0.1,0.05", height="0.25")
    drawn.attr("edge", fontname=FONT, fontsize="9", arrowsize="0.7")
    _rank(drawn, [f"l{lane}_0" for lane in range(len(lanes))])
    for lane, who in enumerate(lanes):
        _head(drawn, f"l{lane}_0", who, lane)
    for place, row in enumerate(rows, 1):
        _rank(drawn, [f"l{lane}_{place}" for lane in range(len(lanes))])
        for lane, who in enumerate(lanes):
            name = f"l{lane}_{place}"
            if who == row.who:
                line = ALARM if row.is_last else INK
                drawn.node(
                    name,
                    dot_text("\n".join(fitted(f"{row.number}. {_timed(row)}", WIDTH, 6))),
                    fillcolor=PAPER,
                    color=line,
                )
            else:
                drawn.node(name, "", shape="point", width="0.01", height="0.01", color=PALE)
            drawn.edge(f"l{lane}_{place - 1}", name, style="dashed", color=PALE, arrowhead="none", weight="100")
        if row.sender and row.sender != row.who:
            ends = f"l{lanes.index(row.sender)}_{place}", f"l{lanes.index(row.who)}_{place}"
            drawn.edge(*ends, constraint="false", color=INK)
    return str(drawn.source)


def _head(drawn: graphviz.Digraph, name: str, who: str, lane: int) -> None:
    if who == OUTSIDE:
        drawn.node(name, who, style="rounded,dashed", color=PALE, fontcolor=PALE)
    else:
        paint = paint_of(lane - 1)
        drawn.node(name, dot_text(who), style="filled", fillcolor=paint.fill, color=paint.line, fontcolor=paint.text)


def _rank(drawn: graphviz.Digraph, names: Sequence[str]) -> None:
    """In one row, in this order."""
    with drawn.subgraph() as row:
        row.attr(rank="same")
        for left, right in pairwise(names):
            row.edge(left, right, style="invis")


def _rows(schedule: Sequence[str]) -> Iterator[_Row]:
    first = max(0, len(schedule) - MOST)
    if first:
        yield _Row(first, OUTSIDE, f"{first} events before these")
    for number, line in enumerate(schedule[first:], first + 1):
        last = number == len(schedule)
        at, what = _read(line)
        if (does := _DOES.fullmatch(what)) is not None:
            yield _Row(number, does["who"], does["what"], does["sender"] or "", at, last)
        elif (meets := _MEETS.fullmatch(what)) is not None:
            sender = OUTSIDE if meets["noun"] == "call" else ""
            yield _Row(number, meets["who"] or ENGINE, f"{meets['what']} {meets['more']}", sender, at, last)
        else:
            yield _Row(number, OUTSIDE, what, at=at, is_last=last)


def _lanes(rows: Sequence[_Row]) -> list[str]:
    """Outside, then who takes part in the order in which they come in."""
    return list(dict.fromkeys([OUTSIDE, *(who for row in rows for who in (row.sender, row.who) if who)]))


def _read(line: str) -> tuple[str, str]:
    """The time of a line, or "", and what happens."""
    timed = _TIMED.fullmatch(line)
    return (timed["at"] or "", timed["what"].strip()) if timed is not None else ("", line.strip())


def _timed(row: _Row) -> str:
    return f"{row.what} ({_time(row.at)})" if row.at else row.what


def _time(at: str) -> str:
    """A time since the beginning as one would say it."""
    if not at:
        return ""
    ms = int(at)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if ms >= size:
            return f"{ms / size:.3g}\u00a0{unit}"
    return f"{ms}\u00a0ms"


def _safe(text: str) -> str:
    """Mermaid has no quoting that holds: whatever is neither letter nor digit is a character code."""
    return "".join(char if char.isalnum() or char == " " else f"#{ord(char)};" for char in text[:120])
