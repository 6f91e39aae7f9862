"""Comments that accept a finding."""

from __future__ import annotations

from flowlang.check import check
from flowlang.check.allow import accept
from flowlang.contract import Contracts
from flowlang.language import parse
from flowlang.source import Source

HEAD = 'use contracts "contracts/*.yaml"\nflow example(order: Order) {\n'


def found(body: str, contracts: Contracts, *, choreograph: bool = False, end: str = "\n") -> list[tuple[int, str]]:
    source = Source("a.flow", (HEAD + body + "\n}\n").replace("\n", end))
    flow, problems = parse(source)
    assert flow is not None and not problems
    return [(one.span.line, one.code) for one in accept(check(flow, contracts), source, choreograph=choreograph)]


IDLE = "let large = order.total > 100"
PLACE = "\nstep place = orders.place(order)"


def test_on_the_same_line(contracts: Contracts) -> None:
    assert found(IDLE + PLACE, contracts) == [(3, "FL0911")]
    assert found(IDLE + "  # flowlang: allow FL0911 -- for later" + PLACE, contracts) == []


def test_on_the_line_before_over_other_comments(contracts: Contracts) -> None:
    for between in ("", "# more\n", "\n## doc\n\n"):
        assert found(f"  # flowlang: allow FL0911 -- for later\n{between}{IDLE}{PLACE}", contracts) == []


def test_every_line_end(contracts: Contracts) -> None:
    for end in ("\n", "\r\n"):
        assert found(f"# flowlang: allow FL0911 -- for later\n{IDLE}{PLACE}", contracts, end=end) == []


def test_one_comment_accepts_one_finding(contracts: Contracts) -> None:
    two = f"# flowlang: allow FL0911 -- for later\n{IDLE} let small = order.total < 1{PLACE}"
    assert found(two, contracts) == [(4, "FL0911")]
    assert found("# flowlang: allow FL0911 -- and this\n" + two, contracts) == []


def test_a_reason_is_needed(contracts: Contracts) -> None:
    for without in ("# flowlang: allow FL0911", "# flowlang: allow FL0911 --", "#flowlang: allow FL0911 --  "):
        assert found(f"{without}\n{IDLE}{PLACE}", contracts) == [(3, "FL0912")]


def test_a_comment_that_accepts_nothing_is_said(contracts: Contracts) -> None:
    for code in ("FL0911", "FL0401", "nonsense"):
        assert found(f"# flowlang: allow {code} -- x{PLACE}", contracts) == [(3, "FL0913")]
    assert found(f"# flowlang: allow FL0911 -- x{PLACE}\n{IDLE}", contracts) == [(3, "FL0913"), (5, "FL0911")]


def test_an_error_cannot_be_accepted(contracts: Contracts) -> None:
    assert found("# flowlang: allow FL0221 -- x\nstep place = order.place(order)", contracts) == [
        (3, "FL0913"),
        (4, "FL0221"),
    ]


def test_a_finding_of_choreography_can_be_accepted_only_outside_of_it(contracts: Contracts) -> None:
    body = """step review = risk.review(orderId: order.id)
# flowlang: allow FL0605 -- we only run it centrally
wait for event "order.done" as done where done.id == order.id within 3d else fail TooLate
step again = risk.review(orderId: order.id)"""
    assert found(body, contracts) == []
    assert found(body, contracts, choreograph=True) == [(4, "FL0913"), (5, "FL0605")]


def test_text_that_looks_like_a_comment_is_none(contracts: Contracts) -> None:
    body = 'step tell = notifications.send(to: order.email, template: "# flowlang: allow FL0911 -- x")'
    assert found(body, contracts) == []
    quoted = "step tell = notifications.send(to: 'it \\' # flowlang: allow FL0911 -- x', template: \"a\")"
    assert found(quoted, contracts) == []
    after = 'step tell = notifications.send(to: "a # b", template: "c") # flowlang: allow FL0911 -- x'
    assert found(after, contracts) == [(3, "FL0913")]


def test_a_comment_is_not_blamed_where_an_error_may_hide_its_finding(contracts: Contracts) -> None:
    body = "# flowlang: allow FL0401 -- x\nstep place = order.place(order)\nstep count = orders.count()"
    assert found(body, contracts) == [(4, "FL0221")]


def test_other_words_to_the_tool_are_not_ignored(contracts: Contracts) -> None:
    for comment in (
        "# flowlang: alow FL0911 -- x",
        "#flowlang:",
        "# flowlang: allow",
        "# flowlang: allow FL0911, FL0401 -- x",
    ):
        assert found(f"{comment}{PLACE}", contracts) == [(3, "FL0914")]
