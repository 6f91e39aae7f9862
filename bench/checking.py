"""How long `check` takes, and one evaluation of an expression."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import expression
from bench.generated import write_flow

ROOT = Path(__file__).parent.parent
ORDER = "specs/examples/order/order.flow"
PROCESSES = 15
SIZES = (1_000, 3_000, 10_000)


def main() -> None:
    """Print each figure with its bound."""
    times = sorted(_process(ROOT / ORDER) for _ in range(PROCESSES))
    print(f"flowlang check {ORDER}, as a process, {PROCESSES} times          bound 250 ms")
    print(f"{times[0] * 1e3:8.0f} ms  fastest")
    print(f"{statistics.median(times) * 1e3:8.0f} ms  median")
    print(f"{times[-1] * 1e3:8.0f} ms  slowest\n")

    print("parse and check of a generated flow                                      bound 3 s for 10000 lines")
    for lines in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            flow = write_flow(Path(folder), lines)
            parse, check = min((_in_process(flow) for _ in range(3)), key=sum)
            whole = parse + check
            print(
                f"{whole * 1e3:8.0f} ms  {lines:6} lines: parse {parse * 1e3:.0f}, contracts and check {check * 1e3:.0f}"
            )
    print()

    print("one evaluation                                                           bound 2 us for the first")
    expression.main()


def _process(flow: Path) -> float:
    """Seconds from the start of the process to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "flowlang", "check", flow.name],
        cwd=flow.parent,
        check=True,
        capture_output=True,
        env=environment,
    )
    return time.perf_counter() - begin


def _in_process(flow: Path) -> tuple[float, float]:
    """Seconds for parsing, and for the contracts and the check together."""
    from flowlang.cli.files import opened, project_of
    from flowlang.compile import front
    from flowlang.language import parse
    from flowlang.source import Source

    source = opened(str(flow))
    assert isinstance(source, Source)
    begin = time.perf_counter()
    parse(source)
    parsed = time.perf_counter()
    whole = front(source, project_of(str(flow)))
    end = time.perf_counter()
    assert not [one for one in whole.found if one.severity == "error"], whole.found[0]
    return parsed - begin, end - parsed - (parsed - begin)
