"""Refunds: asking for one, its page, and what may be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.errors import NotFound
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.credit.queries import balances_of, credits_of, usable
from tillbook.credit.queries import by_number as credit_by_number
from tillbook.credit.services import CreditNotFound
from tillbook.customers.models import Customer
from tillbook.customers.queries import by_username
from tillbook.delivery.services import send_slip
from tillbook.panel.buttons import do_once, say_sent
from tillbook.panel.edge import (
    PanelRequest,
    answer,
    command,
    form_for,
    message_errors,
    message_refusal,
    read_only,
    status_of,
)
from tillbook.panel.files import pdf
from tillbook.panel.forms import KeyedForm, PanelForm
from tillbook.panel.gateway_forms import EndForm
from tillbook.panel.history import history
from tillbook.panel.payout_forms import (
    ApproveForm,
    CancelRefundForm,
    ChequeForm,
    CompleteForm,
    FailForm,
    ReceiveForm,
)
from tillbook.panel.refund_forms import DeclineForm, PayRefundForm
from tillbook.payouts.gateways.registry import title_of
from tillbook.payouts.queries import account_at, sending_of
from tillbook.payouts.sendings import BY_HAND_AFTER
from tillbook.refunds import approvals, asks, services
from tillbook.refunds.charges import Possible, charges_of
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import of_refund
from tillbook.refunds.queries import by_number
from tillbook.refunds.receipt import is_out
from tillbook.refunds.slip import render as render_slip
from tillbook.refunds.state import OPEN, RefundNotFound
from tillbook.refunds.unclaimed import is_stale
from tillbook.shop.policies import shop


@form_for(Permission.REQUEST_REFUND)
def pay_refund(request: PanelRequest, username: str) -> HttpResponse:
    customer = by_username(username)
    credit = _chosen_credit(request, customer)
    if request.method != "POST" and credit is not None and not credit.refundable:
        return _not_refundable(request, credit)
    available = _available(request, customer, credit)
    charges = _charges(request, customer, credit, available.currency)
    begun = _defaults(customer, available, charges, request) | _as_before(request, customer, available)
    form = PayRefundForm(
        request.POST or None, currency=available.currency, charges=charges, initial=begun, now=request.now,
        available=available,
    )  # fmt: skip
    if form.is_valid():
        refund = answer(form, lambda: _request(customer, credit, form, request))
        if refund is not None:
            return redirect("panel:refund", number=refund.number)
    context = {"form": form, "customer": customer, "credit": credit, "available": available}
    return render(request, "panel/refunds/pay.html", context, status=status_of(form))


def _not_refundable(request: PanelRequest, credit: Credit) -> HttpResponse:
    context = {"credit": credit, "customer": credit.customer}
    return render(request, "panel/refunds/not_refundable.html", context, status=409)


def _chosen_credit(request: PanelRequest, customer: Customer) -> Credit | None:
    """The credit that `?credit=` names, if it is this customer's; None pays from all refundable ones."""
    number = request.GET.get("credit", "")
    if not number:
        return None
    credit = credit_by_number(number)
    if credit.customer_id != customer.pk:
        raise CreditNotFound(
            _("%(username)s has no credit %(number)s.") % {"username": customer.username, "number": number},
            field="credit",
        )
    return credit


def _available(request: PanelRequest, customer: Customer, credit: Credit | None) -> Money:
    """What may be paid out now: of the credit, or of all refundable ones."""
    if credit is not None:
        return Money(credit.account.available_minor, credit.currency)
    currency = _currency(request, customer)
    credits = usable(customer.pk, currency, request.now, refundable=True)
    return Money(sum(each.account.available_minor for each in credits), currency)


def _charges(
    request: PanelRequest, customer: Customer, credit: Credit | None, currency: str
) -> list[Possible]:
    """The charges that something of the credit, or of all that may be paid out, may go back to.

    When the form comes back its own first click may have held it all: then every charge counts.
    """
    if request.method == "POST":
        return charges_of([each for each in credits_of(customer.pk) if each.currency == currency])
    credits = [credit] if credit else usable(customer.pk, currency, request.now, refundable=True)
    return [each for each in charges_of(credits) if each.minor]


