"""What the parser says about the form of a flow: FL01xx, and FL09xx where it is only a matter of style.

In the order of reading: the file, characters and literals, words and signs, blocks and clauses.
"""

from __future__ import annotations

from flowlang.diagnostic import Diagnostic


def _flow(*lines: str) -> str:
    """A flow whose body has these lines."""
    return "flow example(order: Order) {\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


# ---------------------------------------------------------------- the file


class NotText(Diagnostic):
    """Bytes that are not UTF-8."""

    code = "FL0101"
    message = "the file is not UTF-8 text: byte {byte} at offset {offset}"
    help = "save it as UTF-8"
    explanation = (
        "Flows are read as UTF-8 on every machine. This file holds a byte that can't occur there; usually it was saved in "
        "an older encoding, or it is no text at all."
    )

    byte: str
    offset: int


class BigFile(Diagnostic):
    """More text than a flow can have."""

    code = "FL0102"
    message = "the file has {size} bytes; a flow has at most {limit}"
    explanation = (
        "The limit keeps a wrong file, or a hostile one, from using up memory and time. A flow of that size is generated; "
        "call its parts as operations of services instead."
    )

    size: int
    limit: int


class EmptyFile(Diagnostic):
    """Nothing but blanks and comments."""

    code = "FL0103"
    message = "there is no flow in this file"
    label = "expected `flow name(...) {{ ... }}`"
    explanation = "A file holds exactly one flow. This one holds none: it is empty, or all of it is a comment."
    bad = "# order fulfilment\n"
    good = 'use contracts "contracts/*.yaml"\n\nflow example(order: Order) {\n  step place = orders.place(order)\n}\n'


class SecondFlow(Diagnostic):
    """Something after the end of the flow."""

    code = "FL0104"
    message = "a second flow in one file"
    label = "the first flow ended before this"
    help = "move it to a file of its own"
    explanation = (
        "One file holds one flow, so that a flow can be found by its file and changed without touching another."
    )
    bad = "flow one() {\n}\n\nflow two() {\n}\n"
    good = "flow one() {\n}\n"


class TooManyErrors(Diagnostic):
    """The limit of errors of one run."""

    code = "FL0105"
    message = "{limit} syntax errors; the rest of the file was not read"
    explanation = "After so many syntax errors the next ones say little. Repair the first ones and check again."

    limit: int


# ---------------------------------------------------------------- characters and literals


class HiddenCharacter(Diagnostic):
    """A control character, or one that turns the direction of the text."""

    code = "FL0106"
    message = "the character {code_point} can't stand in a flow"
    help = "delete it; in a string write it as an escape, `\\u{{...}}`"
    explanation = (
        "Control characters, and those that turn the direction of writing, can't be seen. A flow that holds one may not be "
        "what it looks like, so none may stand in it, not even in a comment."
    )
    bad = _flow('let name = "a\x07b"')
    good = _flow('let name = "a\\u0007b"')

    code_point: str


class OddCharacter(Diagnostic):
    """A character that begins nothing."""

    code = "FL0107"
    message = "`{character}` means nothing here"
    explanation = (
        "Outside of strings and comments a flow has names, numbers and the signs of the language. This character is none of "
        "them. Text processors are fond of replacing quotes and dashes by similar ones."
    )
    bad = _flow("step place = orders.place(order);")
    good = _flow("step place = orders.place(order)")

    character: str


class OddName(Diagnostic):
    """A name with letters outside of ASCII."""

    code = "FL0108"
    message = "`{name}` is not a name"
    label = "names have the letters A to Z and a to z, digits and `_`, and don't begin with a digit"
    explanation = (
        "Names become parts of paths, event types and columns in other people's systems, so they keep to the characters "
        "that all of these can bear. Strings and comments may hold any script."
    )
    bad = _flow("let größe = 1")
    good = _flow("let groesse = 1")

    name: str


