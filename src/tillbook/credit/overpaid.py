"""Overpayments that nobody has dealt with: what is available of their credits, and keeping one as credit."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit.issuing import CreditNotFound, lock
from tillbook.credit.models import Credit, Source
from tillbook.credit.queries import by_ids
from tillbook.events.services import NewEvent, content_of, record, replay

# Written out, for SQLite finds a partial index only by the very words of its condition. The account is
# looked up row by row: in a join PostgreSQL would rather read all accounts than follow the index.
_OPEN = (
    "FROM credit_credit AS c WHERE c.source = 'overpayment' AND c.usable AND c.kept_at IS NULL AND "
    "(SELECT a.posted_minor > a.held_minor FROM ledger_account AS a "
    "WHERE a.customer_id = c.customer_id AND a.id = c.id)"
)


class DealtWith(Refusal):
    """Somebody dealt with the overpayment already."""

    code = "dealt_with"


def page_of_open(*, after: Credit | None = None, limit: int = 50) -> list[Credit]:
    """A page of the overpayments' credits to be dealt with, with accounts and customers, the oldest first.

    `after` is the last one seen.
    """
    since = "" if after is None else " AND (c.issued_at, c.id) > (%s, %s)"
    seen = [] if after is None else [statements.moment(after.issued_at), after.id]
    places: list[tuple[int, int]] = [
        (customer_id, credit_id)
        for customer_id, credit_id in statements.select(
            f"SELECT c.customer_id, c.id {_OPEN}{since} ORDER BY c.issued_at, c.id LIMIT %s", [*seen, limit]
        )
    ]
    found = by_ids(places)
    return [found[credit_id] for _, credit_id in places]


def count_open(most: int) -> int:
    """How many overpayments are to be dealt with, counted up to `most`."""
    rows = statements.select(f"SELECT count(*) FROM (SELECT 1 {_OPEN} LIMIT %s) AS found", [most])
    return int(rows[0][0])


@transaction.atomic
def keep(*, customer_id: int, credit_id: int, key: str, actor: Actor, now: datetime) -> Credit:
    """Decide that what was paid too much stays credit, so that nobody is asked again. No money moves.

    Raises PermissionDenied, CreditNotFound, DealtWith when it was kept or nothing of it is
    available, KeyReused.
    """
    actor.require(Permission.WORK_ORDERS)
    overpaid = Credit.objects.filter(customer_id=customer_id, id=credit_id, source=Source.OVERPAYMENT)
    found = overpaid.first()
    if found is None:
        raise CreditNotFound(_("This customer has no such overpayment."), field="credit")
    lock(customer_id, found.currency)
    content = content_of("credit.kept", credit_id=credit_id)
    first = replay(customer_id, key, content)
    credit = overpaid.select_related("account", "customer").get()
    if first is not None:
        return credit
    if credit.kept_at is not None or not credit.account.available_minor:
        raise DealtWith(_("Somebody has dealt with %(number)s already.") % {"number": credit.number})
    overpaid.update(kept_at=now)
    credit.kept_at = now
    left = Money(credit.account.available_minor, credit.currency)
    event = NewEvent("credit.kept", credit.number, customer_id, key, content, data={"amount": str(left)})
    record(event, actor=actor, now=now)
    return credit
