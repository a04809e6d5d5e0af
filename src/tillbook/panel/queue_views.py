"""Sales Orders > Refunds: the queue, and what is done with a selection of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.errors import PermissionDenied, Refusal
from tillbook.exporters.lists import Cell
from tillbook.panel.edge import PanelRequest, command, page_of, read_only, whole
from tillbook.panel.files import all_of, download, pdf, refused
from tillbook.panel.forms import QueueForm
from tillbook.panel.queue_filters import FilterNameForm, links, query_of
from tillbook.panel.refund_views import completed_before
from tillbook.payouts.queries import gateway_accounts
from tillbook.refunds import asks, payees, services
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids, queue
from tillbook.refunds.slip import render as render_slip
from tillbook.refunds.state import amount_of
from tillbook.shop.policies import shop

_MOST_ASKS = 1_000  # more are not counted
_PAGE_SIZE = 50
_COLUMNS = (
    "number", "kind", "state", "customer", "name", "amount", "currency", "method", "payee", "bank_account",
    "paypal_email", "postal_address", "payment_date", "requested_at", "requested_by", "resolved_at",
    "resolved_by", "reference", "gateway", "charge",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one refund of a selection: `problem` is empty if it is completed.

    `before` names who completed it before this actor tried to.
    """

    refund: Refund
    problem: str
    before: str = ""


@read_only
def refunds(request: PanelRequest) -> HttpResponse:
    form = _filters(request)
    after = request.GET.get("after", "")
    rows = queue(form.wanted(), after=whole(after), limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda refund: str(refund.pk))
    context = {
        "form": form,
        "page": listed,
        "filtered": bool(request.GET),
        "saved": links(request, form),
        "save_form": FilterNameForm(),
        "query": query_of(form),
        "asked": asks.count_waiting(_MOST_ASKS),
        "has_gateways": bool(gateway_accounts()),
    }
    return render(request, "panel/refunds/queue.html", context)


def _filters(request: PanelRequest) -> QueueForm:
    return QueueForm(request.GET or None, currency=shop().currency)


def selected_of(request: PanelRequest) -> list[Refund]:
    """The refunds that are ticked."""
    ids = [whole(text) for text in request.POST.getlist("selected")]
    return by_ids([each for each in ids if each is not None])


@command("panel:refunds")
def complete_selected(request: PanelRequest) -> HttpResponse:
    """Mark as Paid and Complete, one by one: a refusal stops only its own refund."""
    selected = selected_of(request)
    if not selected:
        return nothing_selected(request)
    outcomes = [_complete(refund, request) for refund in selected]
    done = sum(not (outcome.problem or outcome.before) for outcome in outcomes)
    return render(request, "panel/refunds/outcomes.html", {"outcomes": outcomes, "done": done})


def _complete(refund: Refund, request: PanelRequest) -> Outcome:
    try:
        done = services.complete(refund.pk, actor=request.actor, now=request.now)
    except PermissionDenied:
        raise
    except Refusal as refusal:
        return Outcome(refund, refusal.message)
    return Outcome(done, "", completed_before(done, request))


def nothing_selected(request: PanelRequest) -> HttpResponse:
    """Back to the queue, with what to do first."""
    messages.warning(request, _("Select at least one refund first."))
    return redirect("panel:refunds")


@command("panel:refunds")
def print_selected(request: PanelRequest) -> HttpResponse:
    """The slips of the selected refunds in one PDF; its last page names the reversals, which have none."""
    selected = selected_of(request)
    if not selected:
        return nothing_selected(request)
    refunds = [refund for refund in selected if not refund.pays_nobody]
    reversals = [refund.number for refund in selected if refund.pays_nobody]
    if not refunds:
        return refused(
            request, "refunds",
            _("A reversal has no slip: nobody is paid. Selected: %(numbers)s.")
            % {"numbers": ", ".join(reversals)},
        )  # fmt: skip
    return pdf(render_slip(refunds, left_out=reversals), "refund-slips.pdf")


@command("panel:refunds")
def export_csv(request: PanelRequest) -> HttpResponse:
    """The selected refunds, or, when none is selected, all that the filters show."""
    return _exported(request, "csv")


@command("panel:refunds")
def export_xlsx(request: PanelRequest) -> HttpResponse:
    """The remittance list: the same refunds for a person who pays from it."""
    return _exported(request, "xlsx")


def _exported(request: PanelRequest, ending: str) -> HttpResponse:
    """Whole account numbers are in it for who pays from it; the history keeps that they were taken."""
    if "selected" in request.POST:
        return _download(request, ending, selected_of(request))
    form = _filters(request)
    if form.is_bound and not form.is_valid():
        return refused(request, "refunds", _("Nothing was exported: correct the filters first."))
    wanted = form.wanted()
    rows = all_of(lambda after, limit: queue(wanted, after=after, limit=limit), lambda refund: refund.pk)
    return _download(request, ending, rows)


def _download(request: PanelRequest, ending: str, rows: Iterable[Refund]) -> HttpResponse:
    whole_accounts = request.actor.may(Permission.REVEAL_ACCOUNT)
    if whole_accounts:
        payees.take_accounts(actor=request.actor, now=request.now)
    return download(request, "refunds", ending, _COLUMNS, rows, lambda refund: _cells(refund, whole_accounts))


def _cells(refund: Refund, whole_accounts: bool) -> Sequence[Cell]:
    account = refund.bank_account if whole_accounts else mask(refund.bank_account)
    return [
        refund.number, refund.kind, refund.status, refund.customer.username, refund.customer.display_name,
        amount_of(refund), refund.currency, refund.method, refund.payee_name,
        account, refund.paypal_email, refund.postal_address, refund.payment_date,
        refund.requested_at, refund.requested_by, refund.resolved_at, refund.resolved_by,
        refund.payee_reference, refund.gateway, refund.charge,
    ]  # fmt: skip