class UnclosedString(Diagnostic):
    """A string that does not end on its line."""

    code = "FL0109"
    message = "this string never ends"
    label = "no closing quote on this line"
    help = "close it with the quote that it begins with; a line break inside is written `\\n`"
    explanation = (
        "A string ends on the line on which it begins, with the quote with which it begins, so that a forgotten quote "
        "spoils one line and not the rest of the file."
    )
    bad = _flow('let greeting = "hello')
    good = _flow('let greeting = "hello"')


class UnknownEscape(Diagnostic):
    """A backslash before a character that it does not go with."""

    code = "FL0110"
    message = "`{escape}` is not an escape"
    label = "known: \\\" \\' \\\\ \\n \\t \\r \\uXXXX \\u{{X...}}"
    help = "for a backslash itself write `\\\\`"
    explanation = "In a string a backslash begins an escape. This one is none of those that the language has."
    bad = _flow('let path = "C:\\place"')
    good = _flow('let path = "C:\\\\place"')

    escape: str


class NoCharacter(Diagnostic):
    """An escape for a code point that is no character."""

    code = "FL0111"
    message = "{code_point} is no character"
    note = "U+D800 to U+DFFF are halves of pairs, and nothing is above U+10FFFF"
    explanation = (
        "Half of a surrogate pair can't be written as UTF-8, so it can't be stored or sent. Write the whole character: "
        "itself, or with its own code point in `\\u{{...}}`."
    )
    bad = _flow('let smile = "\\ud83d\\ude00"')
    good = _flow('let smile = "\\u{1F600}"')

    code_point: str


class OddNumber(Diagnostic):
    """Digits with something that no number has."""

    code = "FL0112"
    message = "`{text}` is not a number"
    label = "numbers are written `12`, `1.5` or `1e6`"
    explanation = "A number has digits before its point and behind it, and a name does not begin with a digit."
    bad = _flow("let rate = 1.")
    good = _flow("let rate = 1.0")

    text: str


class UnknownUnit(Diagnostic):
    """A duration with a unit that does not exist."""

    code = "FL0113"
    message = "`{unit}` is not a unit of time here"
    label = "durations are whole numbers of `ms s m h d w`"
    explanation = (
        "A duration is a whole number with one unit directly behind it: ms, s (seconds), m (minutes), h, d (days of 24 "
        "hours) or w. For half an hour write `30m`."
    )
    bad = _flow("step place = orders.place(order) { timeout 10sec }")
    good = _flow("step place = orders.place(order) { timeout 10s }")

    unit: str


class NoUnit(Diagnostic):
    """A number where a duration is needed."""

    code = "FL0114"
    message = "`{number}` has no unit"
    label = "a duration is written `{number}s`, with one of `ms s m h d w`"
    explanation = (
        "A bare number says nothing about seconds or days, and a wrong guess is expensive. Every duration has a unit."
    )
    bad = _flow("step place = orders.place(order) { timeout 10 }")
    good = _flow("step place = orders.place(order) { timeout 10s }")

    number: str


class BigNumber(Diagnostic):
    """A whole number of more than 64 bits."""

    code = "FL0115"
    message = "this number is too large"
    label = "whole numbers go up to 9223372036854775807"
    help = "write it as a decimal (`.0` behind it), or as a string if it is an identifier"
    explanation = (
        "Whole numbers have 64 bits, as in the systems that flows connect. A larger one would not arrive there as it was "
        "written."
    )
    bad = _flow("let count = 9223372036854775808")
    good = _flow("let count = 9223372036854775807")

    digits: int


class LongDecimal(Diagnostic):
    """A decimal of more than 34 digits."""

    code = "FL0116"
    message = "this decimal has {digits} digits; 34 can be kept"
    explanation = (
        "Decimals are exact to 34 digits. A longer one would have to be rounded where it is written, so that the flow would "
        "not say what it means."
    )
    bad = _flow("let pi = 3.14159265358979323846264338327950288")
    good = _flow("let pi = 3.141592653589793238462643383279503")

    digits: int


