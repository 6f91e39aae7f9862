"""Mistakes that were found from the outside, each by name."""

from __future__ import annotations

from typing import Any

from flowlang.shape import from_data


class Wordless(list[Any]):
    """A list that nobody may put into words."""

    def __repr__(self) -> str:
        raise AssertionError("words for something that is as it should be")


def test_a_kernel_that_is_read_is_not_put_into_words() -> None:
    """Each list of a kernel was written out for a message that nobody saw: with flows in flows, depth times size."""
    inner = Wordless([Wordless(["a"]), Wordless(["b", "c"])])
    assert from_data(tuple[tuple[str, ...], ...], inner) == (("a",), ("b", "c"))
    assert from_data(tuple[str, int], Wordless(["a", 1])) == ("a", 1)
