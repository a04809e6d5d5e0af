"""Which new events somebody is mailed about: a row for each, made once, that `mail_sending` sends.

A kind of mail counts events from the one that says it was switched on: switching it on tells nobody of the
past. How far events are settled is found as for webhooks (`finding`), and the settings are read after that:
so whatever stands before a settled event was seen with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models.functions import Greatest

from tillbook.common.actor import PERMISSIONS, Permission, Role
from tillbook.common.mail_kinds import MailKind
from tillbook.common.numbering import row_id
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.delivery.finding import Settled
from tillbook.delivery.models import Mail, MailProgress
from tillbook.events.models import Event
from tillbook.refunds.approvals import needed, standing
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids
from tillbook.shop import policies
from tillbook.staff.models import User
from tillbook.staff.queries import active_users

TOGETHER = timedelta(minutes=5)  # so long what waits for approval is gathered into one mail
_AT_ONCE = 1000  # events
_SETTINGS_READ = 1000  # changes of the settings, the newest first
_OLD = timedelta(days=7)  # credit that arose longer before it was recorded is old news: books taken over

#: action -> the kinds of mail that it may lead to
KINDS: Mapping[str, tuple[MailKind, ...]] = {
    "credit.issued": (MailKind.CREDIT_ISSUED,),
    "credit.expiring": (MailKind.CREDIT_EXPIRING,),
    "refund.ask_declined": (MailKind.ASK_DECLINED,),
    "refund.requested": (MailKind.REFUND_REQUESTED, MailKind.APPROVAL_WAITING),
    "refund.reversal_requested": (MailKind.APPROVAL_WAITING,),
    "refund.changed": (MailKind.APPROVAL_WAITING,),
    "refund.completed": (MailKind.REFUND_PAID,),
    "refund.failed": (MailKind.REFUND_FAILED,),
}


class Watch:
    """What one process knows of how far events are settled, and since when each kind is on."""

    def __init__(self) -> None:
        self.settled = Settled()
        self._version = -1
        self._since: Mapping[str, int] = {}

    def look(self) -> tuple[int, Mapping[str, int]]:
        """Up to which event all is settled, and for each kind that is on the event that switched it on."""
        upto = self.settled.look()
        policies.forget()  # what is remembered may be older than what is settled
        version = policies.version()
        if version != self._version:
            self._since, self._version = _switched_on(), version
        return upto, self._since


def _switched_on() -> dict[str, int]:
    """kind -> the event that last switched it on, of those that are on."""
    wanted = {kind for kind, setting in policies.shop().mails.items() if setting.on}
    found: dict[str, int] = {}
    if not wanted:
        return found
    saved = Event.objects.filter(subject="settings", action="settings.changed").order_by("-pk")
    for event_id, data in saved.values_list("pk", "data")[:_SETTINGS_READ]:
        for kind in wanted - found.keys():
            if data["changed"].get(f"mails.{kind}.on", [None, False])[1]:
                found[kind] = event_id
    return found


def find(watch: Watch, now: datetime) -> int:
    """Make a mail of each new event for each who is to be told of it; returns how many there may be."""
    upto, since = watch.look()
    if not since:
        return 0
    progress, _made = MailProgress.objects.get_or_create(pk=1)
    found, after = 0, max(progress.seen_id, min(since.values()))
    while events := _new(after, since):
        mails = list(_mails(events, since, now))
        Mail.objects.bulk_create(mails, ignore_conflicts=True)
        found, after = found + len(mails), events[-1].pk
    if upto > progress.seen_id:
        # Another process may have come further.
        MailProgress.objects.filter(pk=1).update(seen_id=Greatest("seen_id", upto))
    return found


def _new(after: int, since: Mapping[str, int]) -> Sequence[Event]:
    actions = [action for action, kinds in KINDS.items() if since.keys() & set(kinds)]
    events = Event.objects.filter(pk__gt=after, action__in=actions).order_by("pk")
    return list(events.only("action", "subject", "customer_id", "recorded_at")[:_AT_ONCE])


def _mails(events: Sequence[Event], since: Mapping[str, int], now: datetime) -> Iterator[Mail]:
    wanted = [
        (event, kind)
        for event in events
        for kind in KINDS[event.action]
        if kind in since and event.pk > since[kind]
    ]
    to_customers = [(event, kind) for event, kind in wanted if kind != MailKind.APPROVAL_WAITING]
    yield from _to_customers(to_customers, now)
    yield from _to_approvers([event for event, kind in wanted if kind == MailKind.APPROVAL_WAITING], now)


def _to_customers(wanted: Sequence[tuple[Event, MailKind]], now: datetime) -> Iterator[Mail]:
    customers = Customer.objects.in_bulk({event.customer_id for event, _kind in wanted})
    old = _old_news([event for event, kind in wanted if kind == MailKind.CREDIT_ISSUED])
    for event, kind in wanted:
        customer = customers.get(event.customer_id)
        if customer is not None and wants(customer, kind) and event.pk not in old:
            yield Mail(
                kind=kind, event_id=event.pk, customer=customer, about=event.subject, created_at=now,
                next_at=now,
            )  # fmt: skip


def wants(customer: Customer, kind: str) -> bool:
    """Whether the customer can be reached, and did not opt out of mails of that kind."""
    return bool(customer.email.strip()) and kind not in customer.no_mails


def _old_news(events: Sequence[Event]) -> set[int]:
    """Of events of new credit, those about credit that arose long ago."""
    ids = {row_id("CR", event.subject): event for event in events}
    found = Credit.objects.filter(id__in=[each for each in ids if each is not None])
    return {
        ids[credit_id].pk
        for credit_id, arose in found.values_list("id", "issued_at")
        if arose < ids[credit_id].recorded_at - _OLD
    }


def _to_approvers(events: Sequence[Event], now: datetime) -> Iterator[Mail]:
    if not events:
        return
    refunds = {each.number: each for each in by_ids([_refund_id(event) for event in events])}
    approvers = [user for user in active_users() if user.email.strip() and may_approve(user)]
    for event in events:
        refund = refunds.get(event.subject)
        for user in () if refund is None else asked(refund, approvers, now):
            yield Mail(
                kind=MailKind.APPROVAL_WAITING, event_id=event.pk, user_id=user.pk, about=event.subject,
                created_at=now, next_at=now + TOGETHER,
            )  # fmt: skip


def _refund_id(event: Event) -> int:
    return row_id("RF", event.subject) or 0


def may_approve(user: User) -> bool:
    return Permission.APPROVE_REFUND in PERMISSIONS[Role(user.role)]


def asked(refund: Refund, approvers: Collection[User], now: datetime) -> list[User]:
    """Those of the approvers whose consent the refund waits for: neither who asked for it nor who gave it."""
    if refund.status != Refund.Status.REQUESTED or not needed(refund, now):
        return []
    given = {each.by_user_id for each in standing(refund)}
    return [user for user in approvers if user.pk != refund.requested_by_user_id and user.pk not in given]
