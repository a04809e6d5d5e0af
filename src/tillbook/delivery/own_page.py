"""Mailing customers a link to their own page: sent by staff, or asked for on the public page.

What the public page takes down is looked at here, later: so its answer, and the time it takes, are the same
whether the address is anybody's or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import NotFound, Refusal
from tillbook.common.languages import is_known
from tillbook.common.mail import MailFailed, MailUncertain, NoEmailAddress, hand_over, one_line
from tillbook.customers import links
from tillbook.customers.models import AskedLink, Customer
from tillbook.customers.queries import by_id
from tillbook.delivery.sender import letter
from tillbook.delivery.services import address_of
from tillbook.shop.policies import shop

PATH = "/my/"
_OPEN = "open/"  # and the token
_MOST_CUSTOMERS = 20  # of one address, in one mail
_MOST_LINKS = 5  # an hour to one customer: a mailbox is not flooded from here
_A_ROUND = 100  # wishes that one round answers at most: anybody may have them
_AGAIN = timedelta(minutes=1)
_LEASE = timedelta(minutes=2)  # longer than a mail server can take
_TRIED_FOR = timedelta(minutes=15)  # whoever waits has asked again by then

_log = structlog.get_logger("tillbook.delivery")


class OwnPageOff(NotFound):
    """The shop has no pages for its customers."""

    code = "own_page_off"


class AddressMissing(Refusal):
    """Nobody said where this program is reached, so no link can be made."""

    code = "address_missing"


class _Named(NamedTuple):
    """A link in a mail, and whose page it opens."""

    customer: Customer
    address: str


def own_page_address() -> str:
    """Where customers ask for a link to their page; empty where they have none, or no address is set."""
    base = str(settings.TILLBOOK_ADDRESS)
    return f"{base}{PATH}" if base and shop().own_page else ""


def page_address(site: str) -> str:
    """The same of a site's own address, `https://shop.example`, unless another one is set.

    Raises AddressMissing where neither is known.
    """
    base = str(settings.TILLBOOK_ADDRESS) or site
    if not base:
        raise AddressMissing(
            _("Nobody said where customers reach this program. Set TILLBOOK_ADDRESS to its address.")
        )
    return f"{base}{PATH}"


@transaction.atomic
def send_link(customer_id: int, *, site: str = "", actor: Actor, now: datetime) -> str:
    """Have a link to their page mailed to the customer; returns the address that it goes to.

    `site` is where this program is reached, if nothing is set. The mail itself goes a moment later: a slow
    mail server must not hold the book's lock. Raises PermissionDenied, OwnPageOff, CustomerNotFound,
    NoEmailAddress, AddressMissing.
    """
    actor.require(Permission.EDIT_CUSTOMER)
    if not shop().own_page:
        raise OwnPageOff(_("Customers have no page of their own. An admin switches it on in the settings."))
    customer = by_id(customer_id)
    to, address = address_of(customer), page_address(site)
    links.ask_for_link(to, customer=customer, language=settings.LANGUAGE_CODE, address=address, now=now)
    links.record_about(customer, "customer.link_asked", actor, now, to=to)
    return to


def is_asked(now: datetime) -> bool:
    """Whether somebody waits for a link that can be sent now."""
    return AskedLink.objects.filter(next_at__lte=now).exists()


def send_asked(clock: Callable[[], datetime], *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Mail the links that were asked for, until `stopped`; returns how many mails went out."""
    now = clock()
    rows = AskedLink.objects.select_related("customer").filter(next_at__lte=now)
    due = list(rows.order_by("next_at", "pk")[:_A_ROUND])
    return sum(0 if stopped() else _answer(asked, clock()) for asked in due)


