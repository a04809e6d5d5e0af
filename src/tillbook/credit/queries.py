"""Reading credits and balances."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import F, Q
from django.db.models.lookups import IsNull
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.errors import NotFound
from tillbook.common.numbering import public_number, row_id
from tillbook.common.paging import newest_before
from tillbook.common.statements import Query
from tillbook.credit.batch import Part
from tillbook.credit.issuing import CreditNotFound
from tillbook.credit.models import Credit, Source
from tillbook.ledger import queries as ledger
from tillbook.ledger.book import Counters
from tillbook.ledger.models import Account, Balance, House, Kind, Transfer
from tillbook.ledger.steady import Range, within


def credits_of(customer_id: int) -> list[Credit]:
    """The customer's credits, newest first, each with its account's counters."""
    rows = Credit.objects.filter(customer_id=customer_id).select_related("account", "customer")
    return list(rows.order_by("-issued_at", "-id"))


def page_of_credits(customer_id: int, *, before: int | None = None, limit: int = 50) -> list[Credit]:
    """A page of the customer's credits, the newest first; `before` is the id of the last one seen."""
    rows = newest_before(Credit.objects.filter(customer_id=customer_id), before)
    return _in_this_order(customer_id, rows.values_list("id", flat=True)[:limit])


def _in_this_order(customer_id: int, ids: Iterable[int]) -> list[Credit]:
    """The customer's credits of these ids, in their order, with accounts and customers.

    Looked up once they are chosen: in a join a database may rather read all accounts, and sort.
    """
    order = list(ids)
    found = by_ids([(customer_id, credit_id) for credit_id in order])
    return [found[credit_id] for credit_id in order]


def usable_of_customer(customer_id: int, currency: str, *, limit: int) -> list[Credit]:
    """Credits in `currency` with something available, with accounts and customers, in the order of use.

    Also those whose time is over, until they are expired.
    """
    rows = Credit.objects.filter(customer_id=customer_id, currency=currency, usable=True)
    order = (IsNull(F("expires_at"), True), "expires_at", "issued_at", "id")
    return _in_this_order(customer_id, rows.order_by(*order).values_list("id", flat=True)[:limit])


def in_hand(customer_id: int, currencies: Sequence[str], *, limit: int) -> list[Credit]:
    """What the customer has: credits with something available, in the order of use, then those wholly held.

    Also those whose time is over, until they are expired. Each with its account and customer.
    """
    found: list[Credit] = []
    for currency in currencies:
        found += usable_of_customer(customer_id, currency, limit=limit)
    held = Credit.objects.filter(
        customer_id=customer_id, currency__in=currencies, usable=False, account__held_minor__gt=0
    )
    found += _in_this_order(customer_id, held.order_by("id").values_list("id", flat=True)[:limit])
    return found[:limit]


def by_ids(places: Collection[tuple[int, int]]) -> dict[int, Credit]:
    """id -> credit, with its account and customer, of these (customer_id, id)."""
    rows = Credit.objects.filter(
        customer_id__in={customer_id for customer_id, _ in places}, id__in={id for _, id in places}
    )
    return {credit.id: credit for credit in rows.select_related("account", "customer")}


def credits_of_document(customer_id: int, reference: str) -> list[Credit]:
    """The credits that arose from the document, with their accounts, in the order of their numbers."""
    rows = Credit.objects.filter(customer_id=customer_id, source_reference=reference)
    return list(rows.select_related("account").order_by("id"))


def by_number(number: str) -> Credit:
    """The credit CR-... with its account and customer; raises CreditNotFound."""
    credit_id = row_id("CR", number)
    credit = Credit.objects.filter(id=credit_id or 0).select_related("account", "customer").first()
    if credit is None:
        raise CreditNotFound(_("There is no credit %(number)s.") % {"number": number}, field="credit")
    return credit


def balances_of(customer_id: int) -> list[Balance]:
    """The customer's projection, a row per currency."""
    return ledger.balances_of(customer_id)


def balance_of(customer_id: int, currency: str) -> Balance:
    """The projection in one currency; zeros where nothing ever happened."""
    row = Balance.objects.filter(customer_id=customer_id, currency=currency).first()
    return row or Balance(customer_id=customer_id, currency=currency)


