"""The meaning of a flow, big-step: `denote(flow, input, oracle)` is the outcome that every run must have.

This is the specification. Both machines are held against it, never only against each other. It is a recursive function
over the kernel: a block takes the values and the calls before it and is either ok (with what it defined, the calls it
ends with, and a function that undoes it), gone (with a reason, and nothing left behind), or parked (it waits, or an
operator has to decide). Nothing in it knows of messages, services or time; whatever timing decided is in the oracle, and
an oracle that no run could have is refused.

Why undo is a function and not a second walk: a block can only be undone by what it really did, and the closure made on
the way holds just that. So undo is the mirror of do by construction: a sequence calls its parts' functions in reverse, a
fork calls those of all branches from one point, a switch has only that of the arm it took.

In the order in which one reads: `ends` (how a block ends), `around` (what verdicts above a block allow), `leaves`,
`blocks` and `scopes` (the nodes), `meaning` (which node means what, and what a whole run comes to).
"""

from flowlang.denote.around import IllegalOracle
from flowlang.denote.meaning import denote

__all__ = ["denote", "IllegalOracle"]
