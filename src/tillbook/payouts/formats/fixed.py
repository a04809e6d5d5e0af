"""Fields of files whose columns have fixed widths."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput
from tillbook.payouts.formats import characters


def text(value: str, width: int, allowed: str) -> str:
    """`value` in the characters that are `allowed`, cut or filled to `width`."""
    return characters.plain(value, allowed, width).ljust(width)


def capitals(value: str, width: int, allowed: str) -> str:
    """The same in capitals."""
    return characters.capitals(value, allowed, width).ljust(width)


def right(value: str, width: int) -> str:
    """`value` at the right of `width` characters. Raises InvalidInput if it is longer."""
    return _fitting(value, width).rjust(width)


def digits(value: int, width: int) -> str:
    """A number with zeros before it. Raises InvalidInput if it has more than `width` digits."""
    return _fitting(str(value), width).rjust(width, "0")


def number(value: str, width: int) -> str:
    """A number that somebody gave, with zeros before it; blank where it is none of at most `width` digits."""
    is_one = value.isascii() and value.isdigit() and len(value) <= width
    return value.rjust(width, "0") if is_one else " " * width


def record(width: int, *fields: str) -> str:
    """The fields side by side."""
    line = "".join(fields)
    assert len(line) == width, (len(line), line)  # a field has its width, whatever was in it
    return line


def lines(records: Iterable[str]) -> bytes:
    """The records, each on a line of its own, as banks' programs end them."""
    return "".join(f"{each}\r\n" for each in records).encode("ascii")


def _fitting(value: str, width: int) -> str:
    if len(value) > width:
        raise InvalidInput(
            _("%(value)r is longer than the %(width)s characters that the file has for it.")
            % {"value": value, "width": width},
            field="account",
        )
    return value
