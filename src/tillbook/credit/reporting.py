"""What the shop owes as of any moment, and how it got there: from the transfers alone.

No figure here comes from a counter or the projection. Which transfers count says a `Basis`.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.numbering import row_id
from tillbook.credit.basis import Basis, View, adapted, check_moment
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.counting import POSTED
from tillbook.ledger.models import Balance, House, Kind
from tillbook.shop.policies import shop

_ROWS_AT_ONCE = 2_000


class Age(models.TextChoices):
    """How many days ago a credit arose."""

    TO_30 = "0-30", _("0 to 30 days")
    TO_60 = "31-60", _("31 to 60 days")
    TO_90 = "61-90", _("61 to 90 days")
    TO_180 = "91-180", _("91 to 180 days")
    TO_365 = "181-365", _("181 to 365 days")
    OLDER = "over-365", _("Over a year")


class Expiry(models.TextChoices):
    """When a credit's time is over."""

    OVER = "expired", _("Expired, not yet booked")
    IN_7 = "within-7", _("Within 7 days")
    IN_30 = "within-30", _("Within 8 to 30 days")
    IN_90 = "within-90", _("Within 31 to 90 days")
    LATER = "later", _("Later than 90 days")
    NEVER = "never", _("Never expires")


class Line(models.TextChoices):
    """The lines of a roll-forward. Every transfer that moves something posted is in exactly one."""

    ISSUED = "issued", _("Issued")
    GIVEN_BACK = "given_back", _("Given back from orders")
    NOT_RECEIVED = "not_received", _("Refunds not received")
    SPENT = "spent", _("Spent on orders")
    PAID_OUT = "paid_out", _("Paid out")
    EXPIRED = "expired", _("Expired")
    REVERSED = "reversed", _("Reversed")
    OTHER = "other", _("Other")  # what no rule knows: shown, never dropped


_AGE_DAYS = {Age.TO_30: 30, Age.TO_60: 60, Age.TO_90: 90, Age.TO_180: 180, Age.TO_365: 365}
_EXPIRY_DAYS = {Expiry.IN_7: 7, Expiry.IN_30: 30, Expiry.IN_90: 90}


class TransfersWithoutCredit(Refusal):
    """Transfers belong to no credit: a report that left them out would be wrong."""

    code = "transfers_without_credit"

    def __init__(self, transfers: int) -> None:
        super().__init__(
            gettext("The book has transfers that belong to no credit (%(transfers)s). Run `tillbook verify`.")
            % {"transfers": transfers}
        )


@dataclass(frozen=True, slots=True)
class CustomerBalance:
    """What one customer had in one currency, in minor units, derived from so many transfers."""

    currency: str
    customer_id: int
    username: str
    name: str  # as it was known then
    posted: int
    held: int
    transfers: int


class Owed(NamedTuple):
    """A part of what is owed: of one kind of credit, of one age and expiry; in minor units."""

    currency: str
    source: str  # credit.models.Source
    reason: str
    refundable: bool
    age: Age
    expiry: Expiry
    posted: int
    held: int
    credits: int  # those with something left
    transfers: int


