"""What `check` says about `yield` and `next`: the words that only mean something in a loop."""

from __future__ import annotations

from flowlang.check.words.example import example
from flowlang.diagnostic import Diagnostic


class MisplacedYield(Diagnostic):
    """`yield` where no item of a `for each` gives its value."""

    code = "FL0246"
    message = "`yield` cannot stand {where}"
    note = "{why}"
    explanation = (
        "`yield e` is what the item under way adds to the list that `as` names. It stands directly in the body of its "
        "`for each`: in cases, handlers and alternatives too, but neither in a branch of a fork nor in a loop of its own, where "
        "it could be said never, or more than once."
    )
    bad = example("""
        for each item in order.items as sizes {
          fork {
            yield item.qty
            step count = orders.count()
          } join all
        }
        step tell = notifications.send(to: order.email, template: string(sum(sizes)))
    """)
    good = example("""
        for each item in order.items as sizes {
          step count = orders.count()
          yield item.qty + count
        }
        step tell = notifications.send(to: order.email, template: string(sum(sizes)))
    """)

    where: str
    why: str


class NoYield(Diagnostic):
    """A loop that collects, and a way through it that yields nothing."""

    code = "FL0247"
    message = "a way through this loop yields nothing for `{name}`"
    help = "say `yield` once on every way to the end of the body"
    explanation = (
        "`as` names a list with one value for each item, in the order of the items. So every way to the end of the body says "
        "`yield` once; ways that fail do not need it."
    )
    bad = example("""
        for each item in order.items as sizes {
          switch {
            case item.qty > 1 -> yield item.qty
            else -> {}
          }
        }
        step tell = notifications.send(to: order.email, template: string(sum(sizes)))
    """)
    good = example("""
        for each item in order.items as sizes {
          switch {
            case item.qty > 1 -> yield item.qty
            else -> yield 0
          }
        }
        step tell = notifications.send(to: order.email, template: string(sum(sizes)))
    """)

    name: str


class ManyYields(Diagnostic):
    """Two `yield` on one way through a loop."""

    code = "FL0248"
    message = "this item has yielded already"
    help = "yield one value; a map or a list can hold several"
    explanation = "`as` names a list with one value for each item, so no way through the body may say `yield` twice."
    bad = example("""
        for each item in order.items as sizes {
          yield item.qty
          yield item.qty * 2
        }
        step tell = notifications.send(to: order.email, template: string(size(sizes)))
    """)
    good = example("""
        for each item in order.items as sizes {
          yield { sku: item.sku, qty: item.qty }
        }
        step tell = notifications.send(to: order.email, template: string(size(sizes)))
    """)


class YieldUnread(Diagnostic):
    """`yield` in a loop without `as`."""

    code = "FL0249"
    message = "nothing collects what this yields"
    help = "name the list: {how}"
    explanation = "`yield` adds to the list that `as` names behind `for each x in list`. This loop has no `as`."
    bad = example("""
        for each item in order.items {
          step tell = notifications.send(to: order.email, template: item.sku) { compensate none }
          yield item.qty
        }
    """)
    good = example("""
        for each item in order.items {
          step tell = notifications.send(to: order.email, template: item.sku) { compensate none }
        }
    """)

    how: str


class NextOfNothing(Diagnostic):
    """`next` of a name that the `repeat` around does not carry."""

    code = "FL0250"
    message = "`{name}` is not carried from one round to the next"
    note = "{known}"
    help = "declare it: `repeat with {name} = ...`"
    explanation = (
        "`next name = e` gives the value that `name` has in the next round of the `repeat` around it. The name is declared "
        "with its first value behind `with`; a `let`, a parameter, or what an outer `repeat` carries cannot be changed so."
    )
    bad = example("""
        let page = 1
        repeat {
          step count = orders.count()
          next page = page + 1
        } until count < page at most 9 else {}
    """)
    good = example("""
        repeat with page = 1 {
          step count = orders.count()
          next page = page + 1
        } until count < page at most 9 else {}
    """)

    name: str
    known: str


class MisplacedNext(Diagnostic):
    """`next` in a part of a `repeat` of which nothing is seen outside."""

    code = "FL0251"
    message = "`next` cannot stand {where}"
    note = "{why}"
    explanation = (
        "`next name = e` is what this round leaves to the next one. Whatever stands in a `for each` inside of the `repeat`, in "
        "a handler that runs alongside or in a block that undoes is not seen outside of it. Collect with `as` and `yield`, and "
        "say `next` behind it."
    )
    bad = example("""
        step count = orders.count()
        repeat with sum = 0 {
          for each item in order.items { next sum = sum + item.qty }
        } until sum > 100 at most 9 else {}
    """)
    good = example("""
        step count = orders.count()
        repeat with total = 0 {
          for each item in order.items as sizes { yield item.qty }
          next total = total + sum(sizes)
        } until total > 100 at most 9 else {}
    """)

    where: str
    why: str


class ManyNexts(Diagnostic):
    """Two `next` of one name on one way."""

    code = "FL0252"
    message = "the next `{name}` has been said already"
    explanation = (
        "A way through the body of a `repeat` says the next value of a name once, or not at all; then it stays as it is. Name "
        "values on the way with `let`."
    )
    bad = example("""
        step count = orders.count()
        repeat with page = 1 {
          next page = page + 1
          next page = page + 2
        } until page > 3 at most 9 else {}
    """)
    good = example("""
        step count = orders.count()
        repeat with page = 1 {
          next page = page + 3
        } until page > 3 at most 9 else {}
    """)

    name: str
