"""The tree becomes the kernel: sugar ends here, and every block gets its path.

The tree has been checked, so what is not there can't be asked for. What is sugar, and for what:

    sequence { ... }              its statements
    branch N when e { ... }       a branch with one switch
    switch e { case a, b -> }     guards `e == a || e == b`; cases that cover an enum need no else, the last one is it
    wait for event, wait 5m       a race with one event, or with none
    yield e, next a = e           the value of a name that no user can write
    scope with several clauses    one node for each clause, one in the other
    step N = flow.other(...)      the other flow in its place, under names and paths that begin with the step's
    return e                      the value `return`, after which nothing follows: the rest of the flow moves into the one
                                  arm that goes on, or behind a switch on whether there is a `return` already

`paths` gives each statement its name within the flow, `ends` says where a flow ends early, `firm` what may fail after a
point of no return, `names` renames what an inlined flow reads; `statements` goes through a flow, `calls` and `scopes` are
the two kinds that take more than a few lines.
"""

from flowlang.lower.names import expression
from flowlang.lower.statements import lower
from flowlang.lower.whole import MOST_CALLS, MOST_NODES, TooLarge

__all__ = ["MOST_CALLS", "MOST_NODES", "TooLarge", "expression", "lower"]
