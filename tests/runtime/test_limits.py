"""Time limits of things under way, by a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

from flowlang.runtime.clock import VirtualClock, run_virtual
from flowlang.runtime.limits import Limits


def test_what_ends_in_time_is_not_late_and_the_others_are_in_their_order() -> None:
    async def main(clock: VirtualClock) -> list[tuple[int, str]]:
        begun, late = clock.now(), []
        limits: Limits[str] = Limits(lambda name: late.append((clock.now() - begun, name)))
        limits.began("a", 100)
        limits.began("b", 100)
        limits.began("quick", 10)
        await asyncio.sleep(0.05)
        limits.began("c", 100)
        limits.ended("a", 100)
        limits.ended("nobody", 7)
        await asyncio.sleep(1)
        return late

    assert run_virtual(main) == [(10, "quick"), (100, "b"), (150, "c")]


def test_a_limit_of_something_that_has_ended_does_not_move_a_virtual_clock() -> None:
    async def main(clock: VirtualClock) -> int:
        begun = clock.now()
        limits: Limits[str] = Limits(lambda name: None)
        limits.began("a", 30_000)
        limits.ended("a", 30_000)
        await asyncio.sleep(0.001)
        return clock.now() - begun

    assert run_virtual(main) == 1


class Set(asyncio.SelectorEventLoop):
    """A loop whose time a test moves on, and which notes when it was asked to ring."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0.0
        self.alarms: list[float] = []

    def time(self) -> float:
        return self.moved

    def call_at(self, when: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
        self.alarms.append(when)
        return super().call_at(when, *rest, **more)


def test_one_alarm_serves_who_follow_each_other_and_each_has_its_whole_time() -> None:
    loop, late = Set(), []

    async def at(time: float) -> None:
        loop.moved = time
        for _ in range(3):
            await asyncio.sleep(0)

    async def main() -> None:
        limits: Limits[str] = Limits(late.append)
        for name in ("a", "b", "c"):
            limits.began(name, 1000)
            limits.ended(name, 1000)
        assert loop.alarms == [1.0]
        await at(0.5)
        limits.began("d", 1000)
        await at(1.2)
        assert (late, loop.alarms) == ([], [1.0, 1.5])
        await at(1.7)
        assert late == ["d"]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())


def test_who_is_late_may_begin_anew() -> None:
    async def main(clock: VirtualClock) -> list[int]:
        begun, late = clock.now(), []

        def again(name: str) -> None:
            late.append(clock.now() - begun)
            if len(late) < 3:
                limits.began(name, 10)

        limits: Limits[str] = Limits(again)
        limits.began("a", 10)
        await asyncio.sleep(1)
        return late

    assert run_virtual(main) == [10, 20, 30]