def transfers_of_credit(credit: Credit) -> list[Transfer]:
    """Every transfer of one credit, oldest first."""
    return list(Transfer.objects.filter(customer_id=credit.customer_id, account_id=credit.id).order_by("seq"))


def transfers_of_document(customer_id: int, reference: str) -> list[Transfer]:
    """Every transfer that names the business document, oldest first."""
    rows = Transfer.objects.filter(customer_id=customer_id, reference=reference)
    return list(rows.order_by("recorded_at", "account_id", "seq"))


def page_of_transfers(
    customer_id: int,
    *,
    credit_id: int | None = None,
    reference: str | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 50,
) -> list[tuple[Transfer, str]]:
    """A page of the customer's transfers, each with its currency, the oldest first.

    Those of one credit are in that credit's own order. `after` is (credit_id, seq) of the last one
    seen. Raises NotFound if there is none such.
    """
    rows = Transfer.objects.filter(customer_id=customer_id)
    if credit_id is not None:
        rows = rows.filter(account_id=credit_id)
    if reference is not None:
        rows = rows.filter(reference=reference)
    if after is not None:
        seen = Transfer.objects.filter(customer_id=customer_id, account_id=after[0], seq=after[1]).first()
        if seen is None:
            raise NotFound(
                f"There is no transfer {public_number('CR', after[0])}/{after[1]}.", field="cursor"
            )
        rows = rows.filter(_follows(seen, in_own_order=credit_id is not None))
    order = ["seq"] if credit_id is not None else ["recorded_at", "account_id", "seq"]
    found = list(rows.order_by(*order)[:limit])
    accounts = Account.objects.filter(customer_id=customer_id, id__in={row.account_id for row in found})
    currencies = dict(accounts.values_list("id", "currency"))
    return [(row, currencies[row.account_id]) for row in found]


def _follows(seen: Transfer, *, in_own_order: bool) -> Q:
    """The condition that a transfer comes after `seen`."""
    if in_own_order:
        return Q(seq__gt=seen.seq)
    together = Q(account_id=seen.account_id, seq__gt=seen.seq) | Q(account_id__gt=seen.account_id)
    return Q(recorded_at__gt=seen.recorded_at) | (Q(recorded_at=seen.recorded_at) & together)


def sums_of_documents(wanted: Range, house: House) -> dict[tuple[int, str], int]:
    """(customer_id, reference) -> what credits got from `house` because of it, less what it got from them."""
    condition, bounds = within(wanted, "customer_id")
    rows = statements.select(
        "SELECT customer_id, reference, sum(CASE WHEN inward THEN amount_minor ELSE -amount_minor END) "
        f"FROM ledger_transfer WHERE {condition} AND house = %s AND kind IN (%s, %s) "
        "GROUP BY customer_id, reference",
        [*bounds, str(house), str(Kind.POST), str(Kind.CAPTURE)],
    )
    return {(customer_id, reference): int(minor) for customer_id, reference, minor in rows}


def spent_on(customer_id: int, reference: str) -> dict[str, int]:
    """currency -> what the customer's credits paid of the document and did not get back, in minor units."""
    rows = statements.select(
        "SELECT a.currency, sum(CASE WHEN t.inward THEN -t.amount_minor ELSE t.amount_minor END) "
        "FROM ledger_transfer AS t JOIN ledger_account AS a ON a.customer_id = t.customer_id "
        "AND a.id = t.account_id WHERE t.customer_id = %s AND t.reference = %s AND t.house = %s "
        "AND t.kind IN (%s, %s) GROUP BY a.currency",
        [customer_id, reference, House.ORDERS.value, Kind.POST.value, Kind.CAPTURE.value],
    )
    return {currency: int(minor) for currency, minor in rows if minor}


