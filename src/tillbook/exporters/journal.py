"""The journal of the credit owed to customers: bookings, as a shop's books want them.

Only what changes `posted` is booked, a post or a capture: a hold and its release move nothing.
The customers' credits are one account of the books, the liability; every booking has it on
one side and house accounts on the other. Amounts are minor units, debits above zero and credits
below, and those of a booking add up to zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import CharField, Func, OuterRef, QuerySet, Subquery, Sum

from tillbook.common.actor import Actor, Permission
from tillbook.common.money import Money, check_currency
from tillbook.common.numbering import public_number
from tillbook.customers.models import Customer
from tillbook.exporters.period import By, Period
from tillbook.ledger.models import Account, House, Kind, Transfer
from tillbook.shop.policies import shop

LIABILITY = "liability"  # beside the house accounts: what the shop owes its customers

_AT_ONCE = 2_000  # rows in memory

#: house account -> what happened when it was debited (credit came in), and when it was credited
_HAPPENED = {
    House.RECEIPTS: ("Money received became credit", "Credit taken back with its payment"),
    House.SALES_RETURNS: ("Return credited", "Credit of a return reversed"),
    House.GOODWILL: ("Goodwill given", "Goodwill reversed"),
    House.PROMOTIONS: ("Promotion given", "Promotion reversed"),
    House.ADJUSTMENTS: ("Correction given", "Correction reversed"),
    House.ORDERS: ("Credit given back by an order", "Order paid with credit"),
    House.PAYOUTS: ("Refund not received", "Refund paid out"),
    House.BREAKAGE: ("Expired credit given back", "Credit expired"),
}


class Detail(StrEnum):
    """What one booking stands for."""

    TRANSFER = "transfer"
    DAY = "day"
    MONTH = "month"


class Posting(NamedTuple):
    account: str  # LIABILITY, or the name of a house account
    minor: int  # a debit above zero, a credit below
    narration: str


class Booking(NamedTuple):
    """One booking in one currency. `facts` tell a single transfer's customer, credit and so on."""

    day: date
    number: str  # unique, and the same at every export
    narration: str
    currency: str
    postings: tuple[Posting, ...]
    facts: dict[str, str]


Balances = dict[tuple[str, str], int]  # (account, currency) -> minor units, debits above zero


@dataclass(frozen=True, slots=True)
class Journal:
    """What a period's export holds; the balances are sums that the database made of all transfers."""

    period: Period
    detail: Detail
    currency: str | None  # only this one; None: all

    @property
    def opened_on(self) -> date:
        """The day before the period, which ends with the opening balances."""
        return self.period.first - timedelta(days=1)

    def opening(self) -> Balances:
        """The accounts' balances before the period. None of them is zero."""
        return {place: minor for place, minor in self._until(self.period.start).items() if minor}

    def closing(self) -> Balances:
        """The balances at the period's end of all accounts that were ever used."""
        return self._until(self.period.end)

    def bookings(self) -> Iterator[Booking]:
        """The period's bookings in the order of their days. Streams."""
        column = self.period.by.column
        rows = self._posted().filter(
            **{f"{column}__gte": self.period.start, f"{column}__lt": self.period.end}
        )
        return _single(rows, column) if self.detail is Detail.TRANSFER else self._summed(rows)

    def _posted(self) -> QuerySet[Any, Any]:
        """What changes `posted`, as far as it counts, with its currency."""
        account = Account.objects.filter(customer_id=OuterRef("customer_id"), id=OuterRef("account_id"))
        rows: QuerySet[Any, Any] = Transfer.objects.filter(kind__in=(Kind.POST, Kind.CAPTURE))
        rows = rows.annotate(currency=Subquery(account.values("currency")))
        if self.period.recorded_by is not None:
            rows = rows.filter(recorded_at__lte=self.period.recorded_by)
        return rows if self.currency is None else rows.filter(currency=self.currency)

    def _until(self, end: datetime) -> Balances:
        rows = self._posted().filter(**{f"{self.period.by.column}__lt": end})
        sums = rows.order_by().values("currency", "house", "inward").annotate(minor=Sum("amount_minor"))
        found: Balances = {}
        for row in sums.order_by("currency", "house", "inward"):
            # PostgreSQL's sum of bigint is numeric.
            minor = int(row["minor"]) if row["inward"] else -int(row["minor"])
            for place, delta in ((row["house"], minor), (LIABILITY, -minor)):
                found[place, row["currency"]] = found.get((place, row["currency"]), 0) + delta
        return found

    def _summed(self, rows: QuerySet[Any, Any]) -> Iterator[Booking]:
        """One booking per day or month and currency. Memory is one set of sums for each of them."""
        parts: QuerySet[Any, Any] = rows.annotate(minute=_Minute(self.period.by.column)).order_by()
        parts = parts.values_list("minute", "currency", "house", "inward").annotate(minor=Sum("amount_minor"))
        sums: dict[tuple[date, str], dict[tuple[str, bool], int]] = {}
        zone = shop().time_zone
        for minute, currency, house, inward, minor in parts.iterator(chunk_size=_AT_ONCE):
            # The shop's day is found here: the databases' own time zones may not be the same.
            day = datetime.fromisoformat(minute).replace(tzinfo=UTC).astimezone(zone).date()
            place = sums.setdefault((self._booked_on(day), currency), {})
            place[house, inward] = place.get((house, inward), 0) + int(minor)
        for (day, currency), amounts in sorted(sums.items()):
            yield _sum(day, currency, amounts, self.detail)

    def _booked_on(self, day: date) -> date:
        if self.detail is Detail.DAY:
            return day
        next_month = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        return min(next_month - timedelta(days=1), self.period.last)


