"""RMA or Credit: what of an order comes back, priced while one types, and opened."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.money import Money
from tillbook.orders import queries as orders
from tillbook.orders.models import Order
from tillbook.panel.edge import PanelRequest, answer, command, form_for, refuse, status_of
from tillbook.panel.files import pdf
from tillbook.panel.rma_forms import RmaForm
from tillbook.panel.rma_views import told_closed
from tillbook.returns import note, services
from tillbook.returns.models import Rma
from tillbook.returns.pricing import Quote

_PREVIEW = "preview.pdf"


@form_for(Permission.WORK_RETURNS)
def new_rma(request: PanelRequest, number: str) -> HttpResponse:
    """RMA or Credit: what of an order comes back, or is given back without goods."""
    order = orders.by_number(number)
    form = _form(request, order, pricing="recalculate" in request.POST)
    if not form.pricing and form.is_valid():
        opened = _opened(request, order, form)
        if opened is not None:
            messages.success(request, _told(opened))
            return redirect("panel:rma", number=opened.number)
    return _page(request, order, form)


def _form(request: PanelRequest, order: Order, *, pricing: bool) -> RmaForm:
    lines = orders.lines_of(order)
    return RmaForm(request.POST or None, order=order, lines=lines, pricing=pricing)


def _opened(request: PanelRequest, order: Order, form: RmaForm) -> Rma | None:
    return answer(
        form,
        lambda: services.open_rma(
            customer_id=order.customer_id,
            currency=order.currency,
            order_id=order.pk,
            actor=request.actor,
            now=request.now,
            **form.arguments(),
        ),
    )


def _told(rma: Rma) -> str:
    if rma.status == Rma.Status.CLOSED:
        return told_closed(rma)
    total = Money(rma.total_minor, rma.currency)
    text = _("%(number)s over %(total)s is open and awaits its outcome.")
    return text % {"number": rma.number, "total": total}


def _page(request: PanelRequest, order: Order, form: RmaForm) -> HttpResponse:
    context = {"order": order, "form": form} | _priced(request, order, form)
    return render(request, "panel/rmas/new.html", context, status=status_of(form))


def _priced(request: PanelRequest, order: Order, form: RmaForm) -> dict[str, object]:
    """What the page says of the form's worth: a quote, and the note that it would become."""
    quote = _quote(request, order, form)
    return {"quote": quote, "note": note.preview(quote, now=request.now) if quote else None}


def _quote(request: PanelRequest, order: Order, form: RmaForm) -> Quote | None:
    """What the form asks for, priced; None where that is nothing, or wrong: then its fields say so.

    What can be read is priced even if the rest can't, so that all that is wrong is told at once.
    """
    form.is_valid()  # it reads what was typed
    if not form.is_bound or not form.asks():
        return None
    quote = services.quote(
        customer_id=order.customer_id,
        currency=order.currency,
        order_id=order.pk,
        actor=request.actor,
        now=request.now,
        **form.priced(),
    )
    for refusal in quote.refusals:
        refuse(form, refusal)
    return None if form.errors else quote


@command("panel:order_rma")
def price(request: PanelRequest, number: str) -> HttpResponse:
    """What the form is worth as it stands, for the page's script. Nothing is written."""
    request.actor.require(Permission.WORK_RETURNS)
    order = orders.by_number(number)
    form = _form(request, order, pricing=True)
    context = {"order": order, "form": form} | _priced(request, order, form)
    return render(request, "panel/rmas/_priced.html", context)


@command("panel:order_rma")
def preview_file(request: PanelRequest, number: str) -> HttpResponse:
    """Preview PDF: the adjustment note as it would be, with no number."""
    request.actor.require(Permission.WORK_RETURNS)
    order = orders.by_number(number)
    form = _form(request, order, pricing=True)
    quote = _quote(request, order, form)
    if quote is None:
        if form.is_valid():
            form.add_error(None, _("Enter what comes back first: there is nothing to show yet."))
        return _page(request, order, form)
    return pdf(note.render(note.preview(quote, now=request.now)), _PREVIEW)
