"""A customer's own pages: opened by a link from a mail, without a password."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse
from django.http.request import split_domain_port
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tillbook.common.errors import NotFound, Refusal
from tillbook.common.money import with_shown_amounts
from tillbook.common.numbering import public_number, row_id
from tillbook.common.rate import Limiter
from tillbook.customers import links
from tillbook.delivery.own_page import page_address
from tillbook.portal import account
from tillbook.portal.edge import OwnRequest, PortalRequest, forget, origin_of, own, public, remember
from tillbook.portal.forms import AskForm, LinkForm
from tillbook.refunds import asks
from tillbook.refunds.account_statement import render as render_statement
from tillbook.refunds.models import Ask
from tillbook.shop.details import RefundMethod
from tillbook.shop.policies import shop

_PORTS = {"http": "80", "https": "443"}
_NEWEST = 8  # lines of the history on the first page
_PAGE = 50
_LONGEST_SEQ = 9  # with no more digits any number fits the column

#: what is counted -> how often a minute: links asked for from one network address, links asked for at one
#: e-mail address, links opened from one network address, and statements made for one customer
_MOST = {"asked": 10, "mailbox": 2, "opened": 30, "statement": 10}


@lru_cache(maxsize=len(_MOST))
def limiter(kind: str) -> Limiter:
    """The one that all requests of a kind in this process are counted by."""
    return Limiter(_MOST[kind])


def _too_many(request: PortalRequest, kind: str, email: str = "") -> bool:
    """Count a request; whether it is one too many. Known or not, every e-mail address counts."""
    if limiter(kind).take(str(request.META.get("REMOTE_ADDR", ""))).remaining < 0:
        return True
    return bool(email) and limiter("mailbox").take(email.lower()).remaining < 0


@public("GET", "HEAD", "POST")
def home(request: PortalRequest) -> HttpResponse:
    """The page of whoever has it open; for everybody else, where to ask for a link."""
    if request.customer is not None:
        return _account(request)
    form = LinkForm(request.POST or None)
    if not form.is_valid():
        return render(request, "portal/ask_for_link.html", {"form": form}, status=form.status)
    email = form.cleaned_data["email"]
    if _too_many(request, "asked", email):
        return render(request, "portal/too_many.html", status=429)
    address = page_address(_site(request))
    links.ask_for_link(email, language=get_language() or "", address=address, now=request.now)
    return render(request, "portal/link_asked.html", {"minutes": shop().link_minutes})


def _site(request: PortalRequest) -> str:
    """Where this program is reached, for the link in a mail; empty where an address is set.

    The host's name is one of TILLBOOK_ALLOWED_HOSTS, but its port is whatever the visitor sent: a stranger
    who asks for somebody's link must not say where it leads. So only the server's own is taken.
    """
    if settings.TILLBOOK_ADDRESS:
        return ""
    host = request.get_host()
    _name, port = split_domain_port(host)
    if port and port not in (request.META["SERVER_PORT"], _PORTS[request.scheme or ""]):
        raise DisallowedHost(f"{host} has another port than this server: set TILLBOOK_ADDRESS.")
    return f"{request.scheme}://{host}"


def _account(request: PortalRequest) -> HttpResponse:
    assert request.customer is not None
    customer = request.customer
    figures = account.figures(customer, request.now)
    currency = figures[0].currency
    context = {
        "customer": customer,
        "figures": figures,
        "credits": account.credits(customer, figures, request.now),
        "asked": account.asked(customer),
        "refunds": account.refunds(customer),
        "currency": currency,
        "lines": account.lines(customer, currency, None, _NEWEST),
    }
    return render(request, "portal/account.html", context)


@public("GET", "HEAD")
def link(request: PortalRequest, token: str) -> HttpResponse:
    """Where the link in a mail leads. Looking uses it up for nobody: programs look into mails too.

    Looks are not counted: nobody guesses a link, and the log of a refusal would hold one that still works.
    """
    if not links.may_open(token, request.now):
        if request.customer is not None:  # it opened the page that is still open here
            return redirect("portal:home")
        return render(request, "portal/link_spent.html", status=404)
    return render(request, "portal/link.html", {"token": token})


@public("GET", "HEAD", "POST")
def open_page(request: PortalRequest) -> HttpResponse:
    """The button of that page: the link is used up, and the customer's page is open in this browser."""
    if request.method != "POST":
        return redirect("portal:home")
    if _too_many(request, "opened"):
        return render(request, "portal/too_many.html", status=429)
    try:
        opened = links.open_page(request.POST.get("token", ""), origin=origin_of(request), now=request.now)
    except links.PageLinkSpent:
        if request.customer is not None:  # by a second click, or by going back
            return redirect("portal:home")
        return render(request, "portal/link_spent.html", status=404)
    response = redirect("portal:home")
    remember(response, opened.token)
    return response


