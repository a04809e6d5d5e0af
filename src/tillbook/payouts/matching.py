"""Coming back from the bank: what a statement says was paid, or was returned."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, NotFound, Refusal
from tillbook.common.languages import FOR_PROGRAMS
from tillbook.common.money import Money
from tillbook.common.numbering import row_id, row_id_of
from tillbook.common.sealing import marks
from tillbook.credit import services as credit
from tillbook.payouts.entries import Entry, UnreadableStatement, keys_of
from tillbook.payouts.models import Booking, Payout, Statement
from tillbook.payouts.statements import camt053, columns, mt940
from tillbook.payouts.statements.columns import Columns
from tillbook.refunds import services as refunds
from tillbook.refunds.accounts import identity
from tillbook.refunds.models import Refund
from tillbook.refunds.receipt import CLAIMED, is_out, receive
from tillbook.refunds.state import OPEN, locked
from tillbook.shop.policies import shop

FORMATS = ("camt053", "mt940", "csv")

_LARGEST = 32 * 2**20  # bytes of a file
_REFUND = re.compile(r"\bRF-?([1-9][0-9]{3,17})\b", re.ASCII | re.IGNORECASE)
_PAYOUT = re.compile(r"\bPO-?([1-9][0-9]{3,17})\b", re.ASCII | re.IGNORECASE)
# Possessive: or a long row of dashes would be divided between the two stars in every way.
_CHEQUE = re.compile(
    r"\b(?:che(?:que|ck)|chq|chk|cqe|scheck)s?[\s.:#-]*+(?:no|nr|number|nummer)?[\s.:#-]*([0-9]{1,20})\b",
    re.ASCII | re.IGNORECASE,
)
_O = Booking.Outcome
_DONE = (_O.PAID, _O.RECEIVED, _O.CAME_BACK, _O.KNOWN)  # what an entry was about has happened


class StatementNotFound(NotFound):
    """There is no such statement."""

    code = "statement_not_found"


class Found(NamedTuple):
    """What an entry is about, and what it did."""

    outcome: str
    refund: Refund | None = None
    problem: str = ""
    payout: Payout | None = None  # a file that the bank booked as one sum


def get(number: str) -> Statement:
    """The statement ST-…. Raises StatementNotFound."""
    found = Statement.objects.filter(pk=row_id("ST", number) or 0).first()
    if found is None:
        raise StatementNotFound(
            _("There is no statement %(number)s.") % {"number": number}, field="statement"
        )
    return found


def read_statement(
    data: bytes,
    *,
    name: str,
    format: str,
    layout: Columns | None = None,
    currency: str = "",
    on_progress: Callable[[int, int], None] | None = None,
    actor: Actor,
    now: datetime,
) -> Statement:
    """Read a bank's statement: complete what was paid, fail what came back, list what fits nothing.

    Each entry is a transaction of its own, and known by a key: read again, or interrupted and read again,
    or in a statement that overlaps, it does nothing twice. So call it outside of any transaction: in one, two
    statements that name the same refunds in another order would wait for each other. `layout` and `currency`
    are for csv; `on_progress` is told how many of how many entries are read. Raises
    UnreadableStatement, InvalidInput, PermissionDenied, and then nothing was done.
    """
    actor.require(Permission.MAKE_PAYOUTS)
    entries = _entries(data, format, layout, currency)
    digest = hashlib.sha256(data).hexdigest()
    defaults = {"name": name[:200], "format": format, "read_by": actor.name, "read_at": now}
    statement, _ = Statement.objects.get_or_create(digest=digest, defaults=defaults)
    keys = keys_of(entries)
    known, before = _known(keys), _done_before(statement)
    for position, (entry, key) in enumerate(zip(entries, keys, strict=True), start=1):
        if key not in known:
            done = before.get((position, entry.minor, entry.currency))
            _book(statement, position, entry, key, done, actor, now)
        if on_progress is not None:
            on_progress(position, len(entries))
    return statement


def _entries(data: bytes, format: str, layout: Columns | None, currency: str) -> list[Entry]:
    if len(data) > _LARGEST:
        raise UnreadableStatement(_("The file is larger than 32 MB. Read it in parts."))
    if format == "camt053":
        return camt053.read(data)
    if format == "mt940":
        return mt940.read(data)
    if format != "csv":
        raise InvalidInput(_("Choose one of %(names)s.") % {"names": ", ".join(FORMATS)}, field="format")
    if layout is None or not currency:
        raise InvalidInput(_("Say which columns the table has, and its currency."), field="column")
    return columns.read(data, layout, currency)


def _known(keys: list[str]) -> set[str]:
    pieces = [keys[start : start + 500] for start in range(0, len(keys), 500)]
    return {
        key for piece in pieces for key in Booking.objects.filter(key__in=piece).values_list("key", flat=True)
    }


def _done_before(statement: Statement) -> dict[tuple[int, int, str], Found]:
    """What entries of the same file did already: read again with more columns, they have other keys."""
    rows = Booking.objects.filter(statement=statement, outcome__in=_DONE)
    rows = rows.select_related("refund", "payout").defer("payout__file")
    return {
        (row.position, row.minor, row.currency): Found(_O.KNOWN, row.refund, payout=row.payout)
        for row in rows
    }


def _book(
    statement: Statement,
    position: int,
    entry: Entry,
    key: str,
    done: Found | None,
    actor: Actor,
    now: datetime,
) -> None:
    try:
        with transaction.atomic():
            with override(FOR_PROGRAMS):  # what is kept is read by others too
                found = done or _settled(entry, statement, actor, now)
            Booking.objects.create(
                statement=statement, key=key, position=position, booked_on=entry.booked_on, minor=entry.minor,
                currency=entry.currency, text=_said(entry)[:2_000], name=entry.name[:200],
                outcome=found.outcome, problem=found.problem, refund=found.refund, payout=found.payout,
            )  # fmt: skip
    except IntegrityError:
        # Somebody else reads the same statement now, and was first with this entry.
        if not Booking.objects.filter(key=key).exists():
            raise


def _said(entry: Entry) -> str:
    return " · ".join(filter(None, (*entry.texts, entry.file)))


def _settled(entry: Entry, statement: Statement, actor: Actor, now: datetime) -> Found:
    """Find what the entry is about and move it on, in a savepoint: a refusal is its outcome."""
    refund = _refund_of(entry)
    payout = None if refund is not None else _payout_of(entry)
    if payout is not None:
        return _all_paid(payout, entry, statement, actor, now)._replace(payout=payout)
    if refund is None:
        return Found(_O.UNMATCHED)
    if refund.currency != entry.currency or refund.amount_minor != abs(entry.minor):
        amount = Money(refund.amount_minor, refund.currency)
        return Found(_O.DIFFERS, refund, f"{refund.number} is over {amount}.")
    try:
        with transaction.atomic():
            refund = locked(refund.pk)  # what another statement says at this moment is seen
            if entry.minor < 0:
                return _paid(refund, entry, statement, actor, now)
            return _came_back(refund, entry, actor, now)
    except Refusal as refusal:
        return Found(_O.DIFFERS, refund, refusal.message)


def _paid(refund: Refund, entry: Entry, statement: Statement, actor: Actor, now: datetime) -> Found:
    if refund.status == Refund.Status.COMPLETED and not is_out(refund):
        alone = _paid_before(entry, statement, Q(refund=refund)).first()
        first = alone or _paid_before(entry, statement, Q(payout__items__refund=refund)).first()
        if first is None:
            return Found(_O.KNOWN, refund)
        problem = f"{refund.number} left the account on {first.booked_on.isoformat()} already."
        return Found(_O.DIFFERS, refund, problem)
    if refund.was_unclaimed:
        return Found(_O.DIFFERS, refund, _paid_after_all(refund))
    day = _received_on(refund, entry, now) if refund.method in CLAIMED else None
    if day is not None and refund.status == Refund.Status.COMPLETED:
        return Found(_O.RECEIVED, receive(refund.pk, received_on=day, actor=actor, now=now))
    return Found(_O.PAID, refunds.complete(refund.pk, received_on=day, actor=actor, now=now))


def _paid_before(entry: Entry, statement: Statement, of: Q) -> QuerySet[Booking]:
    """Other entries by which the refund, or the payout as one sum, was paid, the first to be read first.
    One of the same day in another statement is this one, written in another format.
    """
    others = Booking.objects.filter(of, minor__lt=0, outcome__in=_DONE)
    same_day = Q(booked_on=entry.booked_on) & ~Q(statement=statement)
    return others.exclude(same_day).order_by("pk")


def _paid_after_all(refund: Refund) -> str:
    assert refund.failed_at is not None
    day = refund.failed_at.astimezone(shop().time_zone).date()
    return (
        f"{refund.number} was cancelled as unclaimed on {day.isoformat()}, and was paid nevertheless; "
        "its credit is there again."
    )


def _received_on(refund: Refund, entry: Entry, now: datetime) -> date:
    """The bank's day, as far as it can be: a refund is asked for first, and tomorrow has not come."""
    zone = shop().time_zone
    asked, today = refund.requested_at.astimezone(zone).date(), now.astimezone(zone).date()
    return max(asked, min(entry.booked_on, today))