def reversed_by_source(wanted: Range) -> dict[tuple[int, str], int]:
    """(customer_id, order number) -> minor units of overpayment credits that were reversed as mistakes."""
    condition, bounds = within(wanted, "t.customer_id")
    rows = statements.select(
        "SELECT t.customer_id, c.source_reference, sum(t.amount_minor) FROM ledger_transfer AS t "
        "JOIN credit_credit AS c ON c.customer_id = t.customer_id AND c.id = t.account_id "
        f"WHERE {condition} AND t.house = %s AND t.kind = %s AND c.source = %s "
        "GROUP BY t.customer_id, c.source_reference",
        [*bounds, House.RECEIPTS.value, Kind.CAPTURE.value, Source.OVERPAYMENT.value],
    )
    return {(customer_id, number): int(minor) for customer_id, number, minor in rows}


def houses_of(customer_id: int, credit_ids: Collection[int]) -> dict[int, House]:
    """credit id -> the house account that it came from."""
    rows = Credit.objects.filter(customer_id=customer_id, id__in=credit_ids)
    return {credit_id: House(house) for credit_id, house in rows.values_list("id", "house")}


def reversed_of(customer_id: int, credit_ids: Collection[int]) -> dict[int, int]:
    """credit id -> minor units of it that were reversed as a mistake; credits with none are left out."""
    rows = Transfer.objects.filter(
        customer_id=customer_id, account_id__in=credit_ids, kind=Kind.CAPTURE.value
    )
    houses = houses_of(customer_id, credit_ids)
    found: dict[int, int] = {}
    for credit_id, house, minor in rows.values_list("account_id", "house", "amount_minor"):
        if house == houses[credit_id]:  # back to where it came from: what is spent or paid out goes elsewhere
            found[credit_id] = found.get(credit_id, 0) + minor
    return found


def refundable_spent(customer_id: int, reference: str) -> dict[int, int]:
    """credit id -> what that refundable credit paid of the document and did not get back, in minor units."""
    rows = statements.select(
        "SELECT c.id, sum(CASE WHEN t.inward THEN -t.amount_minor ELSE t.amount_minor END) AS minor "
        "FROM ledger_transfer AS t JOIN credit_credit AS c ON c.customer_id = t.customer_id "
        "AND c.id = t.account_id WHERE t.customer_id = %s AND t.reference = %s AND t.house = %s "
        "AND t.kind IN (%s, %s) AND c.refundable GROUP BY c.id ORDER BY c.id",
        [customer_id, reference, House.ORDERS.value, Kind.POST.value, Kind.CAPTURE.value],
    )
    return {credit_id: int(minor) for credit_id, minor in rows if minor}


def payers_of(customer_id: int, references: Collection[str], *, refundable: bool) -> list[Credit]:
    """The credits, those that may be paid out or the others, that paid something of these documents."""
    ids = Transfer.objects.filter(
        customer_id=customer_id, reference__in=references, house=House.ORDERS.value, inward=False
    ).values_list("account_id", flat=True)
    rows = Credit.objects.filter(customer_id=customer_id, id__in=set(ids), refundable=refundable)
    return list(rows.order_by("id"))


def usable(customer_id: int, currency: str, now: datetime, *, refundable: bool = False) -> list[Credit]:
    """Credits with something available at `now`, in the order in which they are used."""
    order = [each.credit_id for each in all_in_order((customer_id, currency), now, refundable=refundable)]
    rows = Credit.objects.filter(customer_id=customer_id, id__in=order).select_related("account")
    found = {credit.id: credit for credit in rows}
    return [found[credit_id] for credit_id in order]


def available_at(customer_id: int, currency: str, now: datetime, *, refundable: bool = False) -> int:
    """Minor units that can be used at `now`, or with `refundable` paid out: what has expired is left out."""
    rows = statements.select(
        f"SELECT sum(a.posted_minor - a.held_minor) FROM {_CREDITS}"
        "WHERE c.customer_id = %s AND c.currency = %s AND c.usable "
        f"AND (c.expires_at IS NULL OR c.expires_at > %s) {'AND c.refundable' if refundable else ''}",
        [customer_id, currency, statements.moment(now)],
    )
    return int(rows[0][0] or 0)


def expired_by(customer_id: int, currency: str, now: datetime) -> int:
    """Minor units that are still available of credit whose time is over: until that is booked."""
    rows = statements.select(
        f"SELECT sum(a.posted_minor - a.held_minor) FROM {_CREDITS}"
        "WHERE c.customer_id = %s AND c.currency = %s AND c.usable AND c.expires_at <= %s",
        [customer_id, currency, statements.moment(now)],
    )
    return int(rows[0][0] or 0)


