"""Sales Orders > Refunds: the queue, and what is done with a selection of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Permission
from tillbook.common.errors import PermissionDenied, Refusal
from tillbook.exporters.lists import Cell, Coded
from tillbook.panel.edge import PanelRequest, command, page_of, read_only, whole
from tillbook.panel.files import all_of, download, pdf, refused
from tillbook.panel.forms import QueueForm
from tillbook.panel.queue_filters import FilterNameForm, links, query_of
from tillbook.panel.refund_views import completed_before
from tillbook.payouts.queries import gateway_accounts
from tillbook.refunds import approvals, asks, payees, services
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids, queue
from tillbook.refunds.slip import render as render_slip
from tillbook.refunds.state import amount_of
from tillbook.shop.policies import shop

_MOST_ASKS = 1_000  # more are not counted
_PAGE_SIZE = 50
_COLUMNS = {
    "number": gettext_lazy("Refund"), "kind": gettext_lazy("Kind"), "state": gettext_lazy("State"),
    "customer": gettext_lazy("Customer"), "name": gettext_lazy("Name"), "amount": gettext_lazy("Amount"),
    "currency": gettext_lazy("Currency"), "method": gettext_lazy("Refund method"),
    "payee": gettext_lazy("Payee"), "bank_account": gettext_lazy("Bank account"),
    "paypal_email": gettext_lazy("PayPal e-mail"), "postal_address": gettext_lazy("Postal address"),
    "payment_date": gettext_lazy("Payment date"), "requested_at": gettext_lazy("Requested"),
    "requested_by": gettext_lazy("Requested by"), "resolved_at": gettext_lazy("Resolved"),
    "resolved_by": gettext_lazy("Resolved by"), "reference": gettext_lazy("Payee's reference"),
    "gateway": gettext_lazy("Gateway"), "charge": gettext_lazy("Charge"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one refund of a selection: `problem` is empty if what was wanted is done.

    `before` names who did it before this actor tried to.
    """

    refund: Refund
    problem: str
    before: str = ""


@read_only
def refunds(request: PanelRequest) -> HttpResponse:
    form = _filters(request)
    after = request.GET.get("after", "")
    rows = queue(form.wanted(), after=whole(after), limit=_PAGE_SIZE + 1)
    prefetch_related_objects(rows, "sources")  # each row says what was seen of it
    prefetch_related_objects([row for row in rows if row.sending and not row.resolved_at], "sendings")
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda refund: str(refund.pk))
    context = {
        "form": form,
        "page": listed,
        "filtered": bool(request.GET),
        "saved": links(request, form),
        "save_form": FilterNameForm(),
        "query": query_of(form),
        "asked": asks.count_waiting(_MOST_ASKS),
        "approves": bool(shop().approval_rules),
        "has_gateways": bool(gateway_accounts()),
    }
    return render(request, "panel/refunds/queue.html", context)


def _filters(request: PanelRequest) -> QueueForm:
    return QueueForm(request.GET or None, currency=shop().currency)


def selected_of(request: PanelRequest) -> list[Refund]:
    """The refunds that are ticked."""
    return by_ids(list(seen_of(request)))


def seen_of(request: PanelRequest) -> dict[int, str | None]:
    """id of each refund that is ticked -> what its row showed, as `approvals.version_of` says it."""
    ticked = [text.partition(" ") for text in request.POST.getlist("selected")]
    found = [(whole(first), seen or None) for first, _space, seen in ticked]
    return {refund_id: seen for refund_id, seen in found if refund_id is not None}


@command("panel:refunds")
def complete_selected(request: PanelRequest) -> HttpResponse:
    """Mark as Paid and Complete, one by one: a refusal stops only its own refund."""

    def complete(refund: Refund, seen: str | None) -> Outcome:
        done = services.complete(refund.pk, seen=seen, actor=request.actor, now=request.now)
        return Outcome(done, "", completed_before(done, request))

    return _each_selected(request, complete, "panel/refunds/outcomes.html")


@command("panel:refunds")
def approve_selected(request: PanelRequest) -> HttpResponse:
    """Approve one by one; what an approver must have seen has to be acknowledged on its own page."""

    def approve(refund: Refund, seen: str | None) -> Outcome:
        return Outcome(approvals.approve(refund.pk, seen=seen, actor=request.actor, now=request.now), "")

    return _each_selected(request, approve, "panel/refunds/approved.html")


def _each_selected(
    request: PanelRequest, do: Callable[[Refund, str | None], Outcome], template: str
) -> HttpResponse:
    """Do it to each refund that is ticked, with what its row showed, and say what became of each."""
    seen = seen_of(request)
    selected = by_ids(list(seen))
    if not selected:
        return nothing_selected(request)
    outcomes = [_attempt(do, refund, seen[refund.pk]) for refund in selected]
    done = sum(not (outcome.problem or outcome.before) for outcome in outcomes)
    return render(request, template, {"outcomes": outcomes, "done": done})


def _attempt(do: Callable[[Refund, str | None], Outcome], refund: Refund, seen: str | None) -> Outcome:
    try:
        return do(refund, seen)
    except PermissionDenied:
        raise
    except Refusal as refusal:
        return Outcome(refund, refusal.message)


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
    return download(
        request, "refunds", _("Refunds"), ending, _COLUMNS, rows,
        lambda refund: _cells(refund, whole_accounts),
    )  # fmt: skip


def _cells(refund: Refund, whole_accounts: bool) -> Sequence[Cell]:
    account = refund.bank_account if whole_accounts else mask(refund.bank_account)
    return [
        refund.number, Coded(refund.kind, refund.get_kind_display()),
        Coded(refund.status, refund.get_status_display()), refund.customer.username,
        refund.customer.display_name, amount_of(refund), refund.currency,
        Coded(refund.method, refund.get_method_display()), refund.payee_name, account, refund.paypal_email,
        refund.postal_address, refund.payment_date, refund.requested_at, refund.requested_by,
        refund.resolved_at, refund.resolved_by, refund.payee_reference, refund.gateway, refund.charge,
    ]  # fmt: skip
