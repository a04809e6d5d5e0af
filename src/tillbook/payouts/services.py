"""Payouts: refunds that go to the bank in one file, made once."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_text
from tillbook.common.errors import InvalidInput, KeyReused, NotFound, Refusal, WrongState
from tillbook.common.money import Money, check_currency
from tillbook.common.numbering import row_id
from tillbook.credit import services as credit
from tillbook.events.services import NewEvent, check_key, content_of, record
from tillbook.payouts.formats import aba, bacs, nacha, sepa, sheets
from tillbook.payouts.instructions import Instruction, NotForThisFile, Run, Sender
from tillbook.payouts.models import Booking, Item, Payout, Source
from tillbook.refunds import in_payout
from tillbook.refunds.accounts import BankAccount, read
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_number
from tillbook.refunds.state import OPEN, paying
from tillbook.shop.policies import shop

_F = Payout.Format

#: format -> what writes it
WRITERS: dict[str, Callable[[Run], bytes]] = {
    _F.ABA: aba.written,
    _F.PAIN001: sepa.written,
    _F.NACHA: nacha.written,
    _F.BACS18: bacs.written,
    _F.CSV: sheets.csv_written,
    _F.XLSX: sheets.xlsx_written,
}
#: format -> what says that its file can't say something; a sheet can say everything
CHECKS: dict[str, Callable[[Run], None]] = {
    _F.ABA: aba.check,
    _F.PAIN001: sepa.check,
    _F.NACHA: nacha.check,
    _F.BACS18: bacs.check,
}
#: format -> how its file's name ends
ENDINGS: dict[str, str] = {
    _F.ABA: aba.ENDING,
    _F.PAIN001: sepa.ENDING,
    _F.NACHA: nacha.ENDING,
    _F.BACS18: bacs.ENDING,
    _F.CSV: "csv",
    _F.XLSX: "xlsx",
}

_MOST = 10_000  # refunds in one file
_FARTHEST = timedelta(days=31)  # that a bank takes a file ahead


class PayoutNotFound(NotFound):
    """There is no such payout."""

    code = "payout_not_found"


class SourceNotFound(NotFound):
    """There is no such account to pay from."""

    code = "source_not_found"


class SourceTaken(Refusal):
    """Another account has that name."""

    code = "source_taken"


class NothingToPay(Refusal):
    """No refund is ready for the payout."""

    code = "nothing_to_pay"


@transaction.atomic
def add_source(
    *,
    name: str,
    currency: str,
    holder: str,
    bank_account: str,
    user_id: str = "",
    bank: str = "",
    actor: Actor,
    now: datetime,
) -> Source:
    """Add an account of the shop that refunds are paid from.

    `user_id` is what the scheme or bank gave the shop, `bank` the bank's name or abbreviation: which of
    them a format needs stands in docs/payouts.md. Raises InvalidInput, SourceTaken.
    """
    actor.require(Permission.MAKE_PAYOUTS)
    texts = {"name": (name, 60), "holder": (holder, 70), "user_id": (user_id, 20), "bank": (bank, 40)}
    for field, (text, longest) in texts.items():
        check_text(text, field=field, longest=longest)
    for field in ("name", "holder"):
        if not texts[field][0].strip():
            raise InvalidInput(_("Enter the %(field)s.") % {"field": _(field)}, field=field)
    account = read(bank_account, check_currency(currency))
    if Source.objects.filter(name=name.strip()).exists():
        raise SourceTaken(_("There is already an account %(name)r.") % {"name": name}, field="name")
    source = Source.objects.create(
        name=name.strip(), currency=currency, holder=holder.strip(), bank_account=account.written(),
        user_id=user_id.strip(), bank=bank.strip(), added_at=now,
    )  # fmt: skip
    data = {"currency": currency, "holder": source.holder}
    record(NewEvent("payout.source_added", source.name, data=data), actor=actor, now=now)
    return source


def source_named(name: str) -> Source:
    """The account of that name. Raises SourceNotFound."""
    found = Source.objects.filter(name=name).first()
    if found is None:
        raise SourceNotFound(_("There is no account %(name)r to pay from.") % {"name": name}, field="source")
    return found


def get(number: str) -> Payout:
    """The payout PO-… with its source. Raises PayoutNotFound."""
    found = Payout.objects.select_related("source").filter(pk=row_id("PO", number) or 0).first()
    if found is None:
        raise PayoutNotFound(_("There is no payout %(number)s.") % {"number": number}, field="payout")
    return found


@transaction.atomic
def make(
    *,
    source: str,
    format: str,
    numbers: Collection[str] | None = None,
    pay_on: date,
    key: str,
    actor: Actor,
    now: datetime,
) -> Payout:
    """Put refunds into one file for the bank: those named, or all that are ready in the source's currency.

    A refund named that can't go refuses the whole; of all, those that can't are left out. Raises
    NotReady, NotForThisFile, NothingToPay, SourceNotFound, InvalidInput, KeyReused, and what
    `refunds.complete` refuses.
    """
    actor.require(Permission.MAKE_PAYOUTS)
    if format not in WRITERS:
        raise InvalidInput(_("Choose one of %(names)s.") % {"names": ", ".join(WRITERS)}, field="format")
    content = content_of(
        "payout.made", source=source, format=format, pay_on=pay_on,
        numbers=None if numbers is None else sorted(set(numbers)),
    )  # fmt: skip
    if (first := _first(key, content)) is not None:
        return first
    paid_from = source_named(source)
    _check_day(pay_on, now)
    chosen = _chosen(numbers, paid_from.currency)
    credit.lock_many({(each.customer_id, each.currency) for each in chosen})
    if (first := _first(key, content)) is not None:  # made while this one waited
        return first
    if not chosen:
        raise NothingToPay(
            _("No refund in %(currency)s is ready to be paid by bank transfer.")
            % {"currency": paid_from.currency}
        )
    if len(chosen) > _MOST:
        raise InvalidInput(
            _("A payout has at most %(most)s refunds.") % {"most": f"{_MOST:,}"}, field="refunds"
        )
    found = (
        Refund.objects.filter(pk__in=[each.pk for each in chosen]).select_related("customer").order_by("pk")
    )
    payout = Payout.objects.create(
        key=key, content=content, source=paid_from, format=format, currency=paid_from.currency, total_minor=1,
        refunds=1, pay_on=pay_on, made_by=actor.name, made_at=now,
    )  # fmt: skip
    taken = _entered(list(found), payout, actor, now, whole=numbers is not None)
    _write(payout, taken)
    data = {
        "amount": str(Money(payout.total_minor, payout.currency)),
        "refunds": payout.refunds,
        "format": format,
    }
    record(NewEvent("payout.made", payout.number, data=data), actor=actor, now=now)
    return payout


def _first(key: str, content: str) -> Payout | None:
    """The payout that the key made before. Raises KeyReused if that was another one."""
    found = Payout.objects.filter(key=check_key(key)).first()
    if found is not None and found.content != content:
        raise KeyReused(key)
    return found


def _chosen(numbers: Collection[str] | None, currency: str) -> list[Refund]:
    return _ready(currency) if numbers is None else [by_number(each) for each in sorted(set(numbers))]


def _ready(currency: str) -> list[Refund]:
    rows = paying().filter(method=Refund.Method.BANK_TRANSFER, currency=currency, payout="", status__in=OPEN)
    return list(rows.order_by("requested_at", "pk")[:_MOST])


def _check_day(pay_on: date, now: datetime) -> None:
    today = now.astimezone(shop().time_zone).date()
    if not today <= pay_on <= today + _FARTHEST:
        raise InvalidInput(_("Enter a day from today to a month from now."), field="pay_on")


def _entered(
    chosen: Sequence[Refund], payout: Payout, actor: Actor, now: datetime, *, whole: bool
) -> list[Refund]:
    """Those of the refunds that are in the payout now."""
    paid = _paid_already(chosen)
    if whole:
        for refund in chosen:
            _check_currency(refund, payout)
            _check_unpaid(refund, paid)
        in_payout.enter_payout(chosen, payout.number, actor=actor, now=now)
        return list(chosen)
    taken = []
    for refund in chosen:
        if refund.pk in paid or not _fits(refund, payout):
            continue
        try:
            in_payout.enter_payout([refund], payout.number, actor=actor, now=now)
        except Refusal:
            continue
        taken.append(refund)
    if not taken:
        raise NothingToPay(
            _(
                "None of the refunds that wait goes into this file, or may be paid by you yet: see each "
                "one's page for why."
            )
        )
    return taken


def _fits(refund: Refund, payout: Payout) -> bool:
    """Whether the payout's file can say where the refund goes. Raises what keeps it from saying so of any."""
    try:
        run = _run(payout, [refund])
        if payout.format in CHECKS:
            CHECKS[payout.format](run)
    except in_payout.NotReady:
        return False
    except NotForThisFile as refusal:
        if refusal.field != "refunds":
            raise
        return False
    return True


