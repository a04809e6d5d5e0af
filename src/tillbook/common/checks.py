"""Checks of values that services are given, so that every edge gets the same clear answer (R10)."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput
from tillbook.common.money import MAX_MINOR

_FIRST_YEAR = 1900  # a mistyped year is a mistake, not history
_NOT_TEXT = "\0"  # PostgreSQL stores none
_LONGEST_NOTE = 10_000  # characters


def check_text(text: str, *, field: str, longest: int) -> str:
    """Return `text` if it has at most `longest` characters and no NUL. Raises InvalidInput."""
    if len(text) > longest or _NOT_TEXT in text:
        raise InvalidInput(
            _("Use at most %(longest)s characters, and no NUL.") % {"longest": f"{longest:,}"}, field=field
        )
    return text


def check_note(note: str, *, field: str = "note") -> str:
    """Return the note if it is a text of at most 10,000 characters. Raises InvalidInput."""
    return check_text(note, field=field, longest=_LONGEST_NOTE)


def check_reason(reason: str, *, ask: str, field: str = "reason", longest: int = _LONGEST_NOTE) -> str:
    """Return the reason without the spaces around it. Raises InvalidInput, saying `ask` for an empty one."""
    found = check_text(reason, field=field, longest=longest).strip()
    if not found:
        raise InvalidInput(ask, field=field)
    return found


def check_minor(minor: int, *, field: str, what: str) -> int:
    """Return `minor` if it is a whole number from 0 to the largest amount; `what` begins the message.

    Raises InvalidInput.
    """
    if not isinstance(minor, int) or isinstance(minor, bool):
        raise InvalidInput(_("%(what)s must be a whole number of minor units.") % {"what": what}, field=field)
    if not 0 <= minor <= MAX_MINOR:
        raise InvalidInput(
            _("%(what)s can't be below zero or above the largest amount.") % {"what": what}, field=field
        )
    return minor


def check_past(moment: datetime | None, now: datetime, *, field: str) -> None:
    """Raise InvalidInput for a moment in the future, before 1900 or without a time zone; None passes."""
    if moment is None:
        return
    if moment.tzinfo is None:
        raise InvalidInput(_("The date needs a time zone."), field=field)
    if moment > now:
        raise InvalidInput(_("The date can't lie in the future."), field=field)
    if moment.year < _FIRST_YEAR:
        raise InvalidInput(
            _("The date can't lie before %(first_year)s.") % {"first_year": _FIRST_YEAR}, field=field
        )
