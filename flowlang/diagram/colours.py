"""The colour of a service is its place in the list of services: twelve light fills that stay apart for every eye.

The twelve were found by search: the smallest difference between any two (in OKLab) is as large as it gets under normal
sight and under simulated protanopia, deuteranopia and tritanopia alike, with lightness doing what hue cannot. Beyond
twelve the same hues come back dark with light text, then with a heavy border. No picture depends on colour alone: a step
also names its service.
"""

from __future__ import annotations

from dataclasses import dataclass

INK = "#1f2933"
PALE = "#5b6770"
PAPER = "#ffffff"
NOTE = "#f3f4f6"
ALARM = "#a61b1b"
CLOCK = "#8a4b08"
NEWS = "#0b5394"

HUES = (
    ("#84c2d7", "#074858"),  # light fill, dark shade
    ("#f2e075", "#6c5f01"),
    ("#aa9cf7", "#38296b"),
    ("#d3f7cb", "#3d5a37"),
    ("#fa9d68", "#672e04"),
    ("#b3fafe", "#1d5d61"),
    ("#ce84a7", "#501135"),
    ("#b1a02e", "#352e02"),
    ("#cbd8a5", "#4f5a2b"),
    ("#4aadc9", "#07333f"),
    ("#e47b7c", "#590915"),
    ("#b8ba9d", "#424329"),
)


@dataclass(frozen=True, slots=True)
class Paint:
    """How a shape is painted: its area, its border, its words, and how thick the border is in points."""

    fill: str
    line: str
    text: str
    border: float = 1.2


def paint_of(position: int) -> Paint:
    """The colours of the service at `position` in a picture's list of services."""
    light, dark = HUES[position % len(HUES)]
    turn = position // len(HUES)
    border = 1.2 if turn < 2 else 3.0
    return Paint(dark, light, PAPER, border) if turn % 2 else Paint(light, dark, INK, border)