class DecimalRange(Diagnostic):
    """A decimal beyond the range of JSON numbers."""

    code = "FL0117"
    message = "this decimal is out of range"
    label = "decimals lie between 1e-324 and 1e309"
    explanation = (
        "Other systems read numbers as binary floating point. A decimal outside of its range would arrive there as infinity "
        "or as zero."
    )
    bad = _flow("let huge = 1e999")
    good = _flow("let huge = 1e99")


class LongDuration(Diagnostic):
    """A duration of more than ten thousand years."""

    code = "FL0118"
    message = "this duration is longer than ten thousand years"
    explanation = "No wait takes that long, and the point in time at which it would end can't be written."
    bad = _flow('wait for event "order.paid" within 999999w else fail Late')
    good = _flow('wait for event "order.paid" within 52w else fail Late')


# ---------------------------------------------------------------- words and signs


class Unexpected(Diagnostic):
    """Something that can't stand where it stands: the general case."""

    code = "FL0121"
    message = "expected {expected}, found {found}"
    explanation = (
        "Reading from the left, the parser knows what can follow at each place. What it found at this one is nothing of "
        "that. Reading goes on at the next statement keyword that is first on its line."
    )
    bad = _flow("let total = order.total + * 2")
    good = _flow("let total = order.total + 1")

    expected: str
    found: str


class Missing(Diagnostic):
    """One sign is missing between two things that are right."""

    code = "FL0122"
    message = "`{sign}` is missing after {after}"
    explanation = "Everything around this place is right, and with this sign between them the flow can be read."
    bad = _flow("step place orders.place(order)")
    good = _flow("step place = orders.place(order)")

    sign: str
    after: str


class Unclosed(Diagnostic):
    """A bracket that is never closed."""

    code = "FL0123"
    message = "this `{bracket}` is never closed"
    help = "add `{closing}` where it should end"
    explanation = (
        "The file ends inside of this bracket. If it looks closed, a bracket further inside is probably open and has taken "
        "the closing one; `flowlang fmt` shows by the indentation what belongs together."
    )
    bad = "flow example() {\n  sequence {\n}\n"
    good = "flow example() {\n  sequence {\n  }\n}\n"

    bracket: str
    closing: str


class Unopened(Diagnostic):
    """A closing bracket with nothing to close."""

    code = "FL0124"
    message = "this `{bracket}` closes nothing"
    explanation = "There is no open bracket of this kind here. It is one too many, or the opening one was forgotten."
    bad = _flow("let total = (order.total + 1))")
    good = _flow("let total = (order.total + 1)")

    bracket: str


class Reserved(Diagnostic):
    """A reserved word as a name."""

    code = "FL0125"
    message = "`{word}` is a reserved word and can't be a name"
    help = "choose another name, such as `{word}_`"
    explanation = (
        "Words that begin a statement or a clause can't be declared as names, so that every statement can be found by its "
        "first word. After a dot, before a colon, and as services and operations all words can be used."
    )
    bad = _flow("step switch = orders.place(order)")
    good = _flow("step switched = orders.place(order)")

    word: str


class UnknownStatement(Diagnostic):
    """A word that begins no statement."""

    code = "FL0126"
    message = "`{word}` begins no statement"
    note = "statements begin with {known}"
    explanation = (
        "Every statement starts with one of the words of the language. This is none of them: it is misspelt, or it comes "
        "from another language, or something before it made the statement end too early."
    )
    bad = _flow("stepp place = orders.place(order)")
    good = _flow("step place = orders.place(order)")

    word: str
    known: str


class SingleEquals(Diagnostic):
    """`=` in an expression."""

    code = "FL0128"
    message = "`=` names a value; `==` compares"
    label = "write `==`"
    explanation = "In an expression two values are compared with `==`. A single `=` stands only behind the name of a `step` or `let`."
    bad = _flow("let paid = order.total = 0")
    good = _flow("let paid = order.total == 0")


