"""Random flows over the whole language: both modes are played under the same choices, and every figure can be made of them."""

from __future__ import annotations

import pytest

from flowlang import ir
from flowlang.changes import Version, changes
from flowlang.choreograph import program
from flowlang.choreograph.projection import project
from flowlang.choreograph.seen import seen
from flowlang.compare.play import forms, play
from flowlang.compare.rates import Rates
from flowlang.diagram import draw
from flowlang.diagram.dot import to_dot
from flowlang.diagram.services import draw_services
from flowlang.owners import owners
from flowlang.verify.agree import kernel
from flowlang.verify.choices import Choices
from flowlang.verify.generate import flow
from tests.modes.generated import contracts

SEEDS = range(40)


def generated(seed: int) -> ir.Flow:
    return kernel(flow(Choices(seed)), contracts())


@pytest.mark.parametrize("seed", SEEDS)
def test_both_modes_make_the_same_calls_under_the_same_choices(seed: int) -> None:
    made = generated(seed)
    programs = {service: program.load(table) for service, table in project(made, "h").items()}

    def first(path: str, count: int) -> int:
        return 0

    make = forms(made, programs, Rates())
    central, services = (play(made, make(mode, first), first) for mode in ("orchestrate", "choreograph"))
    assert central.status == services.status != ""
    assert len(central.deliveries) >= 2 * len(central.calls)
    if not any(isinstance(node, ir.Fork) and node.join != "all" for node in ir.walk(made.body)):
        assert sorted(call.path for call in central.calls) == sorted(call.path for call in services.calls)
    assert {one.source for one in services.deliveries} <= set(programs)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_flow_is_drawn_and_has_no_changes_from_itself(seed: int) -> None:
    made = generated(seed)
    tables = project(made, "h")
    picture, services = draw(made), draw_services(made, tables)
    known = {node.path.partition(":")[0] for node in ir.walk(made.body) if not isinstance(node, ir.Sequence)}
    shown = {node.id for node in picture.nodes[1:]} | {scope.id for scope in picture.scopes}
    assert {id for id in shown if ":" not in id} <= known
    assert {node.path for node in ir.walk(made.body) if isinstance(node, ir.Step)} <= shown
    assert to_dot(picture).count(" -> ") >= len(picture.edges)
    assert {f"@{service}" for service in tables} <= {node.id for node in services.nodes}
    assert {sight.service for sight in seen(made, tables)} <= set(tables)
    version = Version(made, "h", tables, {path: owner.service for path, owner in owners(made).items()})
    assert changes(version, version) == ()
