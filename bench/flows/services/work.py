"""Handlers that do nothing: each answers with the order that it was given."""

from flowlang import operation


@operation("north.pass")
async def north(order):
    return order


@operation("east.pass")
async def east(order):
    return order


@operation("west.pass")
async def west(order):
    return order


@operation("north.touch")
async def touch(sku):
    return {"sku": sku}
