"""The figures of a comparison are those of a run: the same flow is played here with real data, and its messages counted."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from flowlang import event, ir
from flowlang.choreograph import program
from flowlang.choreograph.projection import project
from flowlang.compare.play import Played, forms, play
from flowlang.compare.rates import Rates
from flowlang.compare.weigh import Figures, weigh
from flowlang.verify.schedule import Choreographed, Mode, Odds, Orchestrated, Prepared, Schedule, prepare
from tests.compare.checkout import checkout
from tests.modes.play import Player, failing, flow


@dataclass
class Counted:
    """The effects of a run."""

    calls: int = 0
    sends: int = 0
    published: int = 0
    status: str = ""


def counting(mode: Mode) -> tuple[Mode, Counted]:
    """`mode`, and what its machines asked for so far; that the run is over is no part of the flow."""
    counted, advance, ids = Counted(), mode.advance, set[str]()

    def counting_advance(role: str, input: event.Input) -> list[event.Effect]:
        effects = advance(role, input)
        for effect in effects:
            match effect:
                case event.Invoke():
                    counted.calls += 1
                case event.Send() if not effect.message.name.endswith("f.closed"):
                    counted.sends += 1
                    ids.add(effect.message.id)
                case event.Finish():
                    counted.status = effect.status
                case _:
                    pass
        counted.published = len(ids)
        return effects

    mode.advance = counting_advance  # type: ignore[method-assign]
    return mode, counted


def measured(
    made: ir.Flow, mode_of: type[Orchestrated] | type[Choreographed], fail: str, told: bool, fires: bool
) -> Counted:
    """One run with real data, in which the step `fail` fails, an event comes when it is waited for, or a timer ends."""
    ready: Prepared = prepare(made)
    mode, counted = counting(mode_of(ready))
    schedule = Schedule(ready, mode, random.Random(0), {"id": "o-1", "n": 1}, [], Odds(0, 0, 0, 0, 0, 0, 0, 0))
    player = Player(schedule, {fail: failing()} if fail else {}, set())
    schedule.feed(mode.owner, event.Start(schedule.at, (("id", "o-1"), ("n", 1))))
    player.go()
    if told:
        player.send("b.told", "e-1", id="o-1", n=1)
    while fires and schedule.timers:
        schedule.fire()
        player.go()
    player.outcome()
    return counted


def computed(made: ir.Flow, mode: str, rates: Rates, fail: str) -> Played:
    programs = {service: program.load(table) for service, table in project(made, ir.hash_of(made)).items()}

    def choose(path: str, count: int) -> int:
        ways = rates.ways(path, count)
        return ways.index(max(ways))

    form = forms(made, programs, rates)(mode, choose)
    return play(made, form, choose, (f"f/{fail}", "No") if fail else None)


ROW = """
step x = a.act(id: id) { compensate a.undo(id: id) }
step y = b.act(id: id) { compensate b.undo(id: id) }
step z = c.act(id: id, n: n) { compensate c.undo(id: id) }
"""
FORK = """
step x = a.act(id: id) { compensate a.undo(id: id) }
fork {
  step y = b.act(id: id) { compensate b.undo(id: id) }
  sequence {
    step v = c.act(id: id) { compensate c.undo(id: id) }
    step w = d.act(id: id) { compensate d.undo(id: id) }
  }
} join all
step z = d.act(id: id, n: n) { compensate d.undo(id: id) }
"""
SWITCH = """
step x = a.act(id: id) { compensate a.undo(id: id) }
switch {
  case n > 1 -> step y = b.act(id: id) { compensate b.undo(id: id) }
  else -> step v = c.act(id: id) { compensate c.undo(id: id) }
}
step z = d.act(id: id, n: n) { compensate d.undo(id: id) }
"""
WAIT = """
step x = a.act(id: id) { compensate a.undo(id: id) }
wait for event "b.told" as told where told.id == id within 3d else fail Late
step y = c.act(id: id) { compensate c.undo(id: id) }
step z = d.act(id: id, n: n) { compensate d.undo(id: id) }
"""
SCOPE = """
step x = a.act(id: id) { compensate a.undo(id: id) }
scope s {
  step y = b.act(id: id) { compensate b.undo(id: id) }
  step v = c.act(id: id) { compensate c.undo(id: id) }
} catch No -> step w = d.act(id: id) { compensate d.undo(id: id) }
step z = c.act(id: id, n: n) { compensate c.undo(id: id) }
"""
EACH = """
step x = a.act(id: id) { compensate a.undo(id: id) }
for each m in [1, 2, 3] { step y = b.act(id: id, n: m) { compensate b.undo(id: id) } }
step z = c.act(id: id, n: n) { compensate c.undo(id: id) }
"""
PARALLEL = EACH.replace("[1, 2, 3]", "[1, 2, 3] parallel 2")
REPEAT = """
step x = a.act(id: id) { compensate a.undo(id: id) }
repeat with k = 1 {
  step y = b.act(id: id, n: k) { compensate b.undo(id: id) }
  next k = k + 1
} until k > 2 every 1h at most 5
step z = c.act(id: id, n: n) { compensate c.undo(id: id) }
"""
ANY = """
step x = a.act(id: id) { compensate a.undo(id: id) }
fork {
  step y = b.act(id: id) { compensate b.undo(id: id) }
  step v = c.act(id: id) { compensate c.undo(id: id) }
} join any
step z = d.act(id: id, n: n) { compensate d.undo(id: id) }
"""
RETRY = """
step x = a.act(id: id) { compensate a.undo(id: id) }
scope s {
  step y = b.act(id: id) { compensate b.undo(id: id) }
  step v = c.act(id: id) { compensate c.undo(id: id) }
} retry 1 backoff 1s..1s on No
step z = d.act(id: id, n: n) { compensate d.undo(id: id) }
"""
CLAUSES = """
step x = a.act(id: id) { compensate a.undo(id: id) }
scope s {
  step y = b.act(id: id) { compensate b.undo(id: id) }
  step v = c.act(id: id) { compensate c.undo(id: id) }
} on event "b.told" as stop where stop.id == id -> {}
  compensate { step back = c.undo(id: id) }
