"""A journal for hledger and for Ledger. Format: the journal format of hledger 1.25, hledger.org.

An assertion holds after what stands above it of the same day: the opening one begins the
period's first day, the closing one ends its last.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from tillbook.common.money import exponent
from tillbook.exporters.account_mapping import AccountMapping
from tillbook.exporters.journal import LIABILITY, Balances, Booking, Journal, shown
from tillbook.exporters.plain_text import one_line

# What would begin a comment or end a payee, a tag or a date, and what stands in its place.
_PLAIN = str.maketrans({";": "·", "|": "/", ",": "·", "[": "(", "]": ")"})


def lines(journal: Journal, mapping: AccountMapping, *, continues: bool) -> Iterator[str]:
    """The file, line by line. One that `continues` another opens nothing again."""
    opening, closing, period = journal.opening(), journal.closing(), journal.period
    for currency in sorted({currency for _, currency in closing}):
        yield f"commodity {currency}\n"
        # Without decimals there is no format that both programs take, and none is needed.
        if digits := exponent(currency):
            yield f"    format 1000.{'0' * digits} {currency}\n"
    if not continues:
        yield from (f"account {account}\n" for account in mapping.accounts())
        yield from _opening(journal.opened_on, mapping.balances(opening))
    yield from _assertions(period.first, "Opening", opening, mapping, continues=continues)
    for booking in journal.bookings():
        yield from _booked(booking, mapping)
    yield from _assertions(period.last, "Closing", closing, mapping, continues=continues)


def _opening(day: date, balances: Balances) -> Iterator[str]:
    for wanted in sorted({currency for _, currency in balances}):
        yield f"\n{day} * Opening balances · {wanted}\n"
        for (account, currency), minor in balances.items():
            if currency == wanted and minor:
                yield f"    {account}  {shown(minor, currency)} {currency}\n"


def _assertions(
    day: date, what: str, found: Balances, mapping: AccountMapping, *, continues: bool
) -> Iterator[str]:
    # Beside other bookings only what is owed is ours alone.
    ours = {place: minor for place, minor in found.items() if place[0] == LIABILITY or not continues}
    if ours:
        yield f"\n{day} * {what} balances checked\n"
    for (account, currency), minor in mapping.balances(ours).items():
        yield f"    {account}  {shown(0, currency)} {currency} = {shown(minor, currency)} {currency}\n"


def _booked(booking: Booking, mapping: AccountMapping) -> Iterator[str]:
    yield f"\n{booking.day} * ({booking.number}) {_plain(booking.narration)}\n"
    for name, fact in booking.facts.items():
        yield f"    ; {name}: {_plain(fact)}\n"
    for posting in booking.postings:
        account = mapping.account(posting.account, booking.currency)
        yield f"    {account}  {shown(posting.minor, booking.currency)} {booking.currency}\n"


def _plain(text: str) -> str:
    return one_line(text).translate(_PLAIN)
