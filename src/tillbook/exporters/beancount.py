"""A beancount file. Format: the Beancount Language Syntax, beancount.github.io/docs.

A `balance` directive holds at the beginning of its day, so the closing one bears the day after the
period. `~ 0` takes away the tolerance of a last digit that beancount allows otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from tillbook.exporters.account_mapping import AccountMapping
from tillbook.exporters.journal import LIABILITY, Balances, Booking, Journal, shown
from tillbook.exporters.plain_text import EVER, one_line


def lines(journal: Journal, mapping: AccountMapping, *, continues: bool) -> Iterator[str]:
    """The file, line by line. One that `continues` another opens nothing again."""
    opening, period = journal.opening(), journal.period
    if not continues:
        yield from (f"{EVER} open {account}\n" for account in mapping.accounts())
        yield from _opening(journal.opened_on, mapping.balances(opening))
    yield from _assertions(period.first, opening, mapping, continues=continues)
    for booking in journal.bookings():
        yield from _booked(booking, mapping)
    yield from _assertions(period.last + timedelta(days=1), journal.closing(), mapping, continues=continues)


def _opening(day: date, balances: Balances) -> Iterator[str]:
    for wanted in sorted({currency for _, currency in balances}):
        yield f'\n{day} * "Opening balances, {wanted}"\n'
        for (account, currency), minor in balances.items():
            if currency == wanted and minor:
                yield f"  {account}  {shown(minor, currency)} {currency}\n"


def _assertions(day: date, found: Balances, mapping: AccountMapping, *, continues: bool) -> Iterator[str]:
    yield "\n"
    # Beside other bookings only what is owed is ours alone.
    ours = {place: minor for place, minor in found.items() if place[0] == LIABILITY or not continues}
    for (account, currency), minor in mapping.balances(ours).items():
        yield f"{day} balance {account}  {shown(minor, currency)} ~ 0 {currency}\n"


def _booked(booking: Booking, mapping: AccountMapping) -> Iterator[str]:
    yield f"\n{booking.day} * {_quoted(booking.narration)}\n"
    for name, fact in {"number": booking.number, **booking.facts}.items():
        yield f"  {name}: {_quoted(fact)}\n"
    for posting in booking.postings:
        account = mapping.account(posting.account, booking.currency)
        yield f"  {account}  {shown(posting.minor, booking.currency)} {booking.currency}\n"


def _quoted(text: str) -> str:
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