def _answer(asked: AskedLink, now: datetime) -> int:
    """Answer one wish, by as many mails. A process that dies meanwhile leaves it to be tried again."""
    claimed = AskedLink.objects.filter(pk=asked.pk, next_at=asked.next_at).update(next_at=now + _LEASE)
    if not claimed:
        return 0
    told = _by_address(_to_be_told(asked, now)) if shop().own_page else {}
    try:
        for to, customers in told.items():
            _send(to, customers, asked, now)
    except MailFailed as refusal:
        _log.warning("a link was not sent", error=refusal.message)
        if now - asked.asked_at < _TRIED_FOR:
            AskedLink.objects.filter(pk=asked.pk).update(next_at=now + _AGAIN)
            return 0
        told = {}
    # Asked again meanwhile, it has another moment and stays.
    AskedLink.objects.filter(pk=asked.pk, asked_at=asked.asked_at).delete()
    return len(told)


def _to_be_told(asked: AskedLink, now: datetime) -> list[Customer]:
    """Whom staff named; else whose address it is, but for those who got enough links lately."""
    if asked.customer is not None:
        return [asked.customer]
    found = links.customers_at(asked.email, limit=_MOST_CUSTOMERS)
    lately = links.links_since(found, now - timedelta(hours=1))
    return [each for each in found if lately.get(each.pk, 0) < _MOST_LINKS]


def _by_address(customers: Sequence[Customer]) -> dict[str, list[Customer]]:
    """The customers by the address that the shop has of them.

    Mail goes there, never to what was typed: a database may take letters for the same that mail does not.
    Whoever has no address any more since staff asked is left out.
    """
    found: dict[str, list[Customer]] = {}
    for each in customers:
        with suppress(NoEmailAddress):
            found.setdefault(address_of(each), []).append(each)
    return found


def _send(to: str, customers: Sequence[Customer], asked: AskedLink, now: datetime) -> None:
    works_for = timedelta(minutes=shop().link_minutes)
    tokens = [links.new_link(each, works_for=works_for, now=now) for each in customers]
    named = [
        _Named(each, f"{asked.address}{_OPEN}{token}/") for each, token in zip(customers, tokens, strict=True)
    ]
    with override(asked.language if is_known(asked.language) else settings.LANGUAGE_CODE):
        message = _message(to, named, now)
    try:
        path = hand_over(message, f"link-{customers[0].pk}", now)
    except MailFailed as failure:
        if not isinstance(failure, MailUncertain):
            links.withdraw(tokens)  # nobody has them: they must not count as links that somebody got
        raise
    actor, file = Actor.system("own page"), path.name if path else None
    with transaction.atomic():
        for each in customers:
            links.record_about(each, "customer.link_sent", actor, now, to=to, file=file)


def _message(to: str, named: Sequence[_Named], now: datetime) -> EmailMessage:
    policy = shop()
    paragraphs = [*_asks_to_open(named), _how_it_works(), policy.name]
    return letter(_("Your page at %(shop)s") % {"shop": policy.name}, "\n\n".join(paragraphs) + "\n", to, now)


def _asks_to_open(named: Sequence[_Named]) -> list[str]:
    """One link greets its customer; several each say whose they are."""
    shop_name = {"shop": shop().name}
    if len(named) == 1:
        dear = _("Dear %(name)s,") % {"name": one_line(named[0].customer.display_name)}
        return [dear, _("Your credit and refunds at %(shop)s:") % shop_name + "\n" + named[0].address]
    several = _("This address belongs to several accounts at %(shop)s. Each has its own link:") % shop_name
    return [several, *(f"{_name(each.customer)}:\n{each.address}" for each in named)]


def _name(customer: Customer) -> str:
    name, username = one_line(customer.display_name), one_line(customer.username)
    return name if name == username else f"{name} ({username})"


def _how_it_works() -> str:
    minutes = shop().link_minutes
    works = ngettext(
        "A link works once, within %(minutes)s minute.",
        "A link works once, within %(minutes)s minutes.",
        minutes,
    )
    left = _("If you did not ask for this mail, leave it be: nothing changes.")
    return f"{works % {'minutes': minutes}} {left}"
