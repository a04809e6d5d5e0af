"""Sales Orders > View Orders, an order, and what staff do with it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Permission
from tillbook.common.errors import NotFound
from tillbook.common.money import Money
from tillbook.credit import queries as credit
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.customers.queries import CustomerNotFound, by_username, search
from tillbook.exporters.lists import Cell, Coded
from tillbook.orders import queries, services
from tillbook.orders.charges import Charge, note_paid_back
from tillbook.orders.models import Order
from tillbook.panel.edge import PanelRequest, answer, form_for, page_of, read_only, status_of, whole
from tillbook.panel.files import all_of, download
from tillbook.panel.forms import OLDEST
from tillbook.panel.history import history
from tillbook.panel.order_forms import (
    CustomerChoiceForm,
    NewOrderForm,
    OrderEntry,
    OrderFilterForm,
    PaidBackForm,
    PayWithCreditForm,
    ReasonForm,
    ReceivePaymentForm,
)
from tillbook.refunds.provenance import of_order
from tillbook.returns import queries as returns

_COLUMNS = {
    "number": gettext_lazy("Order"), "placed_at": gettext_lazy("Placed"), "status": gettext_lazy("Status"),
    "paid_status": gettext_lazy("Paid status"), "username": gettext_lazy("Username"),
    "name": gettext_lazy("Name"), "currency": gettext_lazy("Currency"), "total": gettext_lazy("Total"),
    "received": gettext_lazy("Received"), "credit_used": gettext_lazy("Credit used"),
    "owing": gettext_lazy("Owing"),
}  # fmt: skip
_PAGE = 50  # orders on one page of the list
_MOST_FOUND = 20  # customers to choose from
_MOST_TYPED = 500  # credits beside which something was typed


@read_only
def orders(request: PanelRequest) -> HttpResponse:
    """View Orders: newest first, or the other way round, a page at a time."""
    form = OrderFilterForm(request.GET)
    after = request.GET.get("after", "")
    rows = _listed(form, after or None, _PAGE + 1)
    found = page_of(rows, _PAGE, key=after, key_of=queries.page_key)
    filtered = bool(form.errors) or any(form.cleaned_data.values())
    return render(request, "panel/orders/list.html", {"form": form, "page": found, "filtered": filtered})


def _listed(form: OrderFilterForm, before: str | None, limit: int) -> list[Order]:
    form.is_valid()
    wanted = form.cleaned_data  # a field that can't be read filters nothing and shows its error
    q, paid_status = wanted.get("q", ""), wanted.get("paid_status", "")
    oldest_first = wanted.get("sort") == OLDEST
    return queries.page(q=q, paid_status=paid_status, oldest_first=oldest_first, before=before, limit=limit)


@read_only
def export(request: PanelRequest, ending: str) -> HttpResponse:
    """The list as a file."""
    form = OrderFilterForm(request.GET)
    rows = all_of(lambda before, limit: _listed(form, before, limit), queries.page_key)
    return download(request, "orders", _("Orders"), ending, _COLUMNS, rows, _cells)


def _cells(order: Order) -> Sequence[Cell]:
    figures = (order.total_minor, order.received_minor, order.credit_used_minor, order.owing_minor)
    return [
        order.number, order.placed_at, Coded(order.status, order.get_status_display()),
        Coded(order.paid_status, order.get_paid_status_display()), order.customer.username,
        order.customer.display_name, order.currency, *(Money(minor, order.currency) for minor in figures),
    ]  # fmt: skip


@read_only
def order(request: PanelRequest, number: str) -> HttpResponse:
    """One order: what was sold, what paid for it, what is owing, and its history."""
    shown = queries.by_number(number)
    context = {
        "order": shown,
        "lines": queries.lines_of(shown),
        "payments": queries.payments_of(shown),
        "credit_paid": of_order(shown),
        "overpayment_credits": queries.overpayment_credits(shown),
        "rmas": returns.of_order(shown.pk),
        "available_minor": credit.balance_of(shown.customer_id, shown.currency).available_minor,
        "history": history(request, shown.customer, shown.number),
    }
    return render(request, "panel/orders/order.html", context)


@form_for(Permission.WORK_ORDERS)
def new_order(request: PanelRequest) -> HttpResponse:
    """Place an order for the customer that the address names; without one, ask for whom."""
    customer = _chosen(request)
    if customer is None:
        return _choose_customer(request)
    entry = OrderEntry(request.POST or None, currency=customer.currency, form=NewOrderForm)
    if entry.is_valid():
        placed = answer(
            entry.form,
            lambda: services.place(
                customer_id=customer.pk,
                currency=customer.currency,
                number=entry.form.cleaned_data["number"] or None,
                actor=request.actor,
                now=request.now,
                **entry.arguments(),
            ),
        )
        if placed is not None:
            messages.success(request, _("Order %(number)s is placed.") % {"number": placed.number})
            return redirect("panel:order", number=placed.number)
    context = {"customer": customer, "entry": entry}
    return render(request, "panel/orders/new.html", context, status=entry.status)


def _chosen(request: PanelRequest) -> Customer | None:
    """The customer that `?customer=` names by their username."""
    with suppress(CustomerNotFound):
        return by_username(request.GET.get("customer", "").strip())
    return None


def _choose_customer(request: PanelRequest) -> HttpResponse:
    """For whom: who is found for what was typed instead of a username, to choose from."""
    typed = request.GET.get("customer", "").strip()
    form = CustomerChoiceForm(request.GET or None)
    people = search(typed, limit=_MOST_FOUND + 1) if form.is_valid() else []
    if len(people) == 1:
        return redirect(f"{reverse('panel:order_new')}?{urlencode({'customer': people[0].username})}")
    context = {
        "form": form,
        "typed": typed,
        "people": people[:_MOST_FOUND],
        "more": len(people) > _MOST_FOUND,
    }
    status = 404 if typed and not people else 200
    return render(request, "panel/orders/choose_customer.html", context, status=status)


@form_for(Permission.WORK_ORDERS)
def edit_order(request: PanelRequest, number: str) -> HttpResponse:
    """Edit: a total below what was paid makes the excess a credit at once."""
    shown = queries.by_number(number)
    entry = OrderEntry(request.POST or None, currency=shown.currency, order=shown)
    if entry.is_valid():
        edited = answer(
            entry.form,
            lambda: services.edit(
                shown.pk,
                seen=entry.form.cleaned_data["seen"] or None,
                actor=request.actor,
                now=request.now,
                **entry.arguments(),
            ),
        )
        if edited is not None:
            messages.success(
                request,
                " ".join(
                    [_("Order %(number)s is changed.") % {"number": number}, *_new_credit(shown, edited)]
                ),
            )
            return redirect("panel:order", number=number)
    context = {"order": shown, "entry": entry}
    return render(request, "panel/orders/edit.html", context, status=entry.status)


def _new_credit(before: Order, after: Order) -> list[str]:
    """The sentences to add to a message when the change made credit of an excess."""
    made = after.overpaid_minor - before.overpaid_minor
    back = before.credit_used_minor - after.credit_used_minor
    said = (
        (made, _("%(amount)s was more than the total and is now credit.")),
        (back, _("%(amount)s went back to the credits that had paid it.")),
    )
    return [text % {"amount": Money(minor, after.currency)} for minor, text in said if minor > 0]


@form_for(Permission.WORK_ORDERS)
def receive_payment(request: PanelRequest, number: str) -> HttpResponse:
    """Receipt payment: what is more than the order's total becomes a credit at once."""
    shown = queries.by_number(number)
    form = ReceivePaymentForm.of(shown, request.POST or None, now=request.now)
    if form.is_valid():
        values = form.cleaned_data
        payment = answer(
            form,
            lambda: services.receive_payment(
                shown.pk,
                amount=Money(values["amount"], shown.currency),
                method=values["method"],
                reference=values["reference"],
                charge=Charge(values["gateway"], values["charge"]),
                received_at=values["received_at"],
                key=values["key"],
                actor=request.actor,
                now=request.now,
            ),
        )
        if payment is not None:
            received = Money(payment.amount_minor, shown.currency)
            said = [_("Payment of %(amount)s recorded.") % {"amount": received}]
            messages.success(request, " ".join(said + _new_credit(shown, queries.by_number(number))))
            return redirect("panel:order", number=number)
    context = {"order": shown, "form": form}
    return render(request, "panel/orders/receive_payment.html", context, status=status_of(form))


