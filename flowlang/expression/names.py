"""Which names of the flow an expression reads, and what of each."""

from __future__ import annotations

from flowlang.expression.tree import Expr, Method, Ref, Select
from flowlang.expression.walk import bottom_up, parts

MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


def free_names(expr: Expr) -> frozenset[str]:
    """The names that must be known to evaluate `expr`; the variables of macros are not among them."""
    found: set[str] = set()
    todo: list[Expr] = [expr]
    while todo:
        node = todo.pop()
        if isinstance(node, Ref):
            found.add(node.name)
        elif isinstance(node, Method) and macro_variable(node) is not None:
            return bottom_up(expr, _names)  # then it matters where a name stands
        else:
            todo += parts(node)
    return frozenset(found)


def selected_paths(expr: Expr) -> dict[str, frozenset[tuple[str, ...]]]:
    """For each free name the fields that are read of it, as paths: `order.id + order.to.zip` gives {order: {(id,),
    (to, zip)}}. The empty path says that the whole value is read. A path that another one begins with covers it."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for name, path in bottom_up(expr, _paths):
        found.setdefault(name, set()).add(path)
    return {name: _shortest(paths) for name, paths in found.items()}


def macro_variable(node: Method) -> Ref | None:
    """The variable that `node` declares when it is a macro: `x` of `items.all(x, ...)`."""
    if node.name in MACROS and node.args and isinstance(node.args[0], Ref):
        return node.args[0]
    return None


_Reads = frozenset[tuple[str, tuple[str, ...]]]


def _names(node: Expr, inside: list[frozenset[str]]) -> frozenset[str]:
    match node:
        case Ref(name=name):
            return frozenset({name})
        case Method() if (variable := macro_variable(node)) is not None:
            of, _, *body = inside
            return of | (frozenset[str]().union(*body) - {variable.name})
        case _:
            return inside[0] if len(inside) == 1 else frozenset[str]().union(*inside)


def _paths(node: Expr, inside: list[_Reads]) -> _Reads:
    match node:
        case Ref(name=name):
            return frozenset({(name, ())})
        case Select(of=Ref() | Select(), name=field):
            [(name, path)] = inside[0]  # a chain of selections from one name is one path
            return frozenset({(name, (*path, field))})
        case Method() if (variable := macro_variable(node)) is not None:
            of, _, *body = inside
            return of | {read for reads in body for read in reads if read[0] != variable.name}
        case _:
            return inside[0] if len(inside) == 1 else _Reads().union(*inside)


def _shortest(paths: set[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    return frozenset(path for path in paths if not any(path[:cut] in paths for cut in range(len(path))))