class DoubleEquals(Diagnostic):
    """`==` behind the name of a step or let."""

    code = "FL0129"
    message = "`==` compares; `=` names a value"
    label = "write `=`"
    explanation = "Behind the name of a `step` or `let` stands a single `=`."
    bad = _flow("let total == order.total")
    good = _flow("let total = order.total")


class WordOperator(Diagnostic):
    """`and`, `or`, `not` for `&&`, `||`, `!`."""

    code = "FL0130"
    message = "`{word}` is not an operator"
    label = "write `{operator}`"
    explanation = "Operators are signs: `&&` and `||` combine conditions and `!` turns one round."
    bad = _flow("let big = order.total > 10 and order.total < 20")
    good = _flow("let big = order.total > 10 && order.total < 20")

    word: str
    operator: str


class NeedsQuotes(Diagnostic):
    """A word where a string is needed."""

    code = "FL0131"
    message = "{what} is written in quotes"
    label = 'write `"{text}"`'
    explanation = "Event types, file patterns and labels are strings, since they may hold dots, dashes and slashes."
    bad = _flow("emit order.done")
    good = _flow('emit "order.done"')

    what: str
    text: str


class Unfinished(Diagnostic):
    """A line that ends where something has to follow."""

    code = "FL0132"
    message = "nothing follows this `{sign}`"
    label = "the next line begins another statement"
    explanation = (
        "The line ends with a sign or a word behind which something has to stand, and the next line begins with the keyword "
        "of another statement."
    )
    bad = _flow("let total = order.total +", "return total")
    good = _flow("let total = order.total + 1", "return total")

    sign: str


# ---------------------------------------------------------------- blocks and clauses


class NoJoin(Diagnostic):
    """A fork without `join`."""

    code = "FL0141"
    message = "this fork has no `join`"
    label = "write `join all` behind this brace"
    explanation = (
        "`join` says how the branches of a fork come together again: with `join all` the flow goes on when every branch is "
        "done, with `join any` or `join 2` when the first or the second is, and with `join all or cancel` a branch that "
        "fails turns the others back. It is always written, since these mean something quite different."
    )
    bad = _flow("fork {", "  step a = orders.place(order)", "  step b = risk.review(order)", "}", "return order")
    good = _flow(
        "fork {", "  step a = orders.place(order)", "  step b = risk.review(order)", "} join all", "return order"
    )


class EmptyFork(Diagnostic):
    """A fork without branches."""

    code = "FL0142"
    message = "this fork has no branches"
    help = "put at least one statement or `branch` into it, or delete it"
    explanation = "A fork runs what stands in it concurrently. With nothing in it there is nothing to run or to join."
    bad = _flow("fork {} join all")
    good = _flow("fork {", "  step a = orders.place(order)", "} join all")


class SeveralGuards(Diagnostic):
    """Several values in a case of a switch that compares nothing."""

    code = "FL0143"
    message = "this case has several conditions"
    label = "join them with `||`"
    explanation = (
        "A case lists several values where the switch has a subject that is compared with each of them. Without a subject a "
        "case has one condition."
    )
    bad = _flow("switch {", '  case order.a, order.b -> return "x"', "  else -> {}", "}")
    good = _flow("switch {", '  case order.a || order.b -> return "x"', "  else -> {}", "}")


class RepeatedClause(Diagnostic):
    """A clause or header line that is there twice."""

    code = "FL0144"
    message = "`{clause}` is said twice"
    label = "this one is ignored"
    explanation = "A clause stands once in its statement, and a line once in the header. Which of the two was meant can't be told."
    bad = _flow("step place = orders.place(order) {", "  timeout 1s", "  timeout 2s", "}")
    good = _flow("step place = orders.place(order) { timeout 2s }")

    clause: str


class RepeatedKey(Diagnostic):
    """A key that is twice in one map, or an argument that is given twice."""

    code = "FL0145"
    message = "`{key}` is given twice"
    label = "this one is ignored"
    explanation = "A map has each key once, and a call each argument. Which of the two was meant can't be told."
    bad = _flow("return { id: order.id, id: order.key }")
    good = _flow("return { id: order.id, key: order.key }")

    key: str