def _check_currency(refund: Refund, payout: Payout) -> None:
    if refund.currency != payout.currency:
        raise InvalidInput(
            _("%(number)s is in %(currency)s, the account pays in %(other)s.")
            % {"number": refund.number, "currency": refund.currency, "other": payout.currency},
            field="refunds",
        )


def _paid_already(chosen: Sequence[Refund]) -> dict[int, date]:
    """The refunds that wait though a statement shows their whole amount as paid, each with the first day.

    Completing them was refused then, as by a missing approval; in a file the bank would pay them twice.
    An entry over another amount that names a refund, such as a fee for it, did not pay it.
    """
    rows = Booking.objects.filter(
        refund__in=[each.pk for each in chosen], refund__status__in=OPEN, outcome=Booking.Outcome.DIFFERS,
        minor=-F("refund__amount_minor"), currency=F("refund__currency"),
    )  # fmt: skip
    return dict(rows.order_by("-booked_on").values_list("refund_id", "booked_on"))


def _check_unpaid(refund: Refund, paid: dict[int, date]) -> None:
    if refund.pk in paid:
        raise in_payout.NotReady(
            _("The bank statement shows %(number)s as paid on %(day)s already. Complete it instead.")
            % {"number": refund.number, "day": paid[refund.pk].isoformat()},
            field="refunds",
        )


