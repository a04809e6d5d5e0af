"""Coming back from the bank: what a statement says was paid, or was returned."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, NotFound, Refusal
from tillbook.common.languages import FOR_PROGRAMS
from tillbook.common.money import Money
from tillbook.common.numbering import row_id
from tillbook.common.sealing import marks
from tillbook.payouts.entries import Entry, UnreadableStatement, keys_of
from tillbook.payouts.models import Booking, Payout, Statement
from tillbook.payouts.statements import camt053, columns, mt940
from tillbook.payouts.statements.columns import Columns
from tillbook.refunds import services as refunds
from tillbook.refunds.accounts import plain
from tillbook.refunds.models import Refund
from tillbook.refunds.state import OPEN

FORMATS = ("camt053", "mt940", "csv")

_LARGEST = 32 * 2**20  # bytes of a file
_REFUND = re.compile(r"\bRF-?([1-9][0-9]{3,17})\b", re.ASCII | re.IGNORECASE)
_PAYOUT = re.compile(r"\bPO-?([1-9][0-9]{3,17})\b", re.ASCII | re.IGNORECASE)
_O = Booking.Outcome


class StatementNotFound(NotFound):
    """There is no such statement."""

    code = "statement_not_found"


class Found(NamedTuple):
    """What an entry is about, and what it did."""

    outcome: str
    refund: Refund | None = None
    problem: str = ""


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
    actor: Actor,
    now: datetime,
) -> Statement:
    """Read a bank's statement: complete what was paid, fail what came back, list what fits nothing.

    Each entry is a transaction of its own, and known by a key: read again, or interrupted and read again,
    or in a statement that overlaps, it does nothing twice. `layout` and `currency` are for csv. Raises
    UnreadableStatement, InvalidInput, PermissionDenied, and then nothing was done.
    """
    actor.require(Permission.MAKE_PAYOUTS)
    entries = _entries(data, format, layout, currency)
    digest = hashlib.sha256(data).hexdigest()
    defaults = {"name": name[:200], "format": format, "read_by": actor.name, "read_at": now}
    statement, _ = Statement.objects.get_or_create(digest=digest, defaults=defaults)
    keys = keys_of(entries)
    known = _known(keys)
    for position, (entry, key) in enumerate(zip(entries, keys, strict=True), start=1):
        if key not in known:
            _book(statement, position, entry, key, actor, now)
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


def _book(statement: Statement, position: int, entry: Entry, key: str, actor: Actor, now: datetime) -> None:
    try:
        with transaction.atomic():
            with override(FOR_PROGRAMS):  # what is kept is read by others too
                found = _settled(entry, actor, now)
            Booking.objects.create(
                statement=statement, key=key, position=position, booked_on=entry.booked_on, minor=entry.minor,
                currency=entry.currency, text=" · ".join(entry.texts)[:2_000], name=entry.name[:200],
                outcome=found.outcome, problem=found.problem, refund=found.refund,
            )  # fmt: skip
    except IntegrityError:
        # Somebody else reads the same statement now, and was first with this entry.
        if not Booking.objects.filter(key=key).exists():
            raise


def _settled(entry: Entry, actor: Actor, now: datetime) -> Found:
    """Find what the entry is about and move it on, in a savepoint: a refusal is its outcome."""
    refund = _refund_of(entry)
    payout = None if refund is not None else _payout_of(entry)
    if payout is not None:
        return _all_paid(payout, entry, actor, now)
    if refund is None:
        return Found(_O.UNMATCHED)
    if refund.currency != entry.currency or refund.amount_minor != abs(entry.minor):
        amount = Money(refund.amount_minor, refund.currency)
        return Found(_O.DIFFERS, refund, f"{refund.number} is over {amount}.")
    try:
        with transaction.atomic():
            return _paid(refund, actor, now) if entry.minor < 0 else _came_back(refund, entry, actor, now)
    except Refusal as refusal:
        return Found(_O.DIFFERS, refund, refusal.message)


def _paid(refund: Refund, actor: Actor, now: datetime) -> Found:
    if refund.status == Refund.Status.COMPLETED:
        return Found(_O.KNOWN, refund)
    return Found(_O.PAID, refunds.complete(refund.pk, actor=actor, now=now))


def _came_back(refund: Refund, entry: Entry, actor: Actor, now: datetime) -> Found:
    if refund.status == Refund.Status.FAILED:
        return Found(_O.KNOWN, refund)
    if refund.status in OPEN and not refund.payout:
        return Found(
            _O.DIFFERS, refund, f"{refund.number} was not paid by a payout, so nothing can come back."
        )
    reason = f"Came back on {entry.booked_on.isoformat()}: {' '.join(entry.texts)}"[:1_000]
    return Found(_O.CAME_BACK, refunds.fail(refund.pk, reason=reason, actor=actor, now=now))


def _all_paid(payout: Payout, entry: Entry, actor: Actor, now: datetime) -> Found:
    """A file that the bank books as one sum: all that is in it was paid."""
    if entry.minor != -payout.total_minor or entry.currency != payout.currency:
        amount = Money(payout.total_minor, payout.currency)
        return Found(_O.DIFFERS, None, f"{payout.number} is over {amount}.")
    if payout.status == Payout.Status.CANCELLED:
        return Found(_O.DIFFERS, None, f"{payout.number} was cancelled, and was paid nevertheless.")
    problems = []
    for item in payout.items.select_related("refund").order_by("pk"):
        try:
            with transaction.atomic():
                if item.refund.status != Refund.Status.FAILED:
                    refunds.complete(item.refund_id, actor=actor, now=now)
        except Refusal as refusal:
            problems.append(refusal.message)
    return Found(_O.DIFFERS if problems else _O.PAID, None, " ".join(problems)[:2_000])


def _refund_of(entry: Entry) -> Refund | None:
    """The refund that the entry names; or the only one that waits for that amount on that account."""
    named = {int(number) - 1000 for text in entry.texts for number in _REFUND.findall(text)}
    if named:
        found = list(Refund.objects.filter(pk__in=named, kind=Refund.Kind.REFUND)[:2])
        return found[0] if len(found) == 1 else None
    if not entry.account or entry.minor >= 0:
        return None
    rows = Refund.objects.filter(
        account_mark__in=marks(plain(entry.account)), status__in=OPEN, currency=entry.currency,
        amount_minor=-entry.minor,
    ).exclude(payout="")  # fmt: skip
    found = list(rows[:2])
    return found[0] if len(found) == 1 else None


def _payout_of(entry: Entry) -> Payout | None:
    named = {int(number) - 1000 for text in entry.texts for number in _PAYOUT.findall(text)}
    found = list(Payout.objects.filter(pk__in=named)[:2])
    return found[0] if len(found) == 1 and entry.minor < 0 else None
