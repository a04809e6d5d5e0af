"""Settings: the shop's details, limits, policies, lists and mail, a page for each section."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money
from tillbook.delivery.own_page import page_address
from tillbook.delivery.sender import replies_to, sender
from tillbook.delivery.trying import send_test
from tillbook.numbering.services import next_numbers, start
from tillbook.panel.edge import PanelRequest, answer, command, form_for, message_refusal, status_of, whole
from tillbook.panel.environment import facts, mail_server
from tillbook.panel.history import history_of_settings
from tillbook.panel.settings_forms import (
    LimitsForm,
    LogoForm,
    MailForm,
    NumberingForm,
    OwnPageForm,
    RefundsForm,
    SettingsForm,
    ShopForm,
)
from tillbook.panel.settings_lists import (
    ApprovalsForm,
    GiveReasonsForm,
    MethodsForm,
    PoliciesForm,
    ReturnReasonsForm,
)
from tillbook.payouts.queries import gateway_accounts
from tillbook.shop.details import Shop
from tillbook.shop.logos import logo
from tillbook.shop.policies import saved_sections, shop, shop_of
from tillbook.shop.services import save, save_logo

_YEAR = 365 * 24 * 60 * 60  # seconds


@form_for(Permission.MANAGE_SETTINGS)
def settings(request: PanelRequest) -> HttpResponse:
    """The sections, what stays with the environment, and who changed what."""
    context = {"facts": facts(), "history": history_of_settings(request), "saved": _saved_sections()}
    return render(request, "panel/settings/index.html", context)


def _saved_sections() -> frozenset[str]:
    return saved_sections() | ({"gateways"} if gateway_accounts() else frozenset())


def saved(request: PanelRequest, section: str, form: SettingsForm) -> bool:
    """Whether the form was sent, taken, and is saved now."""
    if not form.is_valid():
        return False
    seen = form.cleaned_data["seen"]

    def call() -> int:
        try:
            return save(section, form.wanted(), seen=seen, actor=request.actor, now=request.now)
        except InvalidInput as refusal:
            raise form.at_its_row(refusal) from None

    before, done = shop(), answer(form, call)
    if done is not None:
        said = _("Saved. It holds from now on.") if shop() != before else _("Nothing was changed.")
        messages.success(request, said)
    return done is not None


def _shown(request: PanelRequest) -> Shop:
    """The shop that the page was made of: what was sent has the rows that it had then."""
    seen = whole(request.POST.get("seen", ""))
    return shop() if seen is None else shop_of(seen)


def section_page(
    request: PanelRequest, section: str, form: SettingsForm, context: dict[str, Any] | None = None
) -> HttpResponse:
    """The page of one section; after it was saved, that page again with what holds now."""
    if saved(request, section, form):
        return redirect(f"panel:settings_{section}")
    shown = {"form": form, **(context or {})}
    return render(request, f"panel/settings/{section}.html", shown, status=status_of(form))


@form_for(Permission.MANAGE_SETTINGS)
def shop_details(request: PanelRequest) -> HttpResponse:
    form = ShopForm(request.POST or None, initial=ShopForm.shown(shop()))
    return section_page(request, "shop", form, {"logo": logo(), "logo_form": LogoForm()})


@command("panel:settings_shop")
def logo_save(request: PanelRequest) -> HttpResponse:
    """Take the uploaded picture as the logo, or with `remove` have none."""
    form = LogoForm(request.POST, request.FILES)
    if "remove" in request.POST:
        form.fields["logo"].required = False
    if form.is_valid():
        upload = None if "remove" in request.POST else form.upload()
        seen = form.cleaned_data["seen"]
        done = answer(form, lambda: save_logo(upload, seen=seen, actor=request.actor, now=request.now))
        if done is not None:
            said = _("There is no logo any more.") if upload is None else _("The logo is saved.")
            messages.success(request, said)
            return redirect("panel:settings_shop")
    request.actor.require(Permission.MANAGE_SETTINGS)
    context = {"form": ShopForm(initial=ShopForm.shown(shop())), "logo": logo(), "logo_form": form}
    return render(request, "panel/settings/shop.html", context, status=status_of(form))


@require_safe
def logo_file(_request: HttpRequest, digest: str) -> HttpResponse:
    """The logo in effect, for everybody: the page to log in shows it. Its address changes with it."""
    found = logo()
    if found is None or found.digest != digest:
        raise Http404
    return HttpResponse(
        found.content,
        content_type=f"image/{found.kind}",
        headers={"Cache-Control": f"public, max-age={_YEAR}, immutable"},
    )


@form_for(Permission.MANAGE_SETTINGS)
def refunds(request: PanelRequest) -> HttpResponse:
    """Where money goes back to."""
    return section_page(
        request, "refunds", RefundsForm(request.POST or None, initial=RefundsForm.shown(shop()))
    )


@form_for(Permission.MANAGE_SETTINGS)
def limits(request: PanelRequest) -> HttpResponse:
    policy = shop()

    def text(minor: int) -> str:
        return Money(minor, policy.currency).decimal()

    shown = {
        "staff_credit_limit": text(policy.staff_credit_limit_minor),
        "self_completion_limit": text(policy.self_completion_limit_minor),
        "stale_refund_days": policy.stale_refund_days,
    }
    return section_page(request, "limits", LimitsForm(request.POST or None, initial=shown))


@form_for(Permission.MANAGE_SETTINGS)
def policies(request: PanelRequest) -> HttpResponse:
    return section_page(request, "policies", PoliciesForm(request.POST or None, shop=_shown(request)))


@form_for(Permission.MANAGE_SETTINGS)
def give_reasons(request: PanelRequest) -> HttpResponse:
    return section_page(request, "give_reasons", GiveReasonsForm(request.POST or None, shop=_shown(request)))


@form_for(Permission.MANAGE_SETTINGS)
def return_reasons(request: PanelRequest) -> HttpResponse:
    return section_page(
        request, "return_reasons", ReturnReasonsForm(request.POST or None, shop=_shown(request))
    )


@form_for(Permission.MANAGE_SETTINGS)
def methods(request: PanelRequest) -> HttpResponse:
    return section_page(request, "methods", MethodsForm(request.POST or None, shop=_shown(request)))


@form_for(Permission.MANAGE_SETTINGS)
def approvals(request: PanelRequest) -> HttpResponse:
    return section_page(request, "approvals", ApprovalsForm(request.POST or None, shop=_shown(request)))


@form_for(Permission.MANAGE_SETTINGS)
def numbering(request: PanelRequest) -> HttpResponse:
    """Where each series of numbers goes on. What they begin with can't be set: it is on paper."""
    form = NumberingForm(request.POST or None)
    if form.is_valid():
        before = next_numbers()
        after = answer(form, lambda: start(form.starts(), actor=request.actor, now=request.now))
        if after is not None:
            said = _("Nothing was changed.") if after == before else _("Saved. It holds from now on.")
            messages.success(request, said)
            return redirect("panel:settings_numbering")
    return render(request, "panel/settings/numbering.html", {"form": form}, status=status_of(form))


