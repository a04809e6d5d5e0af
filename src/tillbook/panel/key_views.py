"""API keys: which programs may do what, in whose name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.actor import Permission, Scope
from tillbook.panel.edge import PanelRequest, answer, command, message_refusal, page, status_of, whole
from tillbook.panel.forms import KeyedForm
from tillbook.staff import keys
from tillbook.staff.models import ApiKey
from tillbook.staff.queries import active_users, by_username

_SCOPES = [
    (Scope.READ.value, _("Read everything")),
    (Scope.ORDERS.value, _("Customers, orders, payments and returns")),
    (Scope.CREDIT.value, _("Give, spend and hold credit")),
    (Scope.REFUNDS.value, _("Ask for refunds, and complete them if the owner may")),
    (Scope.ADMIN.value, _("All that the owner may do")),
]


class KeyForm(KeyedForm):
    """A new API key. The one that the form bears besides is of the form itself."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What it is for, such as “web checkout”.")
    )
    owner = forms.ChoiceField(
        label=_("Owner"), help_text=_("It acts in this person's name, and can do no more than their role.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=_SCOPES, widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one scope.")},
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = [
            (user.username, f"{user.username} ({gettext(user.role)})") for user in active_users()
        ]


@page
def api_keys(request: PanelRequest) -> HttpResponse:
    """The keys there are, and a form for another, whose secret is shown here and never again: a browser that
    sends the form again, as the page is reloaded, is told so.
    """
    request.actor.require(Permission.MANAGE_KEYS)
    form = KeyForm(request.POST or None, initial={"owner": request.actor.name})
    made: tuple[ApiKey, str] | None = None
    if form.is_valid():
        made = answer(form, lambda: _add(form, request))
    context = {
        "form": form if made is None else KeyForm(initial={"owner": request.actor.name}),
        "made": made,
        "keys": keys.all_keys(),
    }
    return render(request, "panel/keys/keys.html", context, status=200 if made else status_of(form))


def _add(form: KeyForm, request: PanelRequest) -> tuple[ApiKey, str]:
    values = form.cleaned_data
    return keys.add_key(
        owner=by_username(values["owner"]), name=values["name"],
        scopes=[Scope(scope) for scope in values["scopes"]], key=values["key"], actor=request.actor,
        now=request.now,
    )  # fmt: skip


@command("panel:api_keys")
def revoke(request: PanelRequest) -> HttpResponse:
    """End the key that the button stands beside."""
    key_id = whole(request.POST.get("key", "")) or 0
    ended = message_refusal(request, lambda: keys.revoke_key(key_id, actor=request.actor, now=request.now))
    if ended is not None:
        messages.success(request, gettext("%(name)s can't be used any more.") % {"name": ended.name})
    return redirect("panel:api_keys")