class LateHeader(Diagnostic):
    """A header line after the first statement."""

    code = "FL0146"
    message = "`{word}` stands before the first statement"
    help = "move the line up, to the begin of the flow"
    explanation = (
        "`version`, `key`, `owner` and `on event` are about the whole flow and stand at its begin, in any order."
    )
    bad = _flow("step place = orders.place(order)", "key order.id")
    good = _flow("key order.id", "step place = orders.place(order)")

    word: str


class LooseClause(Diagnostic):
    """A clause outside of the statement that it belongs to."""

    code = "FL0147"
    message = "`{word}` does not begin a statement"
    label = "{belongs}"
    explanation = (
        "Clauses belong to a statement and stand inside of it or directly behind it: those of a step in braces after its "
        "call, a `catch` behind the block of a scope, a `case` and its `else` in a switch, an `after` in a race."
    )
    bad = _flow("step place = orders.place(order)", "timeout 10s")
    good = _flow("step place = orders.place(order) { timeout 10s }")

    word: str
    belongs: str


class EarlyEnd(Diagnostic):
    """A brace that ends the flow too early."""

    code = "FL0148"
    message = "this `}}` ends the flow, and {found} follows"
    help = "delete it, or open the block that it should end"
    explanation = (
        "The brace closes the flow itself, since every block before it is closed already. What follows was probably meant "
        "to be a part of the flow."
    )
    bad = "flow example(order: Order) {\n  sequence {\n  } }\n  return order\n}\n"
    good = "flow example(order: Order) {\n  sequence {\n  }\n  return order\n}\n"

    found: str


class EmptySwitch(Diagnostic):
    """A switch without cases."""

    code = "FL0149"
    message = "this switch has no cases"
    help = "put at least one `case ... -> ...` into its braces, or delete it"
    explanation = (
        "A switch takes the first of its cases that holds. With no case in it there is nothing to choose from."
    )
    bad = _flow("switch { }", "return order")
    good = _flow("switch {", "  case order.paid -> {}", "  else -> fail Unpaid", "}", "return order")


class EarlyElse(Diagnostic):
    """An `else` that is not behind the cases of its switch."""

    code = "FL0150"
    message = "`else` comes last in a switch, behind its cases"
    help = "move it behind the last `case`"
    explanation = (
        "The cases of a switch are tried in their order, and `else` is taken when none of them holds. It is written where it "
        "is tried: last, behind one case at least."
    )
    bad = _flow("switch {", "  else -> fail Unpaid", "  case order.paid -> {}", "}")
    good = _flow("switch {", "  case order.paid -> {}", "  else -> fail Unpaid", "}")


class EmptyRace(Diagnostic):
    """A race that waits for no event."""

    code = "FL0153"
    message = "this race has no `on event`"
    help = 'put at least one `on event "type" -> ...` into its braces; a time alone is `wait 5m`'
    explanation = (
        "A race goes on with the first of its events that comes. Without an event there is nothing to choose from: what "
        "only waits for a time is `wait`."
    )
    bad = _flow("race {", "  after 3d -> fail Late", "}")
    good = _flow("race {", '  on event "order.paid" -> {}', "  after 3d -> fail Late", "}")


class SecondLimit(Diagnostic):
    """A race with more than one of `after` and `forever`."""

    code = "FL0154"
    message = "a race has one limit, and this one has two"
    label = "this one is ignored"
    explanation = (
        "A race waits either for one stretch of time, and `after` says what happens then, or `forever`. The shorter of two "
        "times would always be first, and a race with a limit does not wait forever."
    )
    bad = _flow("race {", '  on event "order.paid" -> {}', "  after 3d -> fail Late", "  forever", "}")
    good = _flow("race {", '  on event "order.paid" -> {}', "  after 3d -> fail Late", "}")


