"""Refunds: asking for one, its page, and what may be done with it."""

from __future__ import annotations

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
from tillbook.credit.queries import balances_of, usable
from tillbook.credit.queries import by_number as credit_by_number
from tillbook.credit.services import CreditNotFound
from tillbook.customers.models import Customer
from tillbook.customers.queries import by_username
from tillbook.delivery.services import send_slip
from tillbook.panel.edge import (
    PanelRequest,
    answer,
    command,
    form_for,
    message_refusal,
    read_only,
    status_of,
)
from tillbook.panel.files import pdf
from tillbook.panel.forms import DeclineForm, KeyedForm, PayRefundForm
from tillbook.panel.history import history
from tillbook.panel.payout_forms import ApproveForm, FailForm
from tillbook.refunds import approvals, services
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import of_refund
from tillbook.refunds.queries import by_number
from tillbook.refunds.slip import render as render_slip
from tillbook.refunds.state import OPEN
from tillbook.shop.policies import shop


@form_for(Permission.REQUEST_REFUND)
def pay_refund(request: PanelRequest, username: str) -> HttpResponse:
    customer = by_username(username)
    credit = _chosen_credit(request, customer)
    if request.method != "POST" and credit is not None and not credit.refundable:
        return _not_refundable(request, credit)
    available = _available(request, customer, credit)
    form = PayRefundForm(
        request.POST or None,
        currency=available.currency,
        initial=_defaults(customer, available, request),
    )
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


def _defaults(customer: Customer, available: Money, request: PanelRequest) -> dict[str, Any]:
    return {
        "payee_name": customer.display_name,
        "postal_address": customer.postal_address,
        "amount": available.decimal() if available.minor else "",
        "payment_date": _today(request),
    }


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
        key=values["key"],
        actor=request.actor,
        now=request.now,
    )


@read_only
def refund(request: PanelRequest, number: str) -> HttpResponse:
    return refund_page(request, by_number(number), DeclineForm())


def refund_page(request: PanelRequest, refund: Refund, form: DeclineForm, account: str = "") -> HttpResponse:
    """The page of a refund; `account` is its whole account number, for who asked to see it."""
    is_open = refund.status in OPEN
    context = {
        "refund": refund,
        "customer": refund.customer,
        "form": form,
        "send_form": KeyedForm(),
        "is_reversal": refund.kind == Refund.Kind.REVERSAL,
        "is_open": is_open,
        "account": account,
        "provenance": of_refund(refund),
        "history": history(request, refund.customer, refund.number),
    }
    if is_open and (needed := approvals.needed(refund, request.now)):
        given = approvals.standing(refund)
        mine = any(each.by == request.actor.name for each in given)
        context |= {
            "approvals_needed": needed,
            "approvals": given,
            "approve_form": None if mine else ApproveForm(flags=approvals.flags(refund)),
        }
    if refund.status in (Refund.Status.COMPLETED, *OPEN) and refund.kind == Refund.Kind.REFUND:
        context["fail_form"] = FailForm()
    return render(request, "panel/refunds/refund.html", context, status=status_of(form))


@command("panel:refund")
def complete(request: PanelRequest, number: str) -> HttpResponse:
    """Mark as Paid and Complete."""
    refund = by_number(number)
    done = message_refusal(
        request, lambda: services.complete(refund.pk, actor=request.actor, now=request.now)
    )
    if done is not None:
        messages.success(request, _("%(number)s is marked as paid and complete.") % {"number": done.number})
    return redirect("panel:refund", number=refund.number)


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
    return refund_page(request, refund, form)


@command("panel:refund")
def send(request: PanelRequest, number: str) -> HttpResponse:
    """Send refund slip."""
    refund = by_number(number)
    form = KeyedForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This page was sent without its key. Try once more."))
        return redirect("panel:refund", number=refund.number)
    key = form.cleaned_data["key"]
    sent = message_refusal(
        request, lambda: send_slip(refund.pk, key=key, actor=request.actor, now=request.now)
    )
    if sent is not None and sent.path is not None:
        messages.info(
            request,
            _("No mail server is set up: the message to %(to)s was written to %(path)s.")
            % {"to": sent.to, "path": sent.path},
        )
    elif sent is not None:
        messages.success(request, _("The refund slip was sent to %(to)s.") % {"to": sent.to})
    return redirect("panel:refund", number=refund.number)


@read_only
def slip(_request: PanelRequest, number: str) -> HttpResponse:
    """Print refund slip: the PDF, shown in the browser."""
    refund = by_number(number)
    return pdf(render_slip([refund]), f"{refund.number}.pdf")