@form_for(Permission.SPEND_CREDIT)
def pay_with_credit(request: PanelRequest, number: str) -> HttpResponse:
    """Pay with available credit: in the credits' own order, or from those staff choose."""
    shown = queries.by_number(number)
    form = PayWithCreditForm.of(shown, request.POST or None, credits=_payers(request, shown))
    if form.is_valid():
        paid = answer(
            form,
            lambda: services.pay_with_credit(
                shown.pk,
                amount=form.total(),
                credits=form.chosen(),
                key=form.cleaned_data["key"],
                actor=request.actor,
                now=request.now,
            ),
        )
        if paid is not None:
            messages.success(request, _("%(total)s was paid with credit.") % {"total": form.total()})
            return redirect("panel:order", number=number)
    context = {"order": shown, "form": form}
    return render(request, "panel/orders/pay_with_credit.html", context, status=status_of(form))


def _payers(request: PanelRequest, shown: Order) -> list[Credit]:
    """The credits to choose from, in the order of use.

    When the form comes back it may name a credit that is used up by now, not least by its
    own first click: then that one counts as well, and the service says what is wrong.
    """
    usable = credit.usable(shown.customer_id, shown.currency, request.now)
    known = {each.id for each in usable}
    typed = [whole(name.removeprefix("credit_")) for name, text in request.POST.items() if text]
    places = [(shown.customer_id, each) for each in typed if each is not None and each not in known]
    used_up = credit.by_ids(places[:_MOST_TYPED]).values()
    return [*usable, *(each for each in used_up if each.currency == shown.currency)]


