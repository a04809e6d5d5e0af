"""Mails: which are sent and what they say, what became of each, and what a customer does without.

Who opens these pages, and what they need first:

- An admin who sets the shop up: which mails there are, what each would say, and that none goes unasked.
- Whoever is on the phone with a customer who got no mail: what was sent to them, when, where to, and if not,
  why not, with a button to send it again.
- An admin in the morning, led here from Home: the mails that did not go, and what the server said.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings as environment
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.mail_kinds import MailKind
from tillbook.customers.queries import by_username
from tillbook.customers.services import switch_mails
from tillbook.delivery import mails as services
from tillbook.delivery.mail_writing import Written
from tillbook.delivery.models import Mail
from tillbook.delivery.queries import WRONG, mail_by_number, page_of_mails
from tillbook.panel.edge import (
    Page,
    PanelRequest,
    answer,
    command,
    form_for,
    message_refusal,
    page,
    page_of,
    read_only,
    status_of,
    whole,
)
from tillbook.panel.environment import mail_server
from tillbook.panel.forms import changes, remembering
from tillbook.panel.mail_forms import CustomerMailsForm, MailsForm, MailTextForm
from tillbook.panel.settings_views import saved, section_page
from tillbook.shop.mail_texts import PLACEHOLDERS
from tillbook.shop.policies import shop

_PAGE_SIZE = 50
_WRONG = "wrong"  # in an address: those that somebody decides about


@form_for(Permission.MANAGE_SETTINGS)
def settings(request: PanelRequest) -> HttpResponse:
    context = {"server": mail_server(), "has_address": bool(environment.TILLBOOK_ADDRESS)}
    return section_page(request, "mails", MailsForm(request.POST or None, shop=shop()), context)


@form_for(Permission.MANAGE_SETTINGS)
def text(request: PanelRequest, kind: str) -> HttpResponse:
    """The text of one kind, and how it would read; Preview shows what is typed without saving it."""
    if kind not in PLACEHOLDERS:
        raise Http404
    form = MailTextForm(request.POST or None, kind=kind)
    previews = "preview" in request.POST
    if not previews and saved(request, "mails", form):
        return redirect("panel:settings_mail_text", kind)
    context = {
        "form": form, "kind": kind, "title": MailKind(kind).label, "placeholders": PLACEHOLDERS[kind],
        "written": _written(request, kind, form), "is_typed": previews, "is_on": shop().mails[kind].on,
    }  # fmt: skip
    return render(request, "panel/settings/mail_text.html", context, status=status_of(form))


def _written(request: PanelRequest, kind: str, form: MailTextForm) -> Written | None:
    """The preview; None where what was typed can't be taken."""
    if not form.is_bound:
        return services.preview(kind, actor=request.actor, now=request.now)
    if not form.is_valid():
        return None
    customer = form.cleaned_data["customer"]
    return answer(
        form,
        lambda: services.preview(
            kind, text=form.text(), customer=customer, actor=request.actor, now=request.now
        ),
    )


@command("panel:settings_mail_text")
def sample(request: PanelRequest, kind: str) -> HttpResponse:
    """Send the saved text to the reader's own address, with example values."""
    sent = message_refusal(request, lambda: services.send_sample(kind, actor=request.actor, now=request.now))
    if sent is not None and sent.path is None:
        messages.success(request, _("The mail server took the message to %(to)s.") % {"to": sent.to})
    elif sent is not None:
        said = _("No mail server is set. The message to %(to)s is in the file %(path)s.")
        messages.success(request, said % {"to": sent.to, "path": sent.path})
    return redirect("panel:settings_mail_text", kind)


@read_only
def mails(request: PanelRequest) -> HttpResponse:
    """All mails, or those that somebody decides about."""
    is_wrong = request.GET.get("state") == _WRONG
    listed = _listed(request, states=WRONG if is_wrong else ())
    return render(request, "panel/mails/list.html", {"page": listed, "is_wrong": is_wrong})


def _listed(
    request: PanelRequest, *, customer_id: int | None = None, states: Sequence[str] = ()
) -> Page[Mail]:
    after = request.GET.get("after", "")
    to_users = request.actor.may(Permission.MANAGE_USERS)
    rows = page_of_mails(
        to_users=to_users, before=whole(after), limit=_PAGE_SIZE + 1, customer_id=customer_id, states=states
    )
    return page_of(rows, _PAGE_SIZE, key=after, key_of=lambda row: str(row.pk))


@page
def of_customer(request: PanelRequest, username: str) -> HttpResponse:
    """What was mailed to a customer, and which mails they do without."""
    customer = by_username(username)
    sent = request.POST if request.method == "POST" else None  # with no switch on it is empty
    form = remembering(CustomerMailsForm(sent, no_mails=customer.no_mails))
    if form.is_valid():
        switch_mails(customer.pk, changes(form), actor=request.actor, now=request.now)
        messages.success(request, _("Saved. It holds from now on."))
        return redirect("panel:customer_mails", username)
    context = {"customer": customer, "form": form, "page": _listed(request, customer_id=customer.pk)}
    return render(request, "panel/customers/mails.html", context)


@command("panel:mails")
def again(request: PanelRequest) -> HttpResponse:
    mail = mail_by_number(request.POST.get("mail", ""))
    sent = message_refusal(
        request, lambda: services.send_again(mail.pk, actor=request.actor, now=request.now)
    )
    if sent is not None:
        messages.success(request, _("%(number)s is sent as soon as may be.") % {"number": mail.number})
    return _back(mail)


@command("panel:mails")
def leave(request: PanelRequest) -> HttpResponse:
    mail = mail_by_number(request.POST.get("mail", ""))
    left = message_refusal(request, lambda: services.leave(mail.pk, actor=request.actor, now=request.now))
    if left is not None:
        messages.success(request, _("%(number)s is left as it is.") % {"number": mail.number})
    return _back(mail)


def _back(mail: Mail) -> HttpResponse:
    return (
        redirect("panel:mails")
        if mail.customer is None
        else redirect("panel:customer_mails", mail.customer.username)
    )
