"""Every block has its path, in loops and attempts a template; no two blocks have the same."""

from __future__ import annotations

import pytest

from flowlang import ir
from tests.lower.lowering import at, kernel, shown


def test_loops_put_their_mark_into_the_paths_of_their_bodies() -> None:
    assert shown(
        """
        for each line in [1, 2] parallel 2 as out { step x = a.act(n: line) yield x.n }
        repeat with page = 1 { step y = a.act(n: page) next page = page + 1 } until page > 3 at most 9 else emit "a.told"
        """
    ) == [
        "each f/line",
        "  step f/line[]/x",
        "  let f/line[]/yield1",
        "repeat f/repeat1",
        "  step f/repeat1[]/y",
        "  let f/repeat1[]/next1",
        "  emit f/emit1",
    ]


def test_a_scope_is_a_node_for_each_kind_of_clause_from_the_inside() -> None:
    assert shown(
        """
        scope s { step x = a.act() }
          compensate { step undone = a.undo() }
          catch No -> step caught = a.act()
          within 5m else step late = a.act()
          on event "a.told" as e where e.id == id -> step told = a.act()
          on event "b.told" as beside where beside.id == id alongside -> step kid = a.act()
          on event "b.told" alongside -> step nameless = a.act()
          retry 2
        """
    ) == [
        "let f/s.key0",
        "let f/s.key1",
        "let f/s.key2",
        "undoing f/s:compensate",
        "  catch f/s",
        "    interrupt f/s:events",
        "      retry f/s:retry",
        "        alongside f/s#/s:alongside",
        "          step f/s#/x",
        "          step f/s#/beside[]/kid",
        "          step f/s#/s.on1[]/nameless",
        "      step f/told",
        "      step f/late",
        "    step f/caught",
        "  step f/undone",
    ]


@pytest.mark.parametrize(
    ("clause", "path"),
    [
        ("catch -> {}", "f/s"),
        ("retry 1", "f/s:retry"),
        ("within 1m else {}", "f/s:events"),
        ('on event "a.told" -> {}', "f/s:events"),
        ('on event "a.told" alongside -> {}', "f/s:alongside"),
        ("compensate {}", "f/s:compensate"),
    ],
)
def test_only_the_clauses_that_were_written_are_there(clause: str, path: str) -> None:
    clause = clause.replace("catch ->", "catch as e ->")
    whole = kernel(f"scope s {{ step x = a.act() }} {clause}")
    assert [
        n.path
        for n in ir.walk(whole.body)
        if isinstance(n, ir.Catch | ir.Retry | ir.Interrupt | ir.Alongside | ir.Undoing)
    ] == [path]
    assert kernel("scope s { step x = a.act() }").body.items == kernel("step x = a.act()").body.items


def test_nothing_is_left_of_a_scope_in_which_nothing_happens() -> None:
    clauses = (
        'catch as e -> step c = a.act() within 1m else step l = a.act() on event "a.told" alongside -> step k = a.act()'
    )
    assert shown(f"scope s {{}} {clauses} retry 3") == []


def test_waits_and_names_that_several_give_have_paths_of_their_own() -> None:
    assert shown(
        """
        wait 5m
        wait until "2030-01-01T00:00:00Z"
        wait for event "a.told" forever
        race { on event "a.told" as e -> {} after 1m -> {} }
        for each x in [1] {}
        for each x in [2] {}
        orchestrate at a { emit "a.told" }
        commit
        """
    ) == ["race f/wait1", "race f/wait2", "race f/wait3", "race f/race1", "each f/x", "each f/x~2", "region f/orchestrate1", "  emit f/emit1", "commit f/commit1"]  # fmt: skip


def test_a_time_is_a_duration_or_a_point() -> None:
    whole = kernel('wait 5m wait until "2030-01-01T00:00:00Z"')
    first, second = whole.body.items
    assert isinstance(first, ir.Race) and isinstance(second, ir.Race)
    assert (first.absolute, second.absolute) == (False, True)
    assert first.alternatives == () and first.late.items == ()


def test_what_a_latch_needs_is_known_before_it_is_entered() -> None:
    whole = kernel('scope s { step x = a.act() } within 5m * n else {} on event "a.told" as e where e.n == n -> {}')
    assert shown('scope s { step x = a.act() } within 5m else {} on event "a.told" as e where e.id == "x" -> {}')[
        0
    ] == (
        "interrupt f/s:events"  # a literal is known anyhow
    )
    latch = at(whole, "f/s:events")
    assert isinstance(latch, ir.Interrupt) and latch.after is not None
    assert (latch.alternatives[0].value.text, latch.after.text) == ("s.key0", "s.limit")
    lets = {node.name: node.value.text for node in whole.body.items if isinstance(node, ir.Let)}
    assert lets == {"s.key0": "n", "s.limit": "5m * n"}


def test_joins_say_how_many_they_need() -> None:
    steps = "step x = a.act() step y = a.act() step z = a.act()"
    for join, kind, need in (
        ("all", "all", 3),
        ("all or cancel", "cancel", 3),
        ("any", "some", 1),
        ("2", "some", 2),
        ("3", "all", 3),
    ):
        [fork] = kernel(f"fork {{ {steps} }} join {join}").body.items
        assert isinstance(fork, ir.Fork)
        assert (fork.join, fork.need, len(fork.branches)) == (kind, need, 3)


def test_an_empty_branch_matters_only_to_who_comes_first() -> None:
    assert shown("fork { branch e {} step x = a.act() } join all") == ["step f/x"]
    assert shown("fork { branch e {} step x = a.act() } join all or cancel") == ["step f/x"]
    [fork] = kernel("fork { branch e {} step x = a.act() } join any").body.items
    assert isinstance(fork, ir.Fork) and len(fork.branches) == 2