def _currency(request: PanelRequest, customer: Customer) -> str:
    """The currency that `?currency=` names, one the customer has; without it the customer's own."""
    currency = request.GET.get("currency") or customer.currency
    if currency not in {customer.currency, *(balance.currency for balance in balances_of(customer.pk))}:
        raise NotFound(
            _("%(username)s has nothing in %(currency)s.")
            % {"username": customer.username, "currency": currency},
            field="currency",
        )
    return currency


def _defaults(
    customer: Customer, available: Money, charges: Sequence[Possible], request: PanelRequest
) -> dict[str, Any]:
    """What the form begins with: what came by card or wallet goes back there, where it may."""
    begun: dict[str, Any] = {
        "payee_name": customer.display_name,
        "postal_address": customer.postal_address,
        "amount": available.decimal() if available.minor else "",
        "payment_date": _today(request),
    }
    if charges and shop().methods[Refund.Method.GATEWAY.value].on:
        first = charges[0]
        most = Money(min(first.minor, available.minor), available.currency)
        begun |= {
            "method": Refund.Method.GATEWAY.value,
            "charge": str(first.room.charge),
            "amount": most.decimal() if most.minor else "",
        }
    return begun


def _as_before(request: PanelRequest, customer: Customer, available: Money) -> dict[str, Any]:
    """What a refund whose money came back was asked for with, where `?again=` names one of this customer's.

    All but its bank account, which most of them came back for, and which not everyone may read.
    """
    number = request.GET.get("again", "")
    if not number:
        return {}
    before = by_number(number)
    if before.customer_id != customer.pk or before.currency != available.currency:
        raise RefundNotFound(
            _("%(username)s has no refund %(number)s.") % {"username": customer.username, "number": number}
        )
    minor = min(before.amount_minor, available.minor)
    return {
        "method": before.method, "payee_name": before.payee_name, "paypal_email": before.paypal_email,
        "postal_address": before.postal_address, "reference": before.payee_reference, "note": before.note,
        "amount": Money(minor, available.currency).decimal() if minor else "",
    }  # fmt: skip


def _today(request: PanelRequest) -> date:
    return request.now.astimezone(shop().time_zone).date()


def _request(customer: Customer, credit: Credit | None, form: PayRefundForm, request: PanelRequest) -> Refund:
    values = form.cleaned_data
    return services.request(
        customer_id=customer.pk,
        amount=form.money("amount"),
        method=values["method"],
        payee=form.payee(),
        payment_date=values["payment_date"],
        note=values["note"],
        credit_id=None if credit is None else credit.id,
        charge=form.back_to(),
        key=values["key"],
        actor=request.actor,
        now=request.now,
    )


@read_only
def refund(request: PanelRequest, number: str) -> HttpResponse:
    return refund_page(request, by_number(number))


def refund_page(request: PanelRequest, refund: Refund, account: str = "", **sent: PanelForm) -> HttpResponse:
    """The page of a refund; `account` is its whole account number, for who asked to see it.

    One of its forms that was `sent` and refused stands there as it was typed; where there is no place for it
    any more, because somebody else was quicker, the page says why.
    """
    is_open = refund.status in OPEN
    context: dict[str, Any] = {
        "refund": refund,
        "customer": refund.customer,
        "form": DeclineForm() if is_open else None,
        "complete_form": CompleteForm(method=refund.method, initial={"cheque_number": refund.cheque_number}),
        "send_form": KeyedForm(),
        "is_reversal": _is_reversal(refund),
        "is_open": is_open,
        "seen": approvals.version_of(refund) if is_open else "",
        "account": account,
        "ask": asks.of_refund(refund.pk),
        "sending": sending_of(refund.pk) if refund.sending else None,
        "gateway": _gateway_of(refund),
        "provenance": of_refund(refund),
        "history": history(request, refund.customer, refund.number),
    }
    if (sending := context["sending"]) and sending.is_open and request.now >= sending.sent_at + BY_HAND_AFTER:
        context["end_form"] = EndForm()
    if is_open and (needed := approvals.needed(refund, request.now)):
        given = approvals.standing(refund)
        barred = approvals.is_barred(refund, request.actor)
        mine = any(each.by == request.actor.name for each in given)
        context |= {
            "approvals_needed": needed,
            "approvals": given,
            "approve_barred": barred,
            "approve_form": None if mine or barred else ApproveForm(flags=approvals.flags(refund)),
        }
    # What nobody has paid is declined; only a payment can come back.
    was_paid = refund.status == Refund.Status.COMPLETED or (is_open and refund.payout)
    if was_paid and not refund.pays_nobody:
        context["fail_form"] = FailForm()
    if is_out(refund):
        context["receive_form"] = ReceiveForm(initial={"received_on": _today(request)})
        context["cheque_form"] = ChequeForm(initial={"cheque_number": refund.cheque_number})
    context["cancel_form"] = CancelRefundForm() if is_stale(refund, request.now) else None
    for name, form in sent.items():
        if context.get(name) is None:
            message_errors(request, form)
        else:
            context[name] = form
    status = max((status_of(form) for form in sent.values()), default=200)
    return render(request, "panel/refunds/refund.html", context, status=status)


