"""Diagnostics as people, programs and GitHub read them: frames of text, a JSON list, workflow commands.

    print(text(found, colour=True))

A finding that only matters in choreography is a warning, and under `choreograph=True` an error.
"""

from __future__ import annotations

import json as _json
from collections.abc import Callable, Iterable, Sequence

from flowlang.check.screen import CUT, mark, visible
from flowlang.diagnostic import Diagnostic, Label
from flowlang.source import Source, Span, line_text

BOLD, RED, YELLOW, CYAN, BLUE, PLAIN = "\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m", "\x1b[1;34m", "\x1b[0m"
LONGEST = 600
COLOURS = {"error": RED, "warning": YELLOW, "hint": CYAN}
COMMANDS = {"error": "error", "warning": "warning", "hint": "notice"}


def severity(diagnostic: Diagnostic, *, choreograph: bool = False) -> str:
    """`error`, `warning` or `hint`, as the finding counts in this mode."""
    if diagnostic.choreography_only:
        return "error" if choreograph else "warning"
    return diagnostic.severity


def text(found: Iterable[Diagnostic], *, colour: bool = False, choreograph: bool = False) -> str:
    """One frame for each finding, an empty line between two, no newline at the end. Colours only when asked for."""
    return "\n\n".join(_frame(one, severity(one, choreograph=choreograph), colour) for one in found)


def json(found: Iterable[Diagnostic], *, choreograph: bool = False) -> str:
    """A JSON list with one object for each finding. Lines and columns from 1, columns in code points, ends exclusive."""
    return _json.dumps([_object(one, severity(one, choreograph=choreograph)) for one in found], indent=2)


def github(found: Iterable[Diagnostic], *, choreograph: bool = False) -> str:
    """One workflow command to a line, which GitHub shows beside the changed line."""
    return "\n".join(_command(one, severity(one, choreograph=choreograph)) for one in found)


def summary(found: Sequence[Diagnostic], *, choreograph: bool = False) -> str:
    """`2 errors, 1 warning`, or `no findings`."""
    severities = [severity(one, choreograph=choreograph) for one in found]
    counts = [(severities.count(kind), kind) for kind in COLOURS]
    said = [f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in counts if count]
    return ", ".join(said) or "no findings"


# ---------------------------------------------------------------- frames

Paint = Callable[[str, str], str]


def _frame(one: Diagnostic, kind: str, colour: bool) -> str:
    def paint(ink: str, words: str) -> str:
        return f"{ink}{words}{PLAIN}" if colour and words else words

    main = Label(one.span, one.hint or one.say(one.label))
    gutter = max(len(str(label.span.line)) for label in (main, *one.related))
    head = paint(COLOURS[kind], f"{kind}[{one.code}]") + paint(BOLD, f": {_line(one.say(one.message))}")
    lines = [head, *_place("-->", main, gutter, paint)]
    here = [label for label in one.related if label.span.source is one.span.source]
    lines += _snippet([main, *here], main, gutter, COLOURS[kind], paint)
    for labels in _elsewhere(one):
        lines += _place(":::", labels[0], gutter, paint)
        lines += _snippet(labels, None, gutter, COLOURS[kind], paint)
    notes = [(word, said) for word, said in (("note", one.say(one.note)), ("help", one.say(one.help))) if said]
    if notes:
        lines.append(paint(BLUE, f"{' ' * gutter} |"))
    for word, said in notes:
        indent = " " * (gutter + 5 + len(word))
        body = f"\n{indent}".join(_line(part) for part in said.split("\n"))
        lines.append(paint(BLUE, f"{' ' * gutter} =") + " " + paint(BOLD, f"{word}:") + f" {body}")
    return "\n".join(lines)


def _elsewhere(one: Diagnostic) -> Iterable[list[Label]]:
    found: dict[Source, list[Label]] = {}
    for label in one.related:
        if label.span.source is not one.span.source:
            found.setdefault(label.span.source, []).append(label)
    return found.values()


def _place(arrow: str, label: Label, gutter: int, paint: Paint) -> list[str]:
    where = f"{visible(label.span.source.name)}:{label.span.line}:{label.span.column}"
    return [paint(BLUE, f"{' ' * gutter} {arrow}") + f" {where}", paint(BLUE, f"{' ' * gutter} |")]


def _snippet(labels: list[Label], main: Label | None, gutter: int, ink: str, paint: Paint) -> list[str]:
    """The marked lines of one file from top to bottom; a line with two marks is shown once."""
    lines: list[str] = []
    before = 0
    for label in sorted(labels, key=lambda each: (each.span.start, each is not main)):
        number = label.span.line
        start = label.span.column - 1
        marked = mark(line_text(label.span.source, number), start, start + label.span.end - label.span.start)
        if before and number > before + 1:
            lines.append(paint(BLUE, "..."))
        if number != before:
            lines.append((paint(BLUE, f"{number:>{gutter}} |") + f" {marked.text}").rstrip())
        sign, colour = ("^", ink) if label is main else ("-", BLUE)
        said = f"{sign * marked.width} {_line(label.text)}".rstrip()
        lines.append(paint(BLUE, f"{' ' * gutter} |") + " " * (marked.start + 1) + paint(colour, said))
        before = number
    return lines


def _line(words: str) -> str:
    """`words` on one line; a name of ten thousand letters is cut, since the mark below shows it anyway."""
    return visible(words if len(words) <= LONGEST else words[:LONGEST] + CUT)


# ---------------------------------------------------------------- for programs


def _object(one: Diagnostic, kind: str) -> dict[str, object]:
    return {
        "code": one.code,
        "severity": kind,
        **_position(one.span),
        "message": one.say(one.message),
        "label": one.hint or one.say(one.label),
        "notes": [note for note in (one.say(one.note),) if note],
        "help": one.say(one.help),
        "related": [{**_position(label.span), "message": label.text} for label in one.related],
    }


def _position(span: Span) -> dict[str, object]:
    line, column = _end(span)
    return {"file": span.source.name, "line": span.line, "column": span.column, "endLine": line, "endColumn": column}


def _end(span: Span) -> tuple[int, int]:
    end = Span(span.source, span.end, span.end)
    return end.line, end.column


def _command(one: Diagnostic, kind: str) -> str:
    line, column = _end(one.span)
    facts = {"file": one.span.source.name, "line": one.span.line, "endLine": line}
    if line == one.span.line:  # GitHub ignores columns where a finding goes over several lines
        facts |= {"col": one.span.column, "endColumn": column}
    facts["title"] = one.code
    said = [one.say(one.message), one.hint or one.say(one.label), one.say(one.note), one.say(one.help)]
    body = _escape("\n".join(words for words in said if words))
    return f"::{COMMANDS[kind]} {','.join(f'{name}={_escape(str(fact), inner=True)}' for name, fact in facts.items())}::{body}"


def _escape(words: str, *, inner: bool = False) -> str:
    words = words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return visible(words.replace(":", "%3A").replace(",", "%2C") if inner else words)