@form_for(Permission.WORK_ORDERS)
def cancel_order(request: PanelRequest, number: str) -> HttpResponse:
    """Cancel: credit goes back to the same credits, money received becomes credit."""
    shown = queries.by_number(number)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        values = form.cleaned_data
        cancelled = answer(
            form,
            lambda: services.cancel(
                shown.pk, reason=values["reason"], key=values["key"], actor=request.actor, now=request.now
            ),
        )
        if cancelled is not None:
            messages.success(request, _told_cancelled(shown, cancelled))
            return redirect("panel:order", number=number)
    context = {"order": shown, "form": form}
    return render(request, "panel/orders/cancel.html", context, status=status_of(form))


def _told_cancelled(before: Order, after: Order) -> str:
    """That it is cancelled, and where what was paid went."""
    made = Money(after.overpaid_minor - before.overpaid_minor, after.currency)
    back = Money(before.credit_used_minor - after.credit_used_minor, after.currency)
    said = [_("Order %(number)s is cancelled.") % {"number": after.number}]
    if made.minor > 0:
        said.append(_("%(amount)s that was received is credit now.") % {"amount": made})
    if back.minor > 0:
        said.append(_("%(amount)s went back to the credits that had paid it.") % {"amount": back})
    return " ".join(said)


@form_for(Permission.WORK_ORDERS)
def void_payment(request: PanelRequest, payment_id: int) -> HttpResponse:
    """Void a payment: the credit it made is taken back as far as it is unspent."""
    payment = queries.payment_by_id(payment_id)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        values = form.cleaned_data
        voided = answer(
            form,
            lambda: services.void_payment(
                payment.pk, reason=values["reason"], key=values["key"], actor=request.actor, now=request.now
            ),
        )
        if voided is not None:
            _say_voided(request, payment.order, voided)
            return redirect("panel:order", number=payment.order.number)
    context = {"payment": payment, "order": payment.order, "form": form}
    return render(request, "panel/orders/void_payment.html", context, status=status_of(form))


@form_for(Permission.COMPLETE_REFUND)
def paid_back(request: PanelRequest, payment_id: int) -> HttpResponse:
    """Note what the gateway paid back of the payment's charge past Tillbook."""
    payment = queries.payment_by_id(payment_id)
    if not payment.charge:
        raise NotFound(_("No charge of a gateway stands behind this payment."), field="payment")
    form = PaidBackForm(request.POST or None, currency=payment.order.currency)
    if form.is_valid():
        values = form.cleaned_data
        noted = answer(
            form,
            lambda: note_paid_back(
                payment.pk, amount=form.money("amount"), reason=values["reason"], key=values["key"],
                actor=request.actor, now=request.now,
            ),
        )  # fmt: skip
        if noted is not None:
            said = _("It is noted that %(amount)s of the charge was paid back.")
            messages.success(request, said % {"amount": form.money("amount")})
            return redirect("panel:order", number=payment.order.number)
    context = {"payment": payment, "order": payment.order, "form": form}
    return render(request, "panel/orders/paid_back.html", context, status=status_of(form))


def _say_voided(request: PanelRequest, order: Order, voided: services.Voided) -> None:
    amount = Money(voided.payment.amount_minor, order.currency)
    messages.success(request, _("The payment of %(amount)s is voided.") % {"amount": amount})
    if voided.taken_back_minor:
        taken_back = Money(voided.taken_back_minor, order.currency)
        messages.info(
            request,
            _("%(taken_back)s of the credit it had made was taken back.") % {"taken_back": taken_back},
        )
    if voided.missing_minor:
        missing = Money(voided.missing_minor, order.currency)
        messages.warning(
            request,
            _("%(missing)s of that credit is already used or held and could not be taken back.")
            % {"missing": missing},
        )
