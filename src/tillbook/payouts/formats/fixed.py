"""Fields of files whose columns have fixed widths."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _
from text_unidecode import unidecode

from tillbook.common.errors import InvalidInput


def text(value: str, width: int, allowed: str) -> str:
    """`value` without accents, with spaces for what is not `allowed`, cut or filled to `width`."""
    plain = "".join(each if each in allowed else " " for each in unidecode(value))
    return " ".join(plain.split())[:width].ljust(width)


def capitals(value: str, width: int, allowed: str) -> str:
    """The same in capitals: what stands for a letter without one may be small."""
    return text(unidecode(value).upper(), width, allowed)


def right(value: str, width: int) -> str:
    """`value` at the right of `width` characters. Raises InvalidInput if it is longer."""
    return _fitting(value, width).rjust(width)


def digits(value: int | str, width: int) -> str:
    """A number with zeros before it. Raises InvalidInput if it has more than `width` digits."""
    plain = str(value)
    if not (plain.isascii() and plain.isdigit()):
        raise InvalidInput(_("%(plain)r must be digits alone.") % {"plain": plain}, field="account")
    return _fitting(plain, width).rjust(width, "0")


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
