"""Links to a customer's own page, and the visits that they open.

A link works once and for a short time; a visit ends when it was idle, when its customer leaves, and when a
newer link opens the page. Of both only SHA-256 digests are kept. Whoever mails a link writes its event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor
from tillbook.common.errors import NotFound
from tillbook.customers.models import AskedLink, Customer, Link, Visit
from tillbook.customers.queries import locked, reached_at
from tillbook.events.services import NewEvent, record

IDLE = timedelta(minutes=30)
LONGEST_VISIT = timedelta(hours=8)
_NOTED_EVERY = timedelta(minutes=1)  # a page that is read need not be written each time
_KEPT = timedelta(days=30)  # what is over
_BYTES = 32
_LONGEST_TOKEN = 100
_LONGEST_SUBJECT = 60  # of an event


class PageLinkSpent(NotFound):
    """The link was used before, is too old, or was never one. It says the same whoever it is."""

    code = "page_link_spent"


class Opened(NamedTuple):
    """A page that a link has just opened; `token` is what the browser keeps."""

    customer: Customer
    token: str


def ask_for_link(
    email: str, *, customer: Customer | None = None, language: str, address: str, now: datetime
) -> None:
    """Note that a link is wanted at `email`, of one customer or of all who have it; asked again, it is one.

    It takes the same whoever has the address: nothing is looked up here.
    """
    whom = email.strip().lower() if customer is None else f"#{customer.pk}"
    asked = AskedLink(
        whom=whom, email=email.strip(), customer=customer, language=language, address=address, asked_at=now,
        next_at=now,
    )  # fmt: skip
    AskedLink.objects.bulk_create(
        [asked],
        update_conflicts=True,
        unique_fields=["whom"],
        update_fields=["email", "language", "address", "asked_at", "next_at"],
    )


def customers_at(email: str, *, limit: int) -> list[Customer]:
    """Whose address that is, by username, whatever its letter case; of more than `limit` any."""
    # Sorted here: to have them in order a database might rather read all customers by their usernames.
    return sorted(reached_at([email.strip()])[:limit], key=lambda each: each.username)


def links_since(customers: Sequence[Customer], since: datetime) -> dict[int, int]:
    """customer id -> how many links were made for them since then."""
    found: dict[int, int] = {}
    made = Link.objects.filter(customer__in=customers, made_at__gt=since)
    for customer_id in made.values_list("customer_id", flat=True):
        found[customer_id] = found.get(customer_id, 0) + 1
    return found


def new_link(customer: Customer, *, works_for: timedelta, now: datetime) -> str:
    """Make a link to the customer's page; returns its token, which is kept nowhere."""
    token = token_urlsafe(_BYTES)
    Link.objects.create(
        customer=customer, token_hash=_digest(token), email=customer.email.strip(), made_at=now,
        expires_at=now + works_for,
    )  # fmt: skip
    return token


def withdraw(tokens: Sequence[str]) -> None:
    """Take back links whose mail surely did not go."""
    Link.objects.filter(token_hash__in=[_digest(token) for token in tokens]).delete()


def may_open(token: str, now: datetime) -> bool:
    """Whether the link would open a page now. Looking uses nothing up."""
    found = _link(token)
    return found is not None and found.used_at is None and found.expires_at > now and _is_current(found)


@transaction.atomic
def open_page(token: str, *, origin: str, now: datetime) -> Opened:
    """Use the link up and open the page: the customer's other links and visits end. Raises PageLinkSpent."""
    if (found := _link(token)) is None:
        raise _spent()
    customer = locked(found.customer_id)  # before the links: two of them, opened at once, would deadlock
    unused = Link.objects.filter(pk=found.pk, used_at=None, expires_at__gt=now)
    # One statement: of two at the same moment one finds it used.
    if not unused.update(used_at=now) or found.email.lower() != customer.email.strip().lower():
        raise _spent()
    Link.objects.filter(customer=customer, used_at=None).update(used_at=now)
    Visit.objects.filter(customer=customer, ended_at=None).update(ended_at=now)
    visit = token_urlsafe(_BYTES)
    Visit.objects.create(
        customer=customer, token_hash=_digest(visit), email=found.email, opened_at=now, seen_at=now
    )
    record_about(customer, "customer.page_opened", Actor.customer(customer.pk, origin), now)
    return Opened(customer, visit)


def _spent() -> PageLinkSpent:
    return PageLinkSpent(_("This link does not work, or not any more."))


def visitor(token: str, now: datetime) -> Customer | None:
    """Whose page the browser with that token has open, if it still is; notes that it was seen."""
    visit = Visit.objects.select_related("customer").filter(token_hash=_digest(token), ended_at=None).first()
    if visit is None or visit.seen_at <= now - IDLE or visit.opened_at <= now - LONGEST_VISIT:
        return None
    if not _is_current(visit):
        return None
    if visit.seen_at <= now - _NOTED_EVERY:
        Visit.objects.filter(pk=visit.pk).update(seen_at=now)
    return visit.customer


def leave(token: str, now: datetime) -> None:
    """End the visit of the browser with that token."""
    Visit.objects.filter(token_hash=_digest(token), ended_at=None).update(ended_at=now)


def clear(now: datetime) -> None:
    """Forget links and visits that ended long ago."""
    Link.objects.filter(expires_at__lt=now - _KEPT).delete()
    Visit.objects.filter(seen_at__lt=now - _KEPT).delete()


def record_about(customer: Customer, action: str, actor: Actor, now: datetime, **data: object) -> None:
    """Write an event about the customer and their page."""
    event = NewEvent(action, customer.username[:_LONGEST_SUBJECT], customer.pk, data=data)
    record(event, actor=actor, now=now)


def _link(token: str) -> Link | None:
    return Link.objects.select_related("customer").filter(token_hash=_digest(token)).first()


def _is_current(each: Link | Visit) -> bool:
    """Whether the customer still has the address that the link went to."""
    return each.email.lower() == each.customer.email.strip().lower()


def _digest(token: str) -> str:
    return hashlib.sha256(token[:_LONGEST_TOKEN].encode()).hexdigest()
