"""The running history of a customer's credit: what moved all of it together, and what there was after each.

What is there counts what is held: only what comes in and what is gone moves it. The newest line's
balance is the account's available and held; each older one is the next one's without what moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BigIntegerField, BooleanField
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.errors import NotFound
from tillbook.common.numbering import public_number
from tillbook.ledger.models import Account, Kind, Transfer

_MOVES = (Kind.POST, Kind.CAPTURE)  # what moves an account for good
_OLDER = "(ledger_transfer.recorded_at, ledger_transfer.account_id, ledger_transfer.seq) < (%s, %s, %s)"
# Both stand in the statement that reads the lines, so that nothing moves between them.
_NOW = (
    "(SELECT b.available_minor + b.held_minor FROM ledger_balance AS b "
    "WHERE b.customer_id = %s AND b.currency = %s)"
)
_NEWER = (
    "(SELECT coalesce(sum(CASE WHEN t.inward THEN t.amount_minor ELSE -t.amount_minor END), 0) "
    "FROM ledger_transfer AS t JOIN ledger_account AS a ON a.customer_id = t.customer_id "
    "AND a.id = t.account_id WHERE t.customer_id = %s AND a.currency = %s AND t.kind IN (%s, %s) "
    "AND (t.recorded_at, t.account_id, t.seq) >= (%s, %s, %s))"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A transfer that moved what the customer has; `amount_minor` is signed, `balance_minor` is after it."""

    transfer: Transfer
    amount_minor: int
    balance_minor: int

    @property
    def before_minor(self) -> int:
        """What there was before it: nothing, where it is the oldest of all."""
        return self.balance_minor - self.amount_minor


def page_of_lines(
    customer_id: int, currency: str, *, before: tuple[int, int] | None = None, limit: int = 50
) -> list[Line]:
    """A page of the customer's lines in `currency`, the newest first, in the order of recording.

    `before` is (credit_id, seq) of the last one seen. Raises NotFound if there is none such.
    """
    book, balance, seen = [customer_id, currency], _NOW, []
    # Left out rather than asked for: so both databases walk the customer's transfers in their order, where
    # they would begin at the accounts, and sort.
    others = Account.objects.filter(customer_id=customer_id).exclude(currency=currency)
    rows = Transfer.objects.filter(customer_id=customer_id, kind__in=_MOVES)
    rows = rows.exclude(account_id__in=others.values("id"))
    if before is not None:
        last = Transfer.objects.filter(customer_id=customer_id, account_id=before[0], seq=before[1]).first()
        if last is None:
            raise NotFound(
                _("There is no transfer %(number)s/%(place)s.")
                % {"number": public_number("CR", before[0]), "place": before[1]}
            )
        place = [statements.moment(last.recorded_at), last.account_id, last.seq]
        rows = rows.filter(RawSQL(_OLDER, place, output_field=BooleanField()))  # noqa: S611  all values are bound
        balance, seen = f"{_NOW} - {_NEWER}", [*book, *_MOVES, *place]
    there = RawSQL(balance, [*book, *seen], output_field=BigIntegerField())  # noqa: S611  all values are bound
    rows = rows.annotate(balance=there)
    return _with_balances(list(rows.order_by("-recorded_at", "-account_id", "-seq")[:limit]))


def _with_balances(rows: Sequence[Any]) -> list[Line]:
    """The rows with the balance after each; all of them know the first one's."""
    lines: list[Line] = []
    balance = int(rows[0].balance or 0) if rows else 0
    for row in rows:
        amount = row.amount_minor if row.inward else -row.amount_minor
        lines.append(Line(row, amount, balance))
        balance -= amount
    return lines
