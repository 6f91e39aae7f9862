"""Virtual time: it jumps when there is nothing to do, and passes as real time does while somebody's code runs."""

from __future__ import annotations

import asyncio
import time

import pytest

from flowlang.runtime.clock import EPOCH, Stalled, SystemClock, VirtualClock, run_virtual


def test_three_days_pass_at_once_and_in_order() -> None:
    order: list[tuple[str, int]] = []

    async def main(clock: VirtualClock) -> None:
        async def at(due: int, name: str) -> None:
            await clock.sleep_until(EPOCH + due)
            order.append((name, clock.now() - EPOCH))

        await asyncio.gather(at(259_200_000, "late"), at(1, "early"), at(86_400_000, "middle"), at(-5, "past"))

    run_virtual(main)
    assert order == [("past", 0), ("early", 1), ("middle", 86_400_000), ("late", 259_200_000)]


@pytest.mark.parametrize("due", [1, 7, 333, 86_399_999, 3_155_760_000_001])
def test_a_sleeper_never_wakes_early(due: int) -> None:
    async def main(clock: VirtualClock) -> int:
        await clock.sleep_until(EPOCH + due)
        return clock.now()

    assert run_virtual(main) == EPOCH + due


def test_thousands_of_years_are_one_jump() -> None:
    far = EPOCH + 250_000_000_000_000

    async def main(clock: VirtualClock) -> int:
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1

        loop = asyncio.get_running_loop()
        loop.call_later(clock.nap(far - EPOCH) - 1, turn)
        await clock.sleep_until(far)
        assert clock.now() >= far
        return turns

    assert run_virtual(main) == 1


def test_time_stands_still_while_something_is_ready() -> None:
    async def main(clock: VirtualClock) -> set[int]:
        sleeper = asyncio.create_task(asyncio.sleep(1))
        seen = set()
        for _ in range(1000):
            await asyncio.sleep(0)
            seen.add(clock.now())
        sleeper.cancel()
        return seen

    assert run_virtual(main) == {EPOCH}


def test_time_does_not_jump_over_a_thread_that_works() -> None:
    async def main(clock: VirtualClock) -> bool:
        timer = asyncio.create_task(asyncio.sleep(3600))
        assert await asyncio.to_thread(lambda: 7) == 7
        assert clock.now() < EPOCH + 3_600_000
        timed_out = timer.done()
        timer.cancel()
        return timed_out

    assert not run_virtual(main)


def test_time_passes_as_real_time_does_while_the_users_code_runs() -> None:
    async def main(clock: VirtualClock) -> tuple[float, float]:
        begun, seen = time.monotonic(), asyncio.get_running_loop().time()
        with clock.real():
            await asyncio.sleep(0.02)
        return time.monotonic() - begun, asyncio.get_running_loop().time() - seen

    real, virtual = run_virtual(main)
    assert real >= virtual >= 0.02


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def main(clock: VirtualClock) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stalled):
        run_virtual(main)


def test_the_system_clock_never_wakes_early() -> None:
    async def main() -> None:
        clock = SystemClock()
        for wait in (0, 1, 5):
            due = clock.now() + wait
            await clock.sleep_until(due)
            assert clock.now() >= due

    asyncio.run(main())
