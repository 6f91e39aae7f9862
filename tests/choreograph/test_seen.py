"""Which service sees which field, and uses it: read from tables and schemas that are written here by hand."""

from __future__ import annotations

from typing import Any

from flowlang import ir
from flowlang.choreograph.data import data_data, data_text
from flowlang.choreograph.seen import fields_of, reads_of, seen, unused
from flowlang.declared import EventType, Operation, Schema
from flowlang.event import Policy
from flowlang.expression.tree import Entry, Expr, Expression, MapOf, Method, Ref, Select
from flowlang.source import Source, Span
from flowlang.table import Holding, LetRow, Row, RunRow, StepRow, Table, Wire

SPAN = Span(Source("here.flow", ""), 0, 0)
TEXT: Schema = {"type": "string"}
SECRET: Schema = {"type": "string", "x-pii": True}
PERSON: Schema = {
    "$ref": "#/$defs/Person",
    "$defs": {
        "Person": {
            "type": "object",
            "properties": {"id": TEXT, "name": {"$ref": "#/$defs/Name"}, "phones": {"type": "array", "items": SECRET}},
        },
        "Name": {"type": "object", "x-pii": True, "properties": {"first": TEXT, "last": TEXT}},
    },
}


def path(text: str) -> Expr:
    """`person.name.first` as a tree."""
    name, *rest = text.split(".")
    tree: Expr = Ref(name, SPAN)
    for part in rest:
        tree = Select(tree, part, False, SPAN, SPAN)
    return tree


def record(**entries: str) -> Expression:
    made = MapOf(tuple(Entry(key, path(text), SPAN) for key, text in entries.items()), SPAN)
    return Expression("{...}", made)


def expression(text: str) -> Expression:
    return Expression(text, path(text))


def operation(name: str, output: Schema | None = None) -> Operation:
    service, _, short = name.partition(".")
    return Operation(service, short, {}, output or {}, (), True, False)


def step(name: str, called: str, input: Expression, output: Schema | None = None) -> ir.Step:
    return ir.Step(f"f/{name}", name, operation(called, output), input, Policy(), None, True)


def row(node: ir.Step, to: tuple[str, ...], carry: tuple[str, ...]) -> StepRow:
    wire = Wire("", ())
    return StepRow(
        path=node.path,
        start=(),
        undo=(),
        name=node.name,
        operation=node.operation,
        input=node.input,
        policy=node.policy,
        compensate=None,
        ok=Wire(f"{node.path}.ok", to, carry),
        gone=wire,
        stuck=wire,
        unstuck=wire,
    )


def table(service: str, *rows: Row, keeps: tuple[str, ...] = ()) -> Table:
    holds = (Holding("f/x.ok", keeps),) if keeps else ()
    return Table(service=service, flow="f", hash="0" * 20, owner="desk", rows=rows, holds=holds, closed="f.closed")


def flow(*items: ir.Node) -> ir.Flow:
    return ir.Flow("f", "desk", (ir.Param("person", PERSON, True),), None, None, None, ir.Sequence(items))


def welcome() -> tuple[ir.Flow, dict[str, Table]]:
    """The person goes from the desk to the bank, which reads the id, and on to the post, which reads the first name."""
    look = step("look", "bank.look", record(id="person.id"), {"type": "object", "properties": {"score": TEXT}})
    send = step("send", "post.send", record(to="person.name.first"))
    made = flow(look, send)
    wire = Wire("f.start", ("bank",), ("person",))
    quiet = Wire("f.closed", ("desk",))
    run = RunRow(path="f", start=wire, ok=(), gone=(), stuck=(), unstuck=(), undo=quiet, hint=quiet, closed=quiet)
    tables = {
        "desk": table("desk", run),
        "bank": table("bank", row(look, ("post",), ("person",)), keeps=("person",)),
        "post": table("post", row(send, ("desk",), ())),
    }
    return made, tables


def of(service: str, *, used: bool) -> set[str]:
    made, tables = welcome()
    return {str(one.field) for one in seen(made, tables) if one.service == service and one.used == used}


def test_fields_come_from_the_schemas_through_references_and_lists() -> None:
    made, _ = welcome()
    fields = {str(field): field.personal for field in fields_of(made)["person"]}
    assert fields == {"person.id": False, "person.name.first": True, "person.name.last": True, "person.phones[]": True}


def test_a_service_uses_what_it_makes_and_reads() -> None:
    assert of("bank", used=True) == {"person.id", "look.score"}
    assert of("bank", used=False) == {"person.name.first", "person.name.last", "person.phones[]"}
    assert of("post", used=True) == {"person.name.first", "send"}
    assert of("desk", used=False) == {"person.id", "person.name.first", "person.name.last", "person.phones[]"}


def test_what_never_reaches_a_service_is_not_seen_there() -> None:
    made, tables = welcome()
    assert not [one for one in seen(made, tables) if one.service == "post" and one.field.value == "look"]


