"""Words of a fixed list."""

from __future__ import annotations

from enum import StrEnum


class Word(StrEnum):
    """A word that is looked up with every change of the book. A text's own hash is several times faster."""

    __hash__ = str.__hash__