def _came_back(refund: Refund, entry: Entry, actor: Actor, now: datetime) -> Found:
    if refund.status == Refund.Status.FAILED:
        return Found(_O.KNOWN, refund)
    if refund.status in OPEN and not refund.payout:
        return Found(
            _O.DIFFERS, refund, f"{refund.number} was not paid by a payout, so nothing can come back."
        )
    reason = f"Came back on {entry.booked_on.isoformat()}: {' '.join(entry.texts)}"[:1_000]
    return Found(_O.CAME_BACK, refunds.fail(refund.pk, reason=reason, actor=actor, now=now))


def _all_paid(payout: Payout, entry: Entry, statement: Statement, actor: Actor, now: datetime) -> Found:
    """A file that the bank books as one sum: all that is in it was paid; once, or the bank owes the rest."""
    if entry.minor != -payout.total_minor or entry.currency != payout.currency:
        amount = Money(payout.total_minor, payout.currency)
        return Found(_O.DIFFERS, None, f"{payout.number} is over {amount}.")
    # Whoever makes or cancels a payout locks its books in this order too, not in that of its file.
    books = payout.items.values_list("refund__customer_id", "refund__currency")
    credit.lock_many(set(books))
    payout = Payout.objects.select_for_update().get(pk=payout.pk)  # cancelled, maybe, while this one waited
    if payout.status == Payout.Status.CANCELLED:
        return Found(_O.DIFFERS, None, f"{payout.number} was cancelled, and was paid nevertheless.")
    first = _paid_before(entry, statement, Q(payout=payout)).first()
    if first is not None:
        return Found(
            _O.DIFFERS, None, f"{payout.number} left the account on {first.booked_on.isoformat()} already."
        )
    items = list(payout.items.select_related("refund").order_by("pk"))
    outcome = _O.PAID if any(item.refund.status in OPEN for item in items) else _O.KNOWN
    problems = [
        *_paid_alone_too(payout, entry, statement),
        *_not_completed([item.refund for item in items], actor, now),
    ]
    return Found(_O.DIFFERS if problems else outcome, None, " ".join(problems)[:2_000])