def _write(payout: Payout, taken: Sequence[Refund]) -> None:
    """Write the file, and keep it with its digest and the payout's items."""
    payout.refunds = len(taken)
    payout.total_minor = sum(refund.amount_minor for refund in taken)
    file = WRITERS[payout.format](_run(payout, taken))
    payout.file = b64encode(file).decode()
    payout.digest = hashlib.sha256(file).hexdigest()
    payout.save(update_fields=["refunds", "total_minor", "file", "digest"])
    Item.objects.bulk_create(
        [Item(payout=payout, refund=refund, amount_minor=refund.amount_minor) for refund in taken],
        batch_size=1_000,
    )


def _run(payout: Payout, taken: Sequence[Refund]) -> Run:
    source = payout.source
    return Run(
        number=payout.pk,
        reference=payout.number,
        currency=payout.currency,
        sender=Sender(
            source.name,
            source.holder,
            read(source.bank_account, source.currency),
            user_id=source.user_id,
            bank=source.bank,
        ),
        pay_on=payout.pay_on,
        made_at=payout.made_at.astimezone(shop().time_zone),
        instructions=[
            Instruction(each.number, each.payee_name, account_of(each), each.amount_minor) for each in taken
        ],
    )


def account_of(refund: Refund) -> BankAccount:
    """The payee's account. Raises NotReady for one that was typed before accounts were checked."""
    try:
        return read(refund.bank_account, refund.currency)
    except InvalidInput as error:
        raise in_payout.NotReady(
            _("%(number)s: %(message)s Correct it first.")
            % {"number": refund.number, "message": error.message},
            field="refunds",
        ) from error


@transaction.atomic
def cancel(number: str, *, reason: str, actor: Actor, now: datetime) -> Payout:
    """The file was not given to the bank, or the bank refused it whole: its refunds wait again.

    Again on a cancelled one: nothing more happens. Raises WrongState when one of its refunds was paid
    or failed, InvalidInput without a reason, PayoutNotFound.
    """
    actor.require(Permission.MAKE_PAYOUTS)
    payout = get(number)
    inside = [item.refund for item in payout.items.select_related("refund")]
    credit.lock_many({(refund.customer_id, refund.currency) for refund in inside})
    payout = Payout.objects.select_for_update().get(pk=payout.pk)
    if payout.status == Payout.Status.CANCELLED:
        return payout
    if not reason.strip():
        raise InvalidInput(_("Say why the payout is cancelled."), field="reason")
    check_text(reason, field="reason", longest=1_000)
    current = list(Refund.objects.filter(pk__in=[refund.pk for refund in inside]).order_by("pk"))
    for refund in current:
        if refund.status not in OPEN:
            state = refund.get_status_display().lower()
            raise WrongState(
                _("%(number)s of %(payout)s is already %(state)s.")
                % {"number": refund.number, "payout": payout.number, "state": state}
            )
    payout.items.update(released=True)
    payout.status, payout.cancelled_at = Payout.Status.CANCELLED, now
    payout.save(update_fields=["status", "cancelled_at"])
    in_payout.leave_payout(current, actor=actor, now=now)
    record(NewEvent("payout.cancelled", payout.number, note=reason.strip()), actor=actor, now=now)
    return payout


@transaction.atomic
def take_file(number: str, *, actor: Actor, now: datetime) -> bytes:
    """The payout's file, the same bytes every time. The history keeps who took it.

    Raises WrongState for a cancelled payout, PayoutNotFound.
    """
    actor.require(Permission.MAKE_PAYOUTS)
    payout = get(number)
    if payout.status == Payout.Status.CANCELLED:
        raise WrongState(
            _("%(number)s is cancelled: its refunds may be in another file by now.")
            % {"number": payout.number}
        )
    record(NewEvent("payout.file_taken", payout.number), actor=actor, now=now)
    return b64decode(payout.file)
