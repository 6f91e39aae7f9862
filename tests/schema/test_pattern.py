"""Patterns match what `re` matches, in steps that grow with the text and not faster."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlang.schema import BadPattern, Pattern

EXPLOSIVE = [
    "^(a+)+$", "(a*)*", "(a|a)*", "(a|ab|b)*c", "(a+a+)+b", "^([a-z]|[a-z0-9])*$", r"^(\w+\s?)*$", "(.*)*x",
    "(.*,)*(.*)+", "((a{1,3})+)+", "(a?a?)*b", "(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$", "(a|b|ab)*",
]  # fmt: skip
HARMLESS = [
    "", "a", "^a+$", "(ab)*", "^([a-z]+\\.)+[a-z]+$", "(a|b)*", "^[A-Z]{2}-\\d{3,5}$", "^(\\d{3}-)*\\d$", "a*b*",
    r"^\S+@\S+$", "^(a|bc)+$", "([a-z]{1,63}\\.)+", "^(ab?)*$", r"^[^@]+@[^@]+\.[^@]+$", "^$", "(a*)?",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPLOSIVE)
def test_explosive(text: str) -> None:
    assert Pattern(text).explosive


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless(text: str) -> None:
    assert not Pattern(text).explosive


@pytest.mark.parametrize("text", [*EXPLOSIVE, *HARMLESS])
def test_each_character_is_taken_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern = Pattern(text)
    taken = 0
    step = Pattern._step

    def counted(self: Pattern, here: frozenset[int], char: str) -> frozenset[int]:
        nonlocal taken
        taken += 1
        return step(self, here, char)

    monkeypatch.setattr(Pattern, "_step", counted)
    long = "a" * 20_000 + "!"
    pattern.search(long)
    assert taken <= len(long) + 2
    assert taken < 200, "what was seen before is looked up"


def test_a_text_made_to_fill_the_memory() -> None:
    pattern = Pattern("^[^x]*y$")
    text = "".join(chr(0x4E00 + n % 30_000) for n in range(100_000))
    assert not pattern.search(text)
    assert pattern._cached <= 20_000
    assert pattern.search(text + "y")


BAD = {
    "(": 0, ")": 0, "a)": 1, "[a": 0, "a{2,1}": 1, "{": 0, "a{": 1, "*a": 0, "a**": 2, "(?=a)": 0, "(?<=a)": 0, "(?i)a": 0,
    "(a)\\1": 3, "\\b": 0, "\\q": 0, "\\u12": 0, "\\ud800": 0, "[z-a]": 2, "[\\d-z]": 3, "^*": 1, "a{1001}": 1, "\\": 0,
    "^^a": 0, "a$$": 0, "\\k<a>": 0, "(?<a": 0, "\\p{L}": 0, "[a\\": 2,
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_pattern_says_where(text: str) -> None:
    with pytest.raises(BadPattern) as caught:
        Pattern(text)
    assert caught.value.at == BAD[text]
    assert caught.value.why


@pytest.mark.parametrize(
    "text",
    ["(a{1,1000}){1,1000}", "((((a{50}){50}){50}){50})", "(a?){1000}", "a" * 3000, "(" * 60 + ")" * 60, "(" * 5000],
)
def test_what_is_too_large_is_refused(text: str) -> None:
    with pytest.raises(BadPattern):
        Pattern(text)


SAME: list[tuple[str, str, bool]] = [
    ("\\u00e9", "é", True), ("\\u{1F600}", "\U0001f600", True), ("\\ud83d\\ude00", "\U0001f600", True), ("\\x41", "A", True),
    (".", "\n", False), ("^a$", "a\n", False), ("\\d", "\u0663", False), ("\\w", "é", False), ("\\s", "\u00a0", True),
    ("[\\b]", "\b", True), ("[]", "a", False), ("[^]", "a", True), ("[a-]", "-", True), ("\\/", "/", True),
    ("^", "", True), ("$", "", True), ("^$", "", True), ("^$", "a", False), ("(^|,)b", "a,b", True), ("(^|,)b", "ab", False),
    ("b(,|$)", "ab", True), ("a^", "a", False), ("$a", "a", False), ("(?<name>a)b", "ab", True), ("a{0}b", "b", True),
    ("^a{2}$", "aaa", False), ("^a{2,}$", "aaaa", True), ("^(a|)$", "", True), ("^a??$", "a", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "found"), SAME)
def test_as_ecma_script_has_it(text: str, value: str, found: bool) -> None:
    assert Pattern(text).search(value) is found


_ATOMS = st.sampled_from(["a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\d", "\\w", "-"])


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,2}", "{1,}", "*?"])
    return (
        st.lists(inner, max_size=3).map("".join)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})")
        | st.builds(lambda part, repeat: f"(?:{part}){repeat}", inner, repeats)
    )


_PATTERNS = st.builds(
    lambda begin, body, end: f"{begin}{body}{end}",
    st.sampled_from(["", "^"]),
    st.recursive(_ATOMS, _combined, max_leaves=6),
    st.sampled_from(["", "$"]),
)
_TEXTS = st.text("abc1-", max_size=8)


@given(_PATTERNS, st.lists(_TEXTS, min_size=1, max_size=6))
def test_finds_what_re_finds(text: str, values: list[str]) -> None:
    pattern, reference = Pattern(text), re.compile(text.replace("$", r"\Z"), re.ASCII)
    for value in values:
        assert pattern.search(value) == (reference.search(value) is not None)


@given(_PATTERNS)
def test_examples_match(text: str) -> None:
    pattern = Pattern(text)
    try:
        example = pattern.example()
    except BadPattern:
        assert not any(pattern.search(value) for value in ("", "a", "b", "ab", "c1", "abc-"))
        return
    assert pattern.search(example)
    assert re.search(text, example, re.ASCII)
