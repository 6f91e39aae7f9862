"""The loop of a process that is ours."""

from __future__ import annotations

import asyncio
import gc
from types import SimpleNamespace

import pytest

from flowlang.runtime import loop


async def seen() -> tuple[str, tuple[int, int, int]]:
    return type(asyncio.get_running_loop()).__name__, gc.get_threshold()


def test_the_collector_looks_less_often_while_it_runs_and_as_before_afterwards() -> None:
    before = gc.get_threshold()
    assert loop.run_loop(seen())[1] == loop.COLLECTED
    assert gc.get_threshold() == before


def test_what_goes_wrong_leaves_the_collector_as_it_was() -> None:
    async def broken() -> None:
        raise ValueError("no")

    before = gc.get_threshold()
    with pytest.raises(ValueError, match="no"):
        loop.run_loop(broken())
    assert gc.get_threshold() == before


class Quick(asyncio.SelectorEventLoop):
    pass


def test_the_loop_of_the_extra_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "uvloop", SimpleNamespace(new_event_loop=Quick))
    assert loop.run_loop(seen())[0] == "Quick"
    monkeypatch.setattr(loop, "uvloop", None)
    assert loop.run_loop(seen())[0] != "Quick"
