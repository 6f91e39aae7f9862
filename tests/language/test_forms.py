"""Text, YAML and the formatter on random trees: nothing is lost in any direction."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlang.language import format, text, tree, yaml
from flowlang.language.lexer import tokens
from flowlang.source import Source
from tests.language.trees import flows

many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


def _text(printed: str) -> tree.Flow:
    flow, findings = text.parse(Source("random.flow", printed))
    assert flow is not None and not findings, [(f.code, f.say(f.message), f.span) for f in findings]
    return flow


def _yaml(printed: str) -> tree.Flow:
    flow, findings = yaml.parse(Source("random.flow.yaml", printed))
    assert flow is not None and not findings, [(f.code, f.say(f.message), f.span) for f in findings]
    return flow


@given(flows)
@many
def test_text_keeps_the_tree(flow: tree.Flow) -> None:
    printed = format.to_text(flow)
    assert _text(printed) == flow
    assert format.format_source(Source("random.flow", printed)) == printed


@given(flows)
@many
def test_yaml_keeps_the_tree(flow: tree.Flow) -> None:
    printed = yaml.to_yaml(flow)
    assert _yaml(printed) == flow
    assert format.format_source(Source("random.flow.yaml", printed)) == printed


@given(flows, st.integers(0, 2**32))
@many
def test_any_layout_is_formatted_alike(flow: tree.Flow, seed: int) -> None:
    """Line breaks, blanks and comments anywhere: same tree, comments kept, and the second time nothing."""
    random = Random(seed)
    written, comments = _scattered(format.to_text(flow), random)
    assert _text(written) == flow
    formatted = format.format_source(Source("random.flow", written))
    assert _text(formatted) == flow
    assert sorted(_comments(formatted)) == sorted(comments)
    assert format.format_source(Source("random.flow", formatted)) == formatted


MIXED = """flow f() {
  race { # the first one
    # no limit
    forever
    on event "b" -> {}

    ## documented
    on event "a" -> { step x = s.x() } # behind a
    # at the end
  }
  scope s { step y = s.y() } # behind the scope
  compensate { step z = s.z() }
  # before the catch
  catch A -> {
    step c = s.c()
    step d = s.d()
  } within 5m # no
  else fail Late
  on event "stop" -> {} # behind stop
  retry 3
  repeat # why
  { } until # when
  true at most 3 else { # late
    fail Late }
}
"""

ORDERED = """flow f() {
  race {  # the first one
    on event "b" -> {}

    ## documented
    on event "a" -> step x = s.x()  # behind a
    # no limit
    forever
    # at the end
  }
  scope s {
    step y = s.y()
  }  # behind the scope
  retry 3
  on event "stop" -> {}  # behind stop
  # no
  within 5m else fail Late
  # before the catch
  catch A -> {
    step c = s.c()
    step d = s.d()
  } compensate {
    step z = s.z()
  }
  # why
  repeat {
    # when
  } until true at most 3 else {  # late
    fail Late
  }
}
"""


def test_clauses_have_one_order_and_keep_their_comments() -> None:
    assert format.format_source(Source("mixed.flow", MIXED)) == ORDERED
    assert format.format_source(Source("mixed.flow", ORDERED)) == ORDERED


def _scattered(printed: str, random: Random) -> tuple[str, list[str]]:
    """The same tokens and documentation with other blanks between them, and comments."""
    source = Source("random.flow", printed)
    found = tokens(source)
    parts: list[str] = []
    comments = []
    for index in range(len(found.kinds)):
        for start, end in found.docs.get(index, []):
            parts.append(f"\n{printed[start:end]}\n")
        if random.random() < 0.1:
            comments.append(f"#{random.choice(['', ' ', '  '])}c{len(comments)}")
            parts.append(f"{random.choice([' ', chr(10), chr(10) * 3])}{comments[-1]}\n")
        parts.append(f"{found.text(index)}{random.choice([' ', ' ', '  ', chr(10), chr(10) * 2, chr(13) + chr(10)])}")
    return "".join(parts), comments


def _comments(printed: str) -> list[str]:
    return [printed[start:end].rstrip() for _, start, end in tokens(Source("random.flow", printed)).comments]