@public("GET", "HEAD", "POST")
def leave(request: PortalRequest) -> HttpResponse:
    """Close the page in this browser."""
    response = redirect("portal:home")
    if request.method == "POST":
        forget(request, response)
        messages.success(request, _("Your page is closed."))
    return response


@own("GET", "HEAD")
def history(request: OwnRequest) -> HttpResponse:
    """All that moved the customer's credit in one currency, a page at a time."""
    currency, after = _currency(request), request.GET.get("after", "")
    found = account.lines(request.customer, currency, _place(after), _PAGE + 1)
    lines = found[:_PAGE]
    context = {
        "currency": currency,
        "currencies": asks.currencies_of(request.customer),
        "lines": lines,
        "is_first": not after,
        "next_key": _key(lines[-1]) if len(found) > _PAGE else "",
    }
    return render(request, "portal/history.html", context)


def _currency(request: OwnRequest) -> str:
    """The currency that `?currency=` names, one that the customer has; else their own."""
    known = asks.currencies_of(request.customer)
    wanted = request.GET.get("currency", known[0])
    if wanted not in known:
        raise NotFound(_("You have no credit in that currency."), field="currency")
    return wanted


def _key(line: account.Line) -> str:
    credit_id, seq = line.key
    return f"{public_number('CR', credit_id)}/{seq}"


def _place(key: str) -> tuple[int, int] | None:
    """(credit's id, seq) of the line that a key names."""
    if not key:
        return None
    number, _slash, seq = key.partition("/")
    credit_id = row_id("CR", number)
    if credit_id is None or not (seq.isascii() and seq.isdigit()) or len(seq) > _LONGEST_SEQ:
        raise NotFound(_("There is no such line. Open the page again without what follows the ?."))
    return credit_id, int(seq)


@own("GET", "HEAD")
def statement(request: OwnRequest) -> HttpResponse:
    """The statement of one currency, as a PDF."""
    currency = _currency(request)
    if limiter("statement").take(str(request.customer.pk)).remaining < 0:  # papers are made one at a time
        return render(request, "portal/too_many.html", status=429)
    return HttpResponse(
        render_statement(request.customer, currency, request.now),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="credit-{currency}.pdf"'},
    )


@own("GET", "HEAD", "POST")
def ask(request: OwnRequest) -> HttpResponse:
    """Ask for a refund: first how, where there is a choice, then the amount and what that way needs."""
    currency = _currency(request)
    available = asks.available_to_ask(request.customer.pk, currency, request.now)
    offered = asks.ways(request.customer.pk, currency, request.now)
    method = _chosen(request, offered)
    context = {"currency": currency, "available": available, "offered": offered, "method": method}
    if method is None or not (available.minor or request.method == "POST"):
        return render(request, "portal/ask_how.html", context)
    form = AskForm(request.POST or None, currency=currency, method=method)
    form.shown(
        available,
        payee_name=request.customer.display_name,
        postal_address=request.customer.postal_address,
    )
    if form.is_valid() and _asked(request, form) is not None:
        messages.success(request, _("We have your request. You see here what becomes of it."))
        return redirect("portal:home")
    return render(request, "portal/ask.html", {**context, "form": form}, status=form.status)


def _chosen(request: OwnRequest, offered: list[RefundMethod]) -> RefundMethod | None:
    """The way that `?method=` names; the only one where there is no choice."""
    code = request.GET.get("method", offered[0].code if len(offered) == 1 else "")
    return next((each for each in offered if each.code == code), None)


def _asked(request: OwnRequest, form: AskForm) -> Ask | None:
    values = form.cleaned_data
    key = f"own-page:{values['key']}"  # what the customer sends can't be a key of anybody else's
    try:
        return asks.ask(
            customer_id=request.customer.pk, amount=values["amount"], method=form.method.code,
            payee=form.payee(), key=key, actor=request.actor, now=request.now,
        )  # fmt: skip
    except Refusal as refusal:
        form.refuse(refusal)
        return None


@own("GET", "HEAD", "POST")
def keep(request: OwnRequest, number: str) -> HttpResponse:
    """Keep the credit after all: what was asked for is withdrawn."""
    if request.method == "POST":
        found = asks.own_by_number(number, request.customer.pk)
        try:
            asks.withdraw(found.pk, actor=request.actor, now=request.now)
        except NotFound:
            raise
        except Refusal as refusal:
            messages.error(request, with_shown_amounts(refusal.message, shop().locale))
        else:
            messages.success(request, _("You keep your credit. Nothing is paid out."))
    return redirect("portal:home")
