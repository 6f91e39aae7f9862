"""The flow of the page on semantics, with contracts: four services, two of them at work at the same time."""

from __future__ import annotations

from flowlang import ir
from flowlang.contract import load
from flowlang.language.text import parse
from flowlang.lower import lower
from flowlang.source import Source

FLOW = """
use contracts "*.yaml"

flow checkout(order: Order) {
  key order.id
  owner order
  step place = order.place(order) { compensate order.cancel_order(id: order.id) }
  fork {
    step charge = payment.charge(id: order.id) { compensate payment.refund(id: order.id) }
    sequence {
      step reserve = inventory.reserve(id: order.id) { compensate inventory.release(id: order.id) }
      step pack = inventory.pack(id: order.id) { compensate inventory.unpack(id: order.id) }
    }
  } join all
  step ship = shipping.ship(id: order.id, parcel: pack.parcel) { compensate shipping.recall(id: order.id) }
  step confirm = order.confirm(id: order.id)
}
"""
BY_ID = "{ type: object, required: [id], properties: { id: { type: string } } }"
CONTRACTS = {
    "order": f"""
service: order
operations:
  place: {{ input: {{ $ref: "#/schemas/Order" }}, errors: {{ Refused: "no" }} }}
  cancel_order: {{ input: {BY_ID} }}
  confirm: {{ effect: none, input: {BY_ID} }}
schemas:
  Order: {{ type: object, required: [id, card], properties: {{ id: {{ type: string }}, card: {{ type: string }} }} }}
""",
    "payment": f"""
service: payment
operations:
  charge: {{ input: {BY_ID}, errors: {{ Declined: "no" }} }}
  refund: {{ input: {BY_ID} }}
""",
    "inventory": f"""
service: inventory
operations:
  reserve: {{ input: {BY_ID}, errors: {{ OutOfStock: "no" }} }}
  release: {{ input: {BY_ID} }}
  pack:
    input: {BY_ID}
    output: {{ type: object, required: [parcel], properties: {{ parcel: {{ type: string }} }} }}
  unpack: {{ input: {BY_ID} }}
""",
    "shipping": f"""
service: shipping
operations:
  ship:
    input: {{ type: object, required: [id, parcel], properties: {{ id: {{ type: string }}, parcel: {{ type: string }} }} }}
  recall: {{ input: {BY_ID} }}
""",
}


def checkout() -> ir.Flow:
    """The flow as its kernel."""
    tree, found = parse(Source("checkout.flow", FLOW))
    assert tree is not None and not found
    contracts, problems = load(
        [Source(f"{name}.yaml", text) for name, text in CONTRACTS.items()], lambda reference, beside: None
    )
    assert not problems
    return lower(tree, contracts)
