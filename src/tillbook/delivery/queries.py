"""Reading webhooks' endpoints and deliveries, and mails."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.errors import NotFound
from tillbook.common.numbering import row_id
from tillbook.common.paging import newest_before
from tillbook.common.statements import Query
from tillbook.delivery.models import Delivery, Endpoint, Mail


class WebhookNotFound(NotFound):
    """There is no such webhook."""

    code = "webhook_not_found"


class DeliveryNotFound(NotFound):
    """There is no such delivery of a webhook."""

    code = "delivery_not_found"


class MailNotFound(NotFound):
    """There is no such mail."""

    code = "mail_not_found"


def endpoint_by_number(number: str) -> Endpoint:
    """The endpoint of that public number. Raises WebhookNotFound."""
    endpoint = Endpoint.objects.filter(pk=row_id("WH", number) or 0).first()
    if endpoint is None:
        raise WebhookNotFound(_("There is no webhook %(number)s.") % {"number": number}, field="webhook")
    return endpoint


def delivery_by_number(number: str) -> Delivery:
    """The delivery of that public number, with its endpoint. Raises DeliveryNotFound."""
    delivery = Delivery.objects.filter(pk=row_id("WD", number) or 0).select_related("endpoint").first()
    if delivery is None:
        raise DeliveryNotFound(_("There is no delivery %(number)s.") % {"number": number}, field="delivery")
    return delivery


def page_of_endpoints(*, after: int | None = None, limit: int) -> list[Endpoint]:
    """Endpoints in the order in which they were added; `after` is the id of the last one seen."""
    return list(Endpoint.objects.filter(pk__gt=after or 0).order_by("pk")[:limit])


def all_endpoints() -> list[Endpoint]:
    return list(Endpoint.objects.order_by("pk"))


def given_up(most: int) -> list[tuple[Endpoint, int]]:
    """The enabled endpoints with deliveries that were given up, and how many: counted up to `most`."""
    # Written out, for SQLite finds a partial index only by the very words of its condition.
    counted = (
        "SELECT count(*) FROM (SELECT 1 FROM delivery_delivery WHERE endpoint_id = %s "
        "AND state = 'given_up' LIMIT %s) AS found"
    )
    endpoints = list(Endpoint.objects.filter(disabled_at=None).order_by("pk"))
    counts = statements.read([Query(counted, [each.pk, most]) for each in endpoints])
    return [(each, count) for each, ((count,),) in zip(endpoints, counts, strict=True) if count]


def failing() -> list[Endpoint]:
    """The enabled endpoints to which the last attempt of a delivery failed that is tried again."""
    again = Delivery.objects.filter(endpoint=OuterRef("pk"), state=Delivery.State.PENDING, attempts__gt=0)
    return list(Endpoint.objects.filter(Exists(again), disabled_at=None).order_by("pk"))


def page_of_deliveries(
    endpoint_id: int, *, state: str | None = None, before: Delivery | None = None, limit: int
) -> list[Delivery]:
    """The endpoint's deliveries, those of the newest events first; `before` is the last one seen."""
    rows = Delivery.objects.filter(endpoint=endpoint_id).select_related("endpoint")
    if state is not None:
        rows = rows.filter(state=state)
    if before is not None:
        rows = rows.filter(event_id__lt=before.event_id)
    return list(rows.order_by("-event_id")[:limit])


WRONG = (Mail.State.UNKNOWN, Mail.State.FAILED)  # what a person decides about


def mail_by_number(number: str) -> Mail:
    """The mail of that public number, with its customer. Raises MailNotFound."""
    mail = Mail.objects.filter(pk=row_id("ML", number) or 0).select_related("customer").first()
    if mail is None:
        raise MailNotFound(_("There is no mail %(number)s.") % {"number": number}, field="mail")
    return mail


def page_of_mails(
    *,
    customer_id: int | None = None,
    states: Sequence[str] = (),
    to_users: bool = False,
    before: int | None = None,
    limit: int,
) -> list[Mail]:
    """Mails, the newest first; `before` is the id of the last one seen.

    Those to people who work at the shop are among them only if `to_users`: they show their addresses.
    """
    rows = Mail.objects.select_related("customer")
    if customer_id is not None:
        rows = rows.filter(customer=customer_id)
    if states:
        rows = rows.filter(state__in=states)
    if not to_users:
        rows = rows.filter(user_id=0)
    return list(newest_before(rows, before)[:limit])


def count_wrong(most: int) -> int:
    """How many mails did not go, or may not have: counted up to `most`."""
    # Written out, for SQLite finds a partial index only by the very words of its condition.
    counted = (
        "SELECT count(*) FROM (SELECT 1 FROM delivery_mail WHERE state IN ('unknown', 'failed') LIMIT %s) "
        "AS found"
    )
    [[(count,)]] = statements.read([Query(counted, [most])])
    return int(count)