step z = d.act(id: id, n: n) { compensate d.undo(id: id) }
"""
REGION = """
step x = a.act(id: id) { compensate a.undo(id: id) }
orchestrate at b {
  step y = b.act(id: id) { compensate b.undo(id: id) }
  step v = c.act(id: id) { compensate c.undo(id: id) }
}
step z = d.act(id: id, n: n) { compensate d.undo(id: id) }
"""
COMMIT = """
step x = a.act(id: id) { compensate a.undo(id: id) }
commit
step y = b.act(id: id)
step z = c.act(id: id, n: n)
"""
FLOWS = {
    "row": ROW,
    "fork": FORK,
    "switch": SWITCH,
    "wait": WAIT,
    "scope": SCOPE,
    "each": EACH,
    "parallel": PARALLEL,
    "repeat": REPEAT,
    "any": ANY,
    "retry": RETRY,
    "clauses": CLAUSES,
    "region": REGION,
    "commit": COMMIT,
}
PAUSING = ("repeat", "retry")
RATES = Rates(branches={"switch1": (0.0, 1.0), "told": (1.0, 0.0)})
FAILING = {  # the calls that are made to fail, by path
    "row": "x y z",
    "fork": "x y v w z",
    "switch": "x v z",
    "wait": "x y z",
    "scope": "x y v z",
    "each": "x m[0]/y m[2]/y z",
    "parallel": "x m[0]/y z",
    "repeat": "x repeat1[0]/y repeat1[1]/y z",
    "any": "x y v z",
    "retry": "x y v z",
    "clauses": "x y v z",
    "region": "x y v z",
    "commit": "x",
}
CASES = [(name, fail) for name in FLOWS for fail in ("", *FAILING[name].split())]


@pytest.mark.parametrize("name, fail", CASES, ids=[f"{name}-{fail or 'well'}" for name, fail in CASES])
def test_what_is_computed_is_what_a_run_does(name: str, fail: str) -> None:
    made = flow(FLOWS[name])
    told = name == "wait" and fail != "x"
    services = measured(made, Choreographed, fail, told, name in PAUSING)
    played = computed(made, "choreograph", RATES, fail)
    assert (played.status, len(played.deliveries)) == (services.status, services.sends)
    assert len({one.id for one in played.deliveries}) == services.published
    central = measured(made, Orchestrated, fail, told, name in PAUSING)
    played = computed(made, "orchestrate", RATES, fail)
    assert (played.status, len(played.deliveries)) == (central.status, 2 * central.calls)


ALIKE = Rates()


def figures(made: ir.Flow, mode: str, rates: Rates = ALIKE) -> Figures:
    programs = {service: program.load(table) for service, table in project(made, ir.hash_of(made)).items()}
    return weigh(made, forms(made, programs, rates), mode, rates)


def test_the_checkout_takes_5_deliveries_and_3_hops_against_12_and_10() -> None:
    services, central = figures(checkout(), "choreograph"), figures(checkout(), "orchestrate")
    assert (services.deliveries, services.hops) == (5, 3)
    assert (central.deliveries, central.hops) == (12, 10)
    assert (services.publications, central.publications) == (4, 12)
    assert (central.share, central.busiest) == (1, "the coordinator")


def test_a_mean_is_weighed_by_the_rates() -> None:
    made = flow(SWITCH.replace("c.act", "a.act").replace("c.undo", "a.undo"))

    def deliveries(*shares: float) -> float:
        return figures(made, "choreograph", Rates(branches={"switch1": shares}, default=0)).deliveries

    at_b, at_a = deliveries(1, 0), deliveries(0, 1)
    assert at_b > at_a
    assert deliveries(1, 3) == pytest.approx(at_b / 4 + at_a * 3 / 4)
    assert deliveries(1, 1) == pytest.approx((at_b + at_a) / 2)


def test_an_undone_run_is_the_mean_over_the_calls_that_may_fail() -> None:
    made = flow(ROW)
    each = [len(computed(made, "choreograph", Rates(), fail).deliveries) for fail in "xyz"]
    services = figures(made, "choreograph")
    assert services.undo_deliveries == pytest.approx(sum(each) / 3)
    assert services.undone == pytest.approx(0.03)
    only_z = figures(made, "choreograph", Rates(failures={"z": 0.5}, default=0))
    assert (only_z.undo_deliveries, only_z.undone) == (each[2], pytest.approx(0.5))


def test_bytes_are_those_of_the_data() -> None:
    made = flow(ROW)
    sent = computed(made, "choreograph", Rates(), "").deliveries
    assert figures(made, "choreograph").bytes == sum(one.bytes for one in sent) > 0
    quiet = flow("step x = a.read(id: id)\nstep y = a.read(id: id)")
    assert (figures(quiet, "choreograph").deliveries, figures(quiet, "choreograph").bytes) == (0, 0)
