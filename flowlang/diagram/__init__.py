"""Flows as pictures: `draw` makes the picture, and each format has one file that writes it.

from flowlang.diagram import draw
from flowlang.diagram.dot import to_dot

print(to_dot(draw(flow)))
"""

from flowlang.diagram.draw import draw
from flowlang.diagram.picture import Picture

__all__ = ["Picture", "draw"]
