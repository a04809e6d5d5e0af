"""What needs doing now, as Home lists it: each kind with how much of it there is, and its first few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.credit.expiring import ending_soon, page_of_ending
from tillbook.credit.models import Credit
from tillbook.credit.overpaid import count_open, page_of_open
from tillbook.delivery.models import Mail
from tillbook.delivery.queries import WRONG, count_wrong, failing, given_up, page_of_mails
from tillbook.refunds import asks
from tillbook.refunds.ageing import State, Unclaimed, page_of_stale, stale
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.queries import longest_waiting, waiting
from tillbook.shop.policies import shop

_SHOWN = 5
COUNTED = 1_000  # what may be more is counted up to here


class Amount(NamedTuple):
    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Item:
    """One of the first few: a document, whose it is, and since or until when."""

    name: str
    url: str
    whose: str
    amount: Amount | None = None
    since: datetime | None = None
    until: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of thing to do. `url` is the list of exactly the rows that `count` counts."""

    title: str
    url: str
    link: str
    count: int
    items: Sequence[Item]
    totals: Sequence[Amount] = ()
    nothing: str = ""  # what to say where there is none

    @property
    def shown(self) -> str:
        return f"{COUNTED:,}+" if self.count > COUNTED else f"{self.count:,}"


def todo(actor: Actor, now: datetime) -> tuple[list[Task], list[str]]:
    """What there is to do for the actor, their own work first; and what there is none of."""
    finds = _FOR_ADMINS if actor.may(Permission.COMPLETE_REFUND) else _FOR_STAFF
    tasks = [find(now) for find in finds]
    # Where customers have no page, nobody misses what they would ask for there.
    hidden = set() if shop().own_page else {reverse("panel:asks")}
    missed = [task.nothing for task in tasks if not task.count and task.url not in hidden]
    return [task for task in tasks if task.count], missed


def _refunds(_now: datetime) -> Task:
    sums = waiting()
    return Task(
        title=_("Refunds to complete"),
        url=reverse("panel:refunds"),
        link=_("Open the queue"),
        count=sum(each.refunds for each in sums),
        items=[_refund(each) for each in longest_waiting(_SHOWN)] if sums else [],
        totals=[Amount(each.minor, each.currency) for each in sums],
        nothing=_("no refund waits to be completed"),
    )


def _refund(refund: Refund) -> Item:
    return Item(
        name=refund.number,
        url=reverse("panel:refund", args=[refund.number]),
        whose=refund.customer.display_name,
        amount=Amount(refund.amount_minor, refund.currency),
        since=refund.requested_at,
        note=_("Reversal") if refund.kind == Refund.Kind.REVERSAL else refund.get_method_display(),
    )


def _unclaimed(now: datetime) -> Task:
    sums = stale(now)
    return Task(
        title=_("Unclaimed refunds"),
        url=reverse("panel:unclaimed"),
        link=_("Receive or cancel them"),
        count=sum(each.refunds for each in sums),
        items=[_stale(each) for each in page_of_stale(now, limit=_SHOWN)] if sums else [],
        totals=[Amount(each.minor, each.currency) for each in sums],
        nothing=_("no refund is unclaimed for too long"),
    )


def _stale(each: Unclaimed) -> Item:
    state = _("not received") if each.state == State.OUT else _("not paid")
    return replace(
        _refund(each.refund), since=each.since, note=f"{each.refund.get_method_display()}, {state}"
    )


def _asks(_now: datetime) -> Task:
    count = asks.count_waiting(COUNTED + 1)
    return Task(
        title=_("Asked for by customers"),
        url=reverse("panel:asks"),
        link=_("Show all"),
        count=count,
        items=[_ask(each) for each in asks.listed(Ask.Status.WAITING, limit=_SHOWN)] if count else [],
        nothing=_("no customer waits for an answer"),
    )


def _ask(ask: Ask) -> Item:
    return Item(
        name=ask.number,
        url=reverse("panel:ask", args=[ask.number]),
        whose=ask.customer.display_name,
        amount=Amount(ask.amount_minor, ask.currency),
        since=ask.asked_at,
        note=ask.get_method_display(),
    )


def _overpayments(_now: datetime) -> Task:
    count = count_open(COUNTED + 1)
    return Task(
        title=_("Overpayments to look at"),
        url=reverse("panel:overpayments"),
        link=_("See what is suggested"),
        count=count,
        items=[_overpayment(each) for each in page_of_open(limit=_SHOWN)] if count else [],
        nothing=_("every overpayment is dealt with"),
    )


def _overpayment(credit: Credit) -> Item:
    return Item(
        name=credit.source_reference,
        url=reverse("panel:order", args=[credit.source_reference]),
        whose=credit.customer.display_name,
        amount=Amount(credit.account.available_minor, credit.currency),
        since=credit.issued_at,
        note=credit.number,
    )


def _expiring(now: datetime) -> Task:
    sums = ending_soon(now)
    return Task(
        title=_("Expires this week"),
        url=reverse("panel:credits_expiring"),
        link=_("Show all"),
        count=sum(each.credits for each in sums),
        items=[_ending(each) for each in page_of_ending(now, limit=_SHOWN)] if sums else [],
        totals=[Amount(each.minor, each.currency) for each in sums],
        nothing=_("no credit expires this week"),
    )


def _ending(credit: Credit) -> Item:
    return Item(
        name=credit.number,
        url=reverse("panel:credit", args=[credit.number]),
        whose=credit.customer.display_name,
        amount=Amount(credit.account.available_minor, credit.currency),
        until=credit.expires_at,
    )


def _deliveries(_now: datetime) -> Task:
    lost = given_up(COUNTED + 1)
    items = [
        Item(
            name=endpoint.number,
            url=f"{reverse('panel:webhook', args=[endpoint.number])}?state=given_up",
            whose=endpoint.description or endpoint.url,
            note=_("%(number)s given up") % {"number": f"{COUNTED:,}+" if count > COUNTED else count},
        )
        for endpoint, count in lost
    ]
    items += [
        Item(
            name=endpoint.number,
            url=f"{reverse('panel:webhook', args=[endpoint.number])}?state=pending",
            whose=endpoint.description or endpoint.url,
            note=_("does not answer; it is tried again"),
        )
        for endpoint in failing()
    ]
    return Task(
        title=_("Webhooks that fail"),
        url=reverse("panel:webhooks"),
        link=_("Open webhooks"),
        count=len({item.name for item in items}),
        items=items[:_SHOWN],
        nothing=_("every webhook is delivered"),
    )


def _mails(_now: datetime) -> Task:
    """Mails that were not taken, or may not have gone: somebody decides."""
    count = count_wrong(COUNTED + 1)
    url = f"{reverse('panel:mails')}?state=wrong"
    return Task(
        title=_("Mails that did not go"),
        url=url,
        link=_("Decide about them"),
        count=count,
        items=[_mail(each, url) for each in page_of_mails(states=WRONG, to_users=True, limit=_SHOWN)]
        if count
        else [],
        nothing=_("every mail has gone"),
    )


def _mail(mail: Mail, url: str) -> Item:
    return Item(
        name=mail.number,
        url=url,
        whose=mail.customer.display_name if mail.customer else mail.to,
        since=mail.last_at,
        note=f"{mail.get_kind_display()}: {mail.get_state_display()}",
    )


_Find = Callable[[datetime], Task]
_FOR_ADMINS: tuple[_Find, ...] = (
    _refunds, _asks, _unclaimed, _overpayments, _deliveries, _mails, _expiring,
)  # fmt: skip
_FOR_STAFF: tuple[_Find, ...] = (_asks, _overpayments, _refunds, _expiring)