def _paid_alone_too(payout: Payout, entry: Entry, statement: Statement) -> list[str]:
    """What to say of the refunds of a file that the bank paid by entries of their own as well."""
    in_file = Q(refund__in=payout.items.values("refund"))
    return [
        f"{row.refund.number} left the account on {row.booked_on.isoformat()} already."
        for row in _paid_before(entry, statement, in_file).select_related("refund")
        if row.refund is not None
    ]


def _not_completed(paid: Sequence[Refund], actor: Actor, now: datetime) -> list[str]:
    """Complete what the bank paid; returns what to say of those for which that can't be."""
    came_back = Booking.objects.filter(refund__in=paid, outcome=_O.CAME_BACK)
    expected = set(came_back.values_list("refund_id", flat=True))
    problems = []
    for refund in paid:
        if refund.status == Refund.Status.FAILED:
            if refund.pk not in expected:
                problems.append(
                    f"{refund.number} failed, and was paid nevertheless; its credit is there again."
                )
            continue
        try:
            with transaction.atomic():
                refunds.complete(refund.pk, actor=actor, now=now)
        except Refusal as refusal:
            problems.append(refusal.message)
    return problems


def _refund_of(entry: Entry) -> Refund | None:
    """The refund that the entry names; or the one that its cheque pays; or the only one that waits for that
    amount on that account.
    """
    named = {row_id_of(digits) for text in entry.texts for digits in _REFUND.findall(text)}
    if named:
        found = list(Refund.objects.filter(pk__in=named, kind=Refund.Kind.REFUND)[:2])
        return found[0] if len(found) == 1 else None
    by_cheque = _of_cheque(entry)
    if by_cheque is not None:
        return by_cheque
    if not entry.account or entry.minor >= 0:
        return None
    rows = Refund.objects.filter(
        account_mark__in=marks(identity(entry.account)), status__in=OPEN, currency=entry.currency,
        amount_minor=-entry.minor,
    ).exclude(payout="")  # fmt: skip
    found = list(rows[:2])
    return found[0] if len(found) == 1 else None


def _of_cheque(entry: Entry) -> Refund | None:
    """The refund that a cheque of that number and amount pays. What came in is one only if it is a return:
    customers pay by cheque too.
    """
    said = [entry.cheque, *(number for text in entry.texts for number in _CHEQUE.findall(text))]
    numbers = {digits for each in said if (digits := re.sub(r"[^0-9]", "", each).lstrip("0"))}
    if not numbers or (entry.minor >= 0 and not entry.returned):
        return None
    rows = Refund.objects.filter(
        cheque_number__in=numbers, method=Refund.Method.CHEQUE, kind=Refund.Kind.REFUND,
        currency=entry.currency, amount_minor=abs(entry.minor),
    )  # fmt: skip
    found = list(rows)
    out = [each for each in found if is_out(each)]
    chosen = out or found  # a number comes again with the next cheque book
    return chosen[0] if len(chosen) == 1 else None


def _payout_of(entry: Entry) -> Payout | None:
    named = {row_id_of(digits) for text in (*entry.texts, entry.file) for digits in _PAYOUT.findall(text)}
    found = list(Payout.objects.filter(pk__in=named)[:2])
    return found[0] if len(found) == 1 and entry.minor < 0 else None