class NoneAtAll(Diagnostic):
    """A count of 0 where that means nothing."""

    code = "FL0155"
    message = "`{clause}` counts from 1"
    label = "with 0 nothing would be done"
    explanation = (
        "The number says how often a `repeat` runs at most, how many items of a `for each` are on their way at a time, or "
        "how many branches of a fork have to succeed. None at all is never meant."
    )
    bad = _flow("repeat {", "  step place = orders.place(order)", "} until place.ok at most 0")
    good = _flow("repeat {", "  step place = orders.place(order)", "} until place.ok at most 3")

    clause: str


class NoUntil(Diagnostic):
    """A repeat without a condition."""

    code = "FL0156"
    message = "this repeat has no `until`"
    label = "write `until ... at most 20` behind this brace"
    explanation = (
        "A repeat does its block, then asks whether the condition behind `until` holds, and does the block again when it "
        "does not. The condition is always written, and so is the number behind `at most`."
    )
    bad = _flow("repeat {", "  step place = orders.place(order)", "}", "return order")
    good = _flow("repeat {", "  step place = orders.place(order)", "} until place.ok at most 3", "return order")


class NoBound(Diagnostic):
    """A repeat without `at most`."""

    code = "FL0157"
    message = "this repeat has no bound"
    label = "write `at most 20` here"
    explanation = (
        "A condition that never comes true would make a flow go round for ever, so every repeat says how often it is done "
        "at most. What happens then stands behind `else`; without it the repeat fails with `LimitReached`."
    )
    bad = _flow("repeat {", "  step place = orders.place(order)", "} until place.ok", "return order")
    good = _flow("repeat {", "  step place = orders.place(order)", "} until place.ok at most 3", "return order")


class NeedsBraces(Diagnostic):
    """A block statement behind an arrow or an `else`."""

    code = "FL0158"
    message = "`{word}` stands in braces here"
    label = "write `{{ {word} ... }}`"
    explanation = (
        "Behind `->` and `else` stands a block in braces or one simple statement, such as a step. A statement that has "
        "blocks or clauses of its own is put into braces, so that it is plain which statement a clause or an `else` behind "
        "it belongs to."
    )
    bad = _flow("switch {", "  case order.paid -> sequence {", '    emit "order.done"', "  }", "  else -> {}", "}")
    good = _flow(
        "switch {",
        "  case order.paid -> {",
        "    sequence {",
        '      emit "order.done"',
        "    }",
        "  }",
        "  else -> {}",
        "}",
    )

    word: str


# ---------------------------------------------------------------- limits


class DeepNesting(Diagnostic):
    """Brackets deeper than we read."""

    code = "FL0151"
    message = "brackets are nested more than {limit} deep"
    label = "this one is too deep"
    explanation = (
        "No one can read a flow that is nested so deeply, and the limit keeps a hostile one from breaking the tool. Name "
        "inner values with `let`, and make blocks flat."
    )

    limit: int


class DeepExpression(Diagnostic):
    """An expression of too many operators in each other."""

    code = "FL0152"
    message = "this expression is more than {limit} operators deep"
    help = "name parts of it with `let`; many values are added with `sum([...])`"
    explanation = (
        "A chain of operators is evaluated one inside the other, so a long chain is a deep tree. The limit is far above what "
        "people write, and keeps a generated or hostile expression from breaking the tool."
    )

    limit: int


# ---------------------------------------------------------------- style


class LooseDoc(Diagnostic):
    """A `##` line that documents nothing."""

    code = "FL0901"
    severity = "warning"
    message = "this documentation belongs to nothing"
    help = "put it directly before a flow, statement, branch, case, catch or event, or begin it with a single `#`"
    explanation = (
        "`##` documents what follows it: the flow, a statement, a branch, a case, a catch, or what an event or an `after` "
        "leads to. Nothing of that follows here, so this text would reach neither the drawing nor the documents."
    )
    bad = _flow("step place = orders.place(order) {", "  ## enough for the slowest shop", "  timeout 10s", "}")
    good = _flow("## enough time for the slowest shop", "step place = orders.place(order) { timeout 10s }")