def journal(
    period: Period,
    *,
    detail: Detail = Detail.DAY,
    currency: str | None = None,
    unfinished: bool = False,
    actor: Actor,
    now: datetime,
) -> Journal:
    """The period's journal, which is the same at every later call.

    Raises PermissionDenied, InvalidInput and PeriodNotOver.
    """
    actor.require(Permission.EXPORT_BOOKS)
    period.check(now, unfinished=unfinished)
    if currency is not None:
        check_currency(currency)
    return Journal(period, detail, currency)


class _Minute(Func):
    """The minute of a moment as text, UTC. In SQLite moments are such texts already."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return super().as_sql(compiler, connection, template="substr(%(expressions)s, 1, 16)", **more)

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
        return super().as_sql(compiler, connection, template=template, **more)


def _sum(day: date, currency: str, amounts: dict[tuple[str, bool], int], detail: Detail) -> Booking:
    """What went in and what went out, each by house account, against the liability's two sides."""
    postings = []
    for inward in (True, False):
        sign = 1 if inward else -1
        sides = [
            Posting(house, sign * amounts[house, inward], _HAPPENED[house][not inward])
            for house in House
            if (house, inward) in amounts
        ]
        if sides:
            owed = "Credit issued or given back" if inward else "Credit used, paid out or expired"
            postings += [*sides, Posting(LIABILITY, -sum(side.minor for side in sides), owed)]
    shown = f"{day:%Y-%m}" if detail is Detail.MONTH else f"{day}"
    narration = f"Customer credit of {shown}, {currency}"
    return Booking(day, f"TB-{day:%Y%m%d}-{currency}", narration, currency, tuple(postings), {})


def _single(rows: QuerySet[Any, Any], column: str) -> Iterator[Booking]:
    customer = Customer.objects.filter(pk=OuterRef("customer_id"))
    found = rows.annotate(username=Subquery(customer.values("username"))).order_by(
        column, "customer_id", "account_id", "seq"
    )
    return (_booking(row, column) for row in found.iterator(chunk_size=_AT_ONCE))


def _booking(row: Any, column: str) -> Booking:
    zone = shop().time_zone
    happened = _HAPPENED[House(row.house)][not row.inward]
    credit = public_number("CR", row.account_id)
    minor = row.amount_minor if row.inward else -row.amount_minor
    narration = f"{happened}: {row.reference or credit}, {row.username}"
    day = getattr(row, column).astimezone(zone).date()
    facts = {"customer": row.username, "credit": credit, "reference": row.reference, "reason": row.reason}
    other = By.RECORDED if column == By.EFFECTIVE.column else By.EFFECTIVE
    if (other_day := getattr(row, other.column).astimezone(zone).date()) != day:
        facts[other.value] = f"{other_day}"
    postings = (Posting(row.house, minor, happened), Posting(LIABILITY, -minor, happened))
    facts = {name: fact for name, fact in facts.items() if fact}
    return Booking(day, f"{credit}-{row.seq}", narration, row.currency, postings, facts)


def shown(minor: int, currency: str) -> str:
    """The amount as plain decimal text, "-12.34", with the currency's own digits."""
    return Money(minor, currency).decimal()