def _is_reversal(refund: Refund) -> bool:
    return refund.kind == Refund.Kind.REVERSAL


def _gateway_of(refund: Refund) -> str:
    """What people call the gateway that it goes through, if it could: the shop must have an account there."""
    if not refund.charge or not (refund.sending or account_at(refund.gateway)):
        return ""
    return title_of(refund.gateway)


@command("panel:refund")
def complete(request: PanelRequest, number: str) -> HttpResponse:
    """Mark as Paid and Complete."""
    refund = by_number(number)
    form = CompleteForm(request.POST, method=refund.method)
    if not form.is_valid():
        request.actor.require(Permission.COMPLETE_REFUND)
        message_errors(request, form)
    elif (done := message_refusal(request, lambda: _complete(request, refund, form))) is not None:
        _say_completed(request, done)
    return redirect("panel:refund", number=refund.number)


def completed_before(refund: Refund, request: PanelRequest) -> str:
    """The name of somebody else who has completed the refund already; empty if there is none."""
    return refund.resolved_by if refund.resolved_by != request.actor.name else ""


def _say_completed(request: PanelRequest, refund: Refund) -> None:
    if who := completed_before(refund, request):
        said = _("%(number)s was marked as paid and complete already, by %(who)s. Nothing was changed.")
        messages.warning(request, said % {"number": refund.number, "who": who})
    else:
        messages.success(request, _("%(number)s is marked as paid and complete.") % {"number": refund.number})


def _complete(request: PanelRequest, refund: Refund, form: CompleteForm) -> Refund:
    known = form.cleaned_data
    return services.complete(
        refund.pk,
        cheque_number=known.get("cheque_number", ""),
        received_on=_today(request) if known.get("received") else None,
        seen=request.POST.get("seen"),
        actor=request.actor,
        now=request.now,
    )


@command("panel:refund")
def decline(request: PanelRequest, number: str) -> HttpResponse:
    refund = by_number(number)
    form = DeclineForm(request.POST)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        done = answer(
            form,
            lambda: services.decline(refund.pk, reason=reason, actor=request.actor, now=request.now),
        )
        if done is not None:
            messages.success(
                request, _("%(number)s is declined. Its amount is available again.") % {"number": done.number}
            )
            return redirect("panel:refund", number=refund.number)
    return refund_page(request, refund, form=form)


@command("panel:refund")
def send(request: PanelRequest, number: str) -> HttpResponse:
    """Send refund slip."""
    refund = by_number(number)
    sent = do_once(request, lambda key: send_slip(refund.pk, key=key, actor=request.actor, now=request.now))
    if sent is not None:
        say_sent(request, sent, _("The refund slip was sent to %(to)s."))
    return redirect("panel:refund", number=refund.number)


@read_only
def slip(_request: PanelRequest, number: str) -> HttpResponse:
    """Print refund slip: the PDF, shown in the browser."""
    refund = by_number(number)
    return pdf(render_slip([refund]), f"{refund.number}.pdf")
