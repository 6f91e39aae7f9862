"""The oracle of a run: everything that depended on timing or on the outside, read from the cells that decided it.

Two runs of one flow with the same input and the same oracle have the same outcome; `denote` says which.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flowlang.event import External, Reason, Result


@dataclass(slots=True)
class Oracle:
    """Facts by path. A step that was started but has no result yet is in `pending`.

    `results`: the results of a step's forward call, one for each key. `undone`: how its compensation ended (`ok`,
    `skipped` or `done` by an operator, `stuck`, `pending`), with `undo_results` the last result of the call.
    `turned`: steps and races that turned round before they did anything, and why. `races`: the event that won, "timer" or
    "armed". `decisions`: the arm of each switch. `cancelled`: whether the run's verdict is cancelled.
    """

    results: dict[str, tuple[Result, ...]] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    pending: set[str] = field(default_factory=set)
    undone: dict[str, str] = field(default_factory=dict)
    undo_results: dict[str, str] = field(default_factory=dict)
    turned: dict[str, Reason] = field(default_factory=dict)
    races: dict[str, External | str] = field(default_factory=dict)
    decisions: dict[str, int] = field(default_factory=dict)
    cancelled: bool = False
