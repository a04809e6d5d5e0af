"""Texts in the characters that a file may have."""

from __future__ import annotations

from text_unidecode import unidecode


def plain(value: str, allowed: str, longest: int) -> str:
    """`value` without accents, with spaces for what is not `allowed`, cut to `longest` characters."""
    kept = "".join(each if each in allowed else " " for each in unidecode(value))
    return " ".join(kept.split())[:longest].rstrip()


def capitals(value: str, allowed: str, longest: int) -> str:
    """The same in capitals: what stands for a letter without one may be small."""
    return plain(unidecode(value).upper(), allowed, longest)