def test_what_is_held_is_kept() -> None:
    made, tables = welcome()
    kept = {(one.service, one.field.value) for one in seen(made, tables) if one.kept}
    assert kept == {("bank", "person")}


def test_whoever_reads_a_whole_value_uses_all_of_it() -> None:
    made, tables = welcome()
    told = LetRow(
        path="f/x",
        start=(),
        name="x",
        value=expression("person"),
        schema=None,
        ok=Wire("f/x.ok", ()),
        gone=Wire("f/x.gone", ()),
    )
    tables["desk"] = table("desk", *tables["desk"].rows, told)
    assert not [one for one in unused(seen(made, tables)) if one.service == "desk"]


def test_a_macro_on_a_list_reads_the_list() -> None:
    each = Method(path("person.phones"), "exists", (Ref("p", SPAN), Ref("p", SPAN)), SPAN, SPAN)
    assert reads_of([Expression("", each)]) == {"person": {("phones",)}}


def test_a_value_that_is_made_of_personal_data_is_personal() -> None:
    lets = [
        ir.Let("f/who", "who", expression("person.name.last"), None),
        ir.Let("f/both", "both", record(a="person.id", b="who"), None),
        ir.Let("f/number", "number", expression("person.id"), None),
    ]
    found = fields_of(flow(*lets))
    assert {name: found[name][0].personal for name in ("who", "both", "number")} == {
        "who": True,
        "both": True,
        "number": False,
    }


def test_the_item_of_a_list_is_what_the_list_is_made_of() -> None:
    body = ir.Sequence((ir.Let("f/phone[]/yield1", "phone.yield", expression("phone"), None),))
    each = ir.Each("f/phone", "phone", expression("person.phones"), 0, "phone.yield", "all", body, "")
    found = fields_of(flow(each))
    assert found["phone"][0].personal and found["all"][0].personal
    assert "phone.yield" not in found


def test_an_event_from_outside_has_the_fields_of_its_contract() -> None:
    data: Schema = {"type": "object", "properties": {"id": TEXT, "card": SECRET}}
    heard = ir.Alternative(EventType("paid", "bank", data, 0, "one"), "paid", "id", expression("person.id"), None, SEQ)
    found = fields_of(flow(ir.Race("f/paid", (heard,), None, SEQ, "")))
    assert [(str(field), field.personal) for field in found["paid"]] == [("paid.id", False), ("paid.card", True)]


SEQ = ir.Sequence(())


def test_the_plan_says_it_in_words_and_names_what_is_personal() -> None:
    made, tables = welcome()
    assert data_text(made, tables, 80) == (
        "f  000000000000\n"
        "What each service sees of the data. It makes a field, reads it, or only passes\n"
        "it on; values that it keeps stay there to be used later. A ! marks what is\n"
        "x-pii.\n"
        "\n"
        "bank\n"
        "  makes      look.score\n"
        "  reads      person.id\n"
        "  keeps      person\n"
        "  passes on  person.name.first!, person.name.last!, person.phones[]!\n"
        "\n"
        "desk\n"
        "  passes on  person.id, person.name.first!, person.name.last!, person.phones[]!\n"
        "\n"
        "post\n"
        "  makes      send\n"
        "  reads      person.name.first!\n"
        "  passes on  person.id, person.name.last!, person.phones[]!\n"
        "\n"
        "personal data that a service sees and does not use\n"
        "  person.name.first at bank, desk\n"
        "  person.name.last at bank, desk, post\n"
        "  person.phones[] at bank, desk, post\n"
    )


def test_the_plan_says_the_same_as_data() -> None:
    made, tables = welcome()

    def names(personal: bool, *fields: str) -> list[dict[str, Any]]:
        return [{"field": field, "personal": personal} for field in fields]

    first, last, phones = names(True, "person.name.first", "person.name.last", "person.phones[]")
    [id] = names(False, "person.id")
    nothing: list[Any] = []
    assert data_data(made, tables) == {
        "flow": "f",
        "hash": "0" * 20,
        "services": {
            "bank": {
                "makes": names(False, "look.score"),
                "reads": [id],
                "keeps": ["person"],
                "passes_on": [first, last, phones],
            },
            "desk": {"makes": nothing, "reads": nothing, "keeps": nothing, "passes_on": [id, first, last, phones]},
            "post": {
                "makes": names(False, "send"),
                "reads": [first],
                "keeps": nothing,
                "passes_on": [id, last, phones],
            },
        },
        "unused_personal": [
            {"field": "person.name.first", "services": ["bank", "desk"]},
            {"field": "person.name.last", "services": ["bank", "desk", "post"]},
            {"field": "person.phones[]", "services": ["bank", "desk", "post"]},
        ],
    }


def test_lines_are_no_wider_than_asked_for() -> None:
    made, tables = welcome()
    assert max(map(len, data_text(made, tables, 60).splitlines())) <= 60
