"""The oracle of a run: everything that depended on timing or on the outside, read from the cells that decided it.

Two runs of one flow with the same input and the same oracle have the same outcome; `denote` says which. All keys are
paths of instances (`order/line[3]/pack`, `order/fulfil#2/charge`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.event import External, Reason, Result


@dataclass(slots=True)
class Oracle:
    """Facts by path. A step that was started but has no result yet is in `pending`.

    `results`: the results of a step's forward call, one for each key (of a step in a compensation block: of that call).
    `stuck`: steps whose forward call waits for an operator. `skipped`: steps of a compensation block that an operator
    passed over. `undone`: how a step's compensation ended (`ok`, `skipped` or `done` by an operator, `stuck`, `pending`),
    with `undo_results` the last result of the call.

    `turned`: what turned round before it did anything, and why: steps, races, commits, children, the iteration before
    which a repeat paused (`order/repeat1[1]`), the attempt before which a retry backed off (`order/fulfil#2`).

    `races`: the event that won, "timer" or "armed". `decisions`: the arm of each switch. `winners`: of each fork that
    joins some, the winning branches in source order. `started`: of each parallel `for each` that was begun, how many
    items were started. `pauses`: where a repeat or retry is pausing now, the path of what comes next.

    `verdicts`: of each interrupting scope `closed`, `gone` or `interrupted`; of each child `closed`, `gone`, `cancelled`
    (its parent's hint) or `committed`; absent as long as it is open. `interrupts`: of a scope that was interrupted, the
    number of the alternative and its event, which is None for the time limit. `kids`: the events that alongside handlers
    accepted, with the number of the handler, in their order. `committed`: the commits that were passed. `cancelled`:
    whether the run's verdict is cancelled.
    """

    results: dict[str, tuple[Result, ...]] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    undone: dict[str, str] = field(default_factory=dict)
    undo_results: dict[str, str] = field(default_factory=dict)
    turned: dict[str, Reason] = field(default_factory=dict)
    races: dict[str, External | str] = field(default_factory=dict)
    decisions: dict[str, int] = field(default_factory=dict)
    winners: dict[str, tuple[int, ...]] = field(default_factory=dict)
    started: dict[str, int] = field(default_factory=dict)
    pauses: set[str] = field(default_factory=set)
    verdicts: dict[str, str] = field(default_factory=dict)
    interrupts: dict[str, tuple[int, External | None]] = field(default_factory=dict)
    kids: dict[str, tuple[tuple[int, External], ...]] = field(default_factory=dict)
    committed: set[str] = field(default_factory=set)
    cancelled: bool = False

    def used(self) -> list[str]:
        """The ids of the external events that the run consumed, each as often as it was."""
        raced = [event.id for event in self.races.values() if isinstance(event, External)]
        interrupting = [event.id for _, event in self.interrupts.values() if event is not None]
        return [*raced, *interrupting, *(event.id for kids in self.kids.values() for _, event in kids)]
