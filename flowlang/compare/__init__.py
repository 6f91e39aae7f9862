"""One flow in both modes, in figures, and which mode they speak for."""

from __future__ import annotations

from collections.abc import Mapping

from flowlang import ir
from flowlang.choreograph import program
from flowlang.compare.advice import advise
from flowlang.compare.facts import facts
from flowlang.compare.play import forms
from flowlang.compare.rates import BadRates, Rates, rates_of
from flowlang.compare.weigh import weigh
from flowlang.compare.words import Comparison, compare_data, compare_text
from flowlang.table import Table

__all__ = ["BadRates", "Comparison", "Rates", "compare", "compare_data", "compare_text", "rates_of"]


def compare(flow: ir.Flow, tables: Mapping[str, Table], rates: Rates) -> Comparison:
    """The kernel and the tables of one flow, side by side."""
    make = forms(flow, {service: program.load(table) for service, table in tables.items()}, rates)
    central, services = (weigh(flow, make, mode, rates) for mode in ("orchestrate", "choreograph"))
    known = facts(flow, tables)
    advice = advise(flow, central, services, known)
    return Comparison(flow.name, next(iter(tables.values())).hash, central, services, known, advice)
