"""Saved filters of the refund queue: the links above it, and what people do with their own."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.money import Money
from tillbook.panel.edge import PanelRequest, command, message_refusal, read_only, whole
from tillbook.panel.forms import PanelForm, QueueForm
from tillbook.shop.policies import shop
from tillbook.staff import saved_filters
from tillbook.staff.models import SavedFilter

_PAGE = "refunds"
_USUAL = ("status", "open")  # what the queue shows where nothing is asked for


class FilterNameForm(PanelForm):
    name = forms.CharField(label=gettext_lazy("Name of this filter"), required=False, max_length=60)
    shared = forms.BooleanField(label=gettext_lazy("For everybody"), required=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A filter to choose with one click."""

    name: str
    url: str
    current: bool
    shared_by: str = ""  # who shares it with everybody; empty for one's own and built-in ones


def query_of(form: QueueForm) -> str:
    """The form's filter as an address has it, always spelled alike; empty where it can't be read."""
    if not form.is_bound or not form.is_valid():
        return ""
    given = [(name, str(form.data.get(name, "")).strip()) for name in form.fields]
    return urlencode([(name, value) for name, value in given if value and (name, value) != _USUAL])


def links(request: PanelRequest, form: QueueForm) -> list[Link]:
    """The built-in filters, then the user's own and the shared ones."""
    now = query_of(form)
    built_in = [Link(name, _url(query), now == query) for name, query in _built_in(request)]
    own = saved_filters.saved_filters(request.actor.user_id or 0, _PAGE)
    return built_in + [
        Link(
            each.name,
            _url(each.query),
            now == each.query,
            each.owner.username if each.owner_id != request.actor.user_id else "",
        )
        for each in own
    ]


def _built_in(request: PanelRequest) -> list[tuple[str, str]]:
    """Name and query: the day's work, one's own requests, and those that somebody else must complete."""
    limit = Money(shop().self_completion_limit_minor, shop().currency)
    mine = [("status", "all"), ("requested_by", request.actor.name), ("sort", "newest")]
    return [
        (_("To complete, oldest first"), ""),
        (_("My requests"), urlencode(mine)),
        (
            _("From %(amount)s") % {"amount": limit.localized(shop().locale)},
            urlencode([("min_amount", limit.decimal())]),
        ),
    ]


def _url(query: str) -> str:
    return f"{reverse('panel:refunds')}?{query}".removesuffix("?")


@command("panel:refunds")
def save(request: PanelRequest) -> HttpResponse:
    """Save the queue's filter, as it is shown, under a name."""
    asked = QueryDict(request.POST.get("query", "")[:2_000])
    form, named = QueueForm(asked, currency=shop().currency), FilterNameForm(request.POST)
    query = query_of(form)
    if not named.is_valid() or (asked and not query):
        messages.error(request, _("Nothing was saved: correct the filter and its name first."))
        return redirect(_url(query))
    saved = message_refusal(
        request,
        lambda: saved_filters.save_filter(
            page=_PAGE,
            name=named.cleaned_data["name"],
            query=query,
            shared=named.cleaned_data["shared"],
            actor=request.actor,
            now=request.now,
        ),
    )
    if saved is not None:
        messages.success(request, _("The filter %(name)s is saved.") % {"name": saved.name})
    return redirect(_url(query))


@read_only
def filters(request: PanelRequest) -> HttpResponse:
    """One's own filters and the shared ones, to be renamed and deleted."""
    found = saved_filters.saved_filters(request.actor.user_id or 0, _PAGE)
    rows = [{"saved": each, "url": _url(each.query), "own": _is_own(each, request)} for each in found]
    return render(request, "panel/refunds/filters.html", {"rows": rows})


def _is_own(saved: SavedFilter, request: PanelRequest) -> bool:
    return saved.owner_id == request.actor.user_id


@command("panel:refund_filters")
def rename(request: PanelRequest) -> HttpResponse:
    """Give the filter that the button stands beside another name."""
    filter_id, name = whole(request.POST.get("filter", "")) or 0, request.POST.get("name", "")
    renamed = message_refusal(
        request,
        lambda: saved_filters.rename_filter(filter_id, name=name, actor=request.actor, now=request.now),
    )
    if renamed is not None:
        messages.success(request, _("The filter is called %(name)s.") % {"name": renamed.name})
    return redirect("panel:refund_filters")


@command("panel:refund_filters")
def remove(request: PanelRequest) -> HttpResponse:
    """Delete the filter that the button stands beside."""
    filter_id = whole(request.POST.get("filter", "")) or 0
    removed = message_refusal(
        request, lambda: saved_filters.remove_filter(filter_id, actor=request.actor, now=request.now)
    )
    if removed is not None:
        messages.success(request, _("The filter %(name)s is deleted.") % {"name": removed.name})
    return redirect("panel:refund_filters")
