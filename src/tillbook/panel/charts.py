"""Pictures as SVG, drawn on the server: whole numbers in, rectangles out; colours are the style sheet's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

# The picture's own units; the page stretches them to the room there is.
_STEP = 100  # from one bar to the next
_BAR = 64
HEIGHT = 1000


class Block(NamedTuple):
    """A rectangle of a bar; `part` is the place of what it stands for."""

    part: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A stacked bar: its name, and an amount for each part."""

    name: str
    amounts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.amounts)


class Drawn(NamedTuple):
    """A bar with its place in the picture."""

    bar: Bar
    x: int
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars side by side, the first part of each at the bottom."""

    bars: Sequence[Bar]

    @property
    def width(self) -> int:
        return _STEP * len(self.bars)

    @property
    def height(self) -> int:
        return HEIGHT

    @property
    def bar_width(self) -> int:
        return _BAR

    @property
    def top(self) -> int:
        """The amount at the picture's upper edge: one digit with zeros, just above the highest bar."""
        highest = max((bar.total for bar in self.bars), default=0)
        unit = 1
        while unit * 10 <= highest:
            unit *= 10
        return next(unit * factor for factor in (1, 2, 3, 4, 5, 6, 8, 10) if unit * factor >= highest)

    @property
    def drawn(self) -> list[Drawn]:
        margin = (_STEP - _BAR) // 2
        return [Drawn(bar, place * _STEP + margin, self._blocks(bar)) for place, bar in enumerate(self.bars)]

    def _blocks(self, bar: Bar) -> list[Block]:
        blocks, below = [], 0
        for part, amount in enumerate(bar.amounts):
            low, high = (HEIGHT * minor // self.top for minor in (below, below + amount))
            if high > low:
                blocks.append(Block(part, HEIGHT - high, high - low))
            below += amount
        return blocks