def parts_of_key(customer_id: int, key: str) -> list[Part]:
    """How much of which credit the key moved, in its order."""
    rows = statements.select(
        "SELECT account_id, amount_minor FROM ledger_transfer WHERE customer_id = %s AND key = %s "
        "ORDER BY part",
        [customer_id, key],
    )
    return [Part(*row) for row in rows]


class Usable(NamedTuple):
    """What a choice between credits looks at; `expired` is as of the moment asked for."""

    customer_id: int
    credit_id: int
    currency: str
    refundable: bool
    expired: bool
    counters: Counters

    @property
    def number(self) -> str:
        return public_number("CR", self.credit_id)


_COLUMNS = (
    "c.customer_id, c.id, c.currency, c.refundable, coalesce(c.expires_at <= %s, FALSE), "
    "a.posted_minor, a.held_minor, a.transfers, a.digest"
)
_CREDITS = "credit_credit AS c JOIN ledger_account AS a ON a.customer_id = c.customer_id AND a.id = c.id "
_EVERY = 2**31 - 1  # more credits than anybody has


def in_order_queries(
    books: Collection[tuple[int, str]], now: datetime, *, refundable: bool, most: int
) -> list[Query]:
    """Credits of these (customer_id, currency) with something available: of each book the first `most`.

    In the order of use: those that expire first, then the oldest; for a payout (`refundable`),
    where expiry is no matter, the oldest of those that may be paid out. `usables` takes the rows.
    """
    at = statements.moment(now)
    if len(books) == 1 or not statements.is_postgresql():  # SQLite has no lateral joins
        text = _in_order("", "%s", "%s", refundable)
        return [Query(text, [at, *book, at, most]) for book in sorted(books)]
    table, rows = statements.wanted({"customer_id": "bigint", "currency": "text"}, books)
    text = _in_order(table, "wanted.customer_id", "wanted.currency", refundable)
    return [Query(text, [*rows, at, at, most])]


def all_in_order(book: tuple[int, str], now: datetime, *, refundable: bool) -> list[Usable]:
    """All credits of one (customer_id, currency) with something available, in the order of use."""
    (query,) = in_order_queries([book], now, refundable=refundable, most=_EVERY)
    return usables(statements.select(*query))


@lru_cache(maxsize=256)
def _in_order(table: str, customer_id: str, currency: str, refundable: bool) -> str:
    order = "c.issued_at, c.id" if refundable else "c.expires_at IS NULL, c.expires_at, c.issued_at, c.id"
    one_book = (
        f"SELECT {_COLUMNS} FROM {_CREDITS} WHERE c.customer_id = {customer_id} AND c.currency = {currency} "
        f"AND c.usable AND (c.expires_at IS NULL OR c.expires_at > %s) "
        f"{'AND c.refundable ' if refundable else ''}ORDER BY {order} LIMIT %s"
    )
    if not table:
        return one_book
    return f"SELECT credit.* FROM {table} CROSS JOIN LATERAL ({one_book}) AS credit"


def chosen_query(credits: Iterable[tuple[int, int]], now: datetime) -> Query:
    """These (customer_id, credit_id), as far as they exist, whatever is left of them."""
    table, rows = statements.wanted({"customer_id": "bigint", "id": "bigint"}, credits)
    at = statements.moment(now)
    return Query(
        f"SELECT {_COLUMNS} FROM {table} CROSS JOIN {_CREDITS} "
        "WHERE c.customer_id = wanted.customer_id AND c.id = wanted.id",
        [at, *rows],
    )


def usables(rows: Iterable[tuple[Any, ...]]) -> list[Usable]:
    """What the rows of `in_order_queries` or `chosen_query` say, in their order."""
    return [_usable(*row) for row in rows]


def _usable(
    customer_id: int, credit_id: int, currency: str, refundable: bool, expired: bool, *counters: Any
) -> Usable:
    posted, held, transfers, digest = counters
    account = Counters(customer_id, credit_id, currency, posted, held, transfers, bytes(digest))
    return Usable(customer_id, credit_id, currency, bool(refundable), bool(expired), account)