@form_for(Permission.MANAGE_SETTINGS)
def own_page(request: PanelRequest) -> HttpResponse:
    """Whether customers have pages of their own, and what they may ask for there."""
    policy = shop()
    shown = {
        "own_page": policy.own_page,
        "own_page_methods": list(policy.own_page_methods),
        "link_minutes": policy.link_minutes,
    }
    address = page_address(f"{request.scheme}://{request.get_host()}") if policy.own_page else ""
    form = OwnPageForm(request.POST or None, initial=shown)
    return section_page(request, "own_page", form, {"address": address})


@form_for(Permission.MANAGE_SETTINGS)
def mail(request: PanelRequest) -> HttpResponse:
    policy = shop()
    shown = {"mail_name": policy.mail_name, "mail_reply_to": policy.mail_reply_to}
    context = {"server": mail_server(), "sender": sender(), "replies_to": replies_to()}
    return section_page(request, "mail", MailForm(request.POST or None, initial=shown), context)


@command("panel:settings_mail")
def mail_test(request: PanelRequest) -> HttpResponse:
    """Send a test mail to the reader's own address, and say what came of it."""
    sent = message_refusal(request, lambda: send_test(actor=request.actor, now=request.now))
    if sent is not None and sent.path is None:
        said = _("The mail server took the message to %(to)s. Look for it there, among the spam too.")
        messages.success(request, said % {"to": sent.to})
    elif sent is not None:
        said = _("No mail server is set. The message to %(to)s is in the file %(path)s.")
        messages.success(request, said % {"to": sent.to, "path": sent.path})
    return redirect("panel:settings_mail")
