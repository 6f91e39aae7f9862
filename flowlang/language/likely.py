"""Words that begin a statement, words that belong elsewhere, and words of other languages with what is written here."""

COMPOUND = ("sequence", "fork", "switch", "race", "for", "repeat", "scope", "orchestrate")
SIMPLE = ("step", "let", "wait", "commit", "emit", "fail", "return", "next", "yield")
STATEMENTS = ("step", "let", *COMPOUND, "wait", "commit", "emit", "fail", "return", "next", "yield")
HEADER = ("version", "key", "owner")
OUTSIDE = {
    "compensate": "it stands in braces behind the call of a step, or behind the block of a scope",
    "retry": "it stands in braces behind the call of a step, or behind the block of a scope",
    "timeout": "it stands in braces behind the call of a step",
    "catch": "it stands behind the block of a scope",
    "case": "it stands in the braces of a switch",
    "else": "it stands behind the last case of a switch, or behind `within` or `at most`",
    "branch": "it stands in the braces of a fork",
    "join": "it stands behind the braces of a fork",
    "within": "it stands behind `wait for event`, or behind the block of a scope",
    "forever": "it stands behind `wait for event`, or in the braces of a race",
    "after": "it stands in the braces of a race",
    "alongside": "it stands behind an event of a scope",
    "until": "it stands behind the block of a repeat, or behind `wait`",
    "every": "it stands behind the `until` of a repeat",
    "with": "it stands behind `repeat`",
    "where": "it stands behind the event of a wait, a race, a scope or the header",
}
ON_EVENT = "it stands in the header, in the braces of a race or behind the block of a scope"
LIKELY = {
    "if": "write `switch { case ... -> ... else -> ... }`",
    "elif": "write a further `case` of a switch",
    "match": "write `switch`",
    "select": "write `race` for events, `switch` for conditions",
    "when": "write `switch { case ... -> ... }`",
    "while": "write `repeat { ... } until ... at most 20`",
    "loop": "write `repeat { ... } until ... at most 20`",
    "foreach": "write `for each x in list { ... }`",
    "each": "write `for each x in list { ... }`",
    "break": "a repeat ends when its `until` holds",
    "sleep": "write `wait 5m`",
    "delay": "write `wait 5m`",
    "await": "write `wait for event`",
    "try": "write `scope name { ... } catch Error as e -> ...`",
    "throw": "write `fail`",
    "raise": "write `fail`",
    "call": "write `step name = service.operation(...)`",
    "invoke": "write `step name = service.operation(...)`",
    "run": "write `step name = service.operation(...)`",
    "do": "write `sequence { ... }`",
    "var": "write `let`",
    "const": "write `let`",
    "set": "write `let`",
    "parallel": "write `fork { ... } join all`",
    "publish": "write `emit`",
    "send": "write `emit`",
    "listen": "write `wait for event`",
    "import": "write `use contracts` at the begin of the file",
}
"""Words of other languages, and what is written here."""

ALTERNATIVES = {
    "on": 'write `on event "type" -> ...`',
    "event": 'write `on event "type" -> ...`',
    "wait": 'write `on event "type" -> ...`',
    "case": 'write `on event "type" -> ...`',
    "else": "write `after 3d -> ...`",
    "within": "write `after 3d -> ...`",
    "timeout": "write `after 3d -> ...`",
}
"""What is written in a race for words that belong elsewhere."""

NEEDED = {
    "orchestrate": "it names the service that conducts the block: `orchestrate at service { ... }`",
    "scope": "a scope has a name: `scope payment { ... }`",
    "compensate": "a scope is undone by a block: `compensate { ... }`",
}
"""What stands behind these words."""