class Move(NamedTuple):
    """What moved in one currency for one line; `minor` is below zero where it left the credits."""

    currency: str
    line: Line
    source: str  # of the credits, for what was issued
    reason: str  # for what was issued, and for Other
    house: str  # for Other
    minor: int
    transfers: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What stood in one currency at the beginning and at the end of a period, in minor units."""

    currency: str
    opening: int
    closing: int
    held_at_opening: int
    held_at_closing: int
    transfers: int  # all that the figures are derived from, those before the period too


@dataclass(frozen=True, slots=True)
class RollForward:
    from_at: datetime
    basis: Basis  # its `as_of` is the end of the period
    standings: list[Standing]  # a row per currency
    moves: list[Move]


_OF_CREDIT = "LEFT JOIN credit_credit AS c ON c.customer_id = {0}.customer_id AND c.id = {0}.account_id"


def _held(basis: Basis, before: str = "as_of") -> str:
    """SQL: what a transfer holds as of the parameter `before`: a hold that nothing had ended by then."""
    return (
        f"CASE WHEN t.kind = '{Kind.HOLD}' AND {basis.seen('t', before)} AND NOT EXISTS "
        "(SELECT 1 FROM ledger_transfer AS r WHERE r.customer_id = t.customer_id "
        f"AND r.account_id = t.account_id AND r.hold_seq = t.seq AND {basis.seen('r', before)}) "
        "THEN t.amount_minor ELSE 0 END"
    )


def _accounts(basis: Basis, condition: str = "TRUE") -> str:
    """SQL: a row for each account that had a transfer: posted, held, transfers."""
    return (
        f"SELECT t.customer_id, t.account_id, sum({POSTED}) AS posted, sum({_held(basis)}) AS held, "
        f"count(*) AS transfers FROM ledger_transfer AS t WHERE {condition} AND {basis.seen('t')} "
        "GROUP BY t.customer_id, t.account_id"
    )


def balances(basis: Basis, *, currency: str | None = None, actor: Actor) -> BalanceStream:
    """Every customer that ever had credit until then, by currency and username; zeros are among them.

    Streams, so that memory does not grow with the book: read it to its end, or close it. Raises
    PermissionDenied, and TransfersWithoutCredit when it is read.
    """
    actor.require(Permission.VIEW_REPORTS)
    return _balances(basis, currency)


def balances_of(customer_id: int, basis: Basis, *, actor: Actor) -> list[tuple[str, int, int]]:
    """(currency, posted, held) of one customer in minor units, by currency, as of the basis.

    Whoever may look at the customer's transfers may have their sums. Raises PermissionDenied,
    TransfersWithoutCredit.
    """
    actor.require(Permission.VIEW)
    rows = _rows(
        "SELECT c.currency, sum(a.posted), sum(a.held), sum(a.transfers) "
        f"FROM ({_accounts(basis, 't.customer_id = %(customer_id)s')}) AS a {_OF_CREDIT.format('a')} "
        "GROUP BY c.currency ORDER BY c.currency NULLS FIRST",
        {**basis.parameters, "customer_id": customer_id},
    )
    if rows and rows[0][0] is None:
        raise TransfersWithoutCredit(int(rows[0][-1]))
    return [(currency, int(posted), int(held)) for currency, posted, held, _ in rows]


BalanceStream = Generator[CustomerBalance, None, None]


def _balances(basis: Basis, currency: str | None) -> BalanceStream:
    names = _former_names(basis.known_until)
    # The same order on both databases: that of the characters' numbers.
    order = 'u.username COLLATE "C"' if connection.vendor == "postgresql" else "u.username"
    statement = (
        "SELECT c.currency, u.id, u.username, u.first_name, u.last_name, u.company, "
        "sum(a.posted), sum(a.held), sum(a.transfers) "
        f"FROM ({_accounts(basis)}) AS a {_OF_CREDIT.format('a')} "
        "LEFT JOIN customers_customer AS u ON u.id = c.customer_id "
        "GROUP BY c.currency, u.id, u.username, u.first_name, u.last_name, u.company "
        f"ORDER BY c.currency NULLS FIRST, {order}"
    )
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, basis.parameters)
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            for found, *row in rows:
                if found is None:
                    raise TransfersWithoutCredit(int(row[-1]))
                if currency in (None, found):
                    yield _customer_balance(found, row, names)


def _customer_balance(
    currency: str, row: list[Any], names: Mapping[int, Mapping[str, str]]
) -> CustomerBalance:
    customer_id, username, first, last, company, *sums = row
    known = {"first_name": first, "last_name": last, "company": company} | dict(names.get(customer_id, {}))
    name = Customer(username=username, **known).display_name
    posted, held, transfers = map(int, sums)
    return CustomerBalance(currency, customer_id, username, name, posted, held, transfers)


def _former_names(moment: datetime) -> dict[int, dict[str, str]]:
    """customer id -> what a name field was at `moment`, where it was changed after that."""
    events = Event.objects.filter(action="customer.details_updated", recorded_at__gte=moment).order_by("id")
    found: dict[int, dict[str, str]] = {}
    for customer_id, data in events.values_list("customer_id", "data").iterator(chunk_size=_ROWS_AT_ONCE):
        for name in ("first_name", "last_name", "company"):
            if name in data["changed"]:
                found.setdefault(customer_id or 0, {}).setdefault(name, data["changed"][name][0])
    return found


def liability(basis: Basis, *, currency: str | None = None, actor: Actor) -> list[Owed]:
    """All that is owed, in parts by currency, source, reason, refundability, age and expiry.

    Each credit has the expiry that held then, whatever was changed since. Parts where nothing
    is left are among them. Raises PermissionDenied, TransfersWithoutCredit.
    """
    actor.require(Permission.VIEW_REPORTS)
    local = basis.as_of.astimezone(shop().time_zone)  # days are counted on the shop's calendar
    ages = {f"age_{days}": local - timedelta(days=days + 1) for days in _AGE_DAYS.values()}
    ends = {f"in_{days}": local + timedelta(days=days) for days in _EXPIRY_DAYS.values()}
    age = _case({each: f"c.issued_at >= %(age_{days})s" for each, days in _AGE_DAYS.items()}, Age.OLDER)
    expires_at = "coalesce(x.expires_at, c.expires_at)"
    terms = {Expiry.NEVER: f"{expires_at} IS NULL", Expiry.OVER: f"{expires_at} < %(as_of)s"}
    terms |= {each: f"{expires_at} <= %(in_{days})s" for each, days in _EXPIRY_DAYS.items()}
    extended, table = _former_expiries(basis.known_until)
    rows = _rows(
        f"SELECT c.currency, c.source, c.reason, c.refundable, {age}, {_case(terms, Expiry.LATER)}, "
        "sum(a.posted), sum(a.held), sum(CASE WHEN a.posted <> 0 THEN 1 ELSE 0 END), sum(a.transfers) "
        f"FROM ({_accounts(basis)}) AS a {_OF_CREDIT.format('a')} "
        f"LEFT JOIN {table} AS x ON x.customer_id = c.customer_id AND x.id = c.id "
        "GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY c.currency NULLS FIRST, 2, 3, 4, 5, 6",
        {**basis.parameters, **adapted({**ages, **ends}), "extended": json.dumps(extended)},
    )
    found = []
    for of, source, reason, refundable, aged, ending, *sums in rows:
        posted, held, credits, transfers = map(int, sums)
        if of is None:
            raise TransfersWithoutCredit(transfers)
        if currency in (None, of):
            terms_of = (of, source, reason, bool(refundable), Age(aged), Expiry(ending))
            found.append(Owed(*terms_of, posted, held, credits, transfers))
    return found


def _case(rules: Mapping[Any, str], otherwise: models.TextChoices) -> str:
    """SQL: the value of the first rule that holds."""
    whens = " ".join(f"WHEN {rule} THEN '{value}'" for value, rule in rules.items())
    return f"CASE {whens} ELSE '{otherwise}' END"


def _former_expiries(moment: datetime) -> tuple[list[dict[str, Any]], str]:
    """The expiry that held at `moment`, where a grace period changed it after that; and the
    table of these rows for a FROM clause, which takes them as JSON in the parameter `extended`.
    """
    events = Event.objects.filter(action="credit.extended", recorded_at__gte=moment).order_by("id")
    former: dict[tuple[int, int], datetime] = {}
    for customer_id, number, data in events.values_list("customer_id", "subject", "data").iterator(
        chunk_size=_ROWS_AT_ONCE
    ):
        place = (customer_id or 0, row_id("CR", number) or 0)
        former.setdefault(place, datetime.fromisoformat(data["expires_at"][0]))
    rows = [
        {"customer_id": customer_id, "id": credit_id, "expires_at": str(adapted({"at": at})["at"])}
        for (customer_id, credit_id), at in former.items()
    ]
    if connection.vendor == "postgresql":
        # A function with named columns needs them where it gets its alias.
        columns = "(customer_id bigint, id bigint, expires_at timestamptz)"
        return rows, f"(SELECT * FROM json_to_recordset(CAST(%(extended)s AS json)) AS f{columns})"
    picked = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in ("customer_id", "id"))
    at = "json_extract(value, '$.expires_at') AS expires_at"
    return rows, f"(SELECT {picked}, {at} FROM json_each(%(extended)s))"


def roll_forward(
    from_at: datetime, basis: Basis, *, currency: str | None = None, actor: Actor
) -> RollForward:
    """How what was owed at `from_at` became what was owed as of the basis.

    Opening plus all moves is closing, and closing is the next period's opening on a basis of the
    same view and `recorded_by`. Raises PermissionDenied, InvalidInput, TransfersWithoutCredit.
    """
    actor.require(Permission.VIEW_REPORTS)
    check_period(from_at, basis)
    time = "effective_at" if basis.view == View.EFFECTIVE else "recorded_at"
    rows = _rows(
        f"SELECT c.currency, t.{time} < %(from_at)s, t.kind, t.house, t.inward, t.seq = 1, "
        "t.house = c.house, c.source, t.reason, "
        f"sum({POSTED}), sum({_held(basis, 'from_at')}), sum({_held(basis)}), count(*) "
        f"FROM ledger_transfer AS t {_OF_CREDIT.format('t')} WHERE {basis.seen('t')} "
        "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY c.currency NULLS FIRST, 2, 3, 4, 5, 6, 7, 8, 9",
        {**basis.parameters, **adapted({"from_at": from_at})},
    )
    sums: dict[str, list[int]] = {}  # currency -> opening, closing, held at both, transfers
    moves = []
    for found, before, kind, house, inward, first, own, source, reason, *figures in rows:
        minor, held_before, held, transfers = map(int, figures)
        if found is None:
            raise TransfersWithoutCredit(transfers)
        if currency not in (None, found):
            continue
        standing = sums.setdefault(found, [0, 0, 0, 0, 0])
        by = (minor if before else 0, minor, held_before, held, transfers)
        standing[:] = [old + new for old, new in zip(standing, by, strict=True)]
        if not before and kind in (Kind.POST, Kind.CAPTURE):
            line = line_of(house, inward=bool(inward), first=bool(first), own=bool(own))
            moves.append(Move(found, line, source, reason, house, minor, transfers))
    standings = [Standing(found, *figures) for found, figures in sums.items()]
    return RollForward(from_at, basis, standings, moves)


def check_period(from_at: datetime, basis: Basis) -> None:
    """Raise InvalidInput naming from_at for a period that a roll-forward can't be about."""
    if from_at.tzinfo is not None and from_at >= basis.as_of:
        raise InvalidInput(gettext("From: a period must begin before it ends."), field="from_at")
    check_moment(from_at, basis.as_of, field="from_at")


def line_of(house: str, *, inward: bool, first: bool, own: bool) -> Line:
    """The line of a transfer that moves something posted.

    `first` is whether it opened its account, `own` whether its house account is the one that the
    credit was issued from.
    """
    if inward:
        if first and own:
            return Line.ISSUED
        return _COMING_BACK.get(house, Line.OTHER)
    if own:
        return Line.REVERSED
    return _LEAVING.get(house, Line.OTHER)


_COMING_BACK: dict[str, Line] = {House.ORDERS: Line.GIVEN_BACK, House.PAYOUTS: Line.NOT_RECEIVED}
_LEAVING: dict[str, Line] = {
    House.ORDERS: Line.SPENT,
    House.PAYOUTS: Line.PAID_OUT,
    House.BREAKAGE: Line.EXPIRED,
}


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a SELECT that has few."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def currencies() -> list[str]:
    """The currencies in which anybody ever had credit, or owed."""
    rows = Balance.objects.values_list("currency", flat=True).distinct()
    return sorted(rows)
