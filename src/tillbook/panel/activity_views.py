"""Settings > Activity: what was done to users, keys and webhooks, and to everything else, by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tillbook.common.actor import Permission
from tillbook.customers.queries import usernames_of
from tillbook.events.models import Event
from tillbook.events.queries import page_of_activity
from tillbook.panel.edge import Page, PanelRequest, form_for, whole
from tillbook.panel.forms import PanelForm
from tillbook.panel.history import Entry, entry_of, settings_entry
from tillbook.shop.policies import shop
from tillbook.staff.queries import ids_of

_PAGE_SIZE = 50
_USER = "user:"  # how the subject of an event about a user begins


class ActivityForm(PanelForm):
    about = forms.ChoiceField(
        label=_("About"),
        required=False,
        choices=[("", _("Users, keys, webhooks")), ("all", _("Everything"))],
    )
    actor = forms.CharField(label=_("By"), required=False, max_length=150)
    action = forms.CharField(
        label=_("Action begins with"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"placeholder": "user."}),
    )
    subject = forms.CharField(
        label=pgettext_lazy("an event", "Of"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"placeholder": "RF-1042"}),
    )


@dataclass(frozen=True, slots=True)
class Row:
    """An event in words, with its action as filters have it, and the customer it happened to."""

    entry: Entry
    action: str
    customer: str


@form_for(Permission.MANAGE_USERS)
def activity(request: PanelRequest) -> HttpResponse:
    """What was done, the newest first, a page at a time."""
    form = ActivityForm(request.GET)
    form.is_valid()
    wanted = form.cleaned_data  # a field that can't be read filters nothing and shows its error
    after = request.GET.get("after", "")
    found = page_of_activity(
        of_shop=wanted.get("about", "") != "all",
        actor=wanted.get("actor", ""),
        action=wanted.get("action", ""),
        subject=wanted.get("subject", ""),
        before=whole(after),
        limit=_PAGE_SIZE,
    )
    context = {
        "form": form,
        "page": Page(_rows(found.events), after, str(found.next_before or "")),
        "filtered": bool(form.errors) or any(wanted.values()),
    }
    return render(request, "panel/activity.html", context)


def _rows(events: Sequence[Event]) -> list[Row]:
    customers = usernames_of({event.customer_id for event in events if event.customer_id is not None})
    users = ids_of({_user(event) for event in events if event.subject.startswith(_USER)})
    return [
        Row(
            _of_user(_entry(event), users.get(_user(event))),
            event.action,
            customers.get(event.customer_id or 0, ""),
        )
        for event in events
    ]


def _entry(event: Event) -> Entry:
    return settings_entry(event) if event.action == "settings.changed" else entry_of(event, shop().currency)


def _user(event: Event) -> str:
    return str(event.data.get("username", event.subject.removeprefix(_USER)))


def _of_user(entry: Entry, user_id: int | None) -> Entry:
    """The entry, leading to the user it is about."""
    if user_id is None or not entry.subject.startswith(_USER):
        return entry
    url = reverse("panel:user", args=[user_id])
    return replace(entry, subject=entry.subject.removeprefix(_USER), url=url)
