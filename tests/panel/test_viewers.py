"""What a viewer meets: every page, nothing on it that they may not do, and a server that refuses it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from tillbook.common.actor import Actor, Scope
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.orders import services as orders
from tillbook.orders.queries import lines_of
from tillbook.orders.services import LineInput
from tillbook.refunds.models import Refund
from tillbook.returns import services as returns
from tillbook.returns.models import Rma
from tillbook.returns.services import RmaLineInput
from tillbook.staff import keys
from tillbook.staff.models import User

PAGES = [
    "/customers/", "/customers/maria/", "/credits/CR-1001/", "/refunds/", "/refunds/RF-1001/", "/orders/",
    "/orders/N100/", "/rmas/", "/rmas/RMA-1001/", "/book/", "/customers/maria/credits/",
    "/customers/maria/running-history/", "/refunds/filters/",
]  # fmt: skip

FORMS = [
    "/orders/new/?customer=maria", "/orders/N100/edit/", "/orders/N100/receipt-payment/",
    "/orders/N100/pay-with-credit/", "/orders/N100/cancel/", "/orders/N100/rma/", "/payments/1/void/",
    "/rmas/RMA-1001/cancel/", "/rmas/RMA-1001/close-without-credit/", "/customers/add/",
    "/customers/maria/edit/", "/customers/maria/give-credit/", "/customers/maria/pay-refund/",
    "/credits/CR-1001/reverse/",
]  # fmt: skip

BUTTONS = [
    ("/customers/maria/account/", {"credit_limit": "10.00"}),
    ("/customers/maria/account/", {"recalculate": "on"}),
    ("/refunds/RF-1001/complete/", {}),
    ("/refunds/RF-1001/decline/", {"reason": "No such payee"}),
    ("/refunds/RF-1001/send-slip/", {"key": "send"}),
    ("/refunds/complete/", {"selected": "1"}),
    ("/rmas/RMA-1001/close/", {"key": "close"}),
    ("/keys/revoke/", {"key": "1"}),
]

# Forms that change nothing but what their user alone sees.
READING = {
    "/logout/",
    "/refunds/filters/save/",
    "/refunds/slips.pdf",
    "/refunds/refunds.csv",
    "/refunds/refunds.xlsx",
}


@pytest.fixture(autouse=True)
def everything(
    request_refund: Callable[..., Refund],
    goodwill: Credit,
    maria: Customer,
    staff_actor: Actor,
    now: datetime,
) -> Rma:
    """A refund that waits, and an order, part paid, of which something comes back."""
    assert request_refund(5_000).number == "RF-1001"
    order = orders.place(
        customer_id=maria.pk, currency="GBP", number="N100", lines=[LineInput("MUG", "Mug", 3, 9000)],
        key="place", actor=staff_actor, now=now,
    )  # fmt: skip
    orders.receive_payment(
        order.pk, amount=Money(8_000, "GBP"), method="card", received_at=now, key="pay", actor=staff_actor,
        now=now,
    )  # fmt: skip
    [line] = lines_of(order)
    return returns.open_rma(
        customer_id=maria.pk, currency="GBP", order_id=order.pk, reason=Rma.Reason.FAULTY, key="rma",
        lines=[RmaLineInput(line.pk, "MUG", "Mug", 1, None)], actor=staff_actor, now=now,
    )  # fmt: skip


def _led_to(page: str) -> tuple[set[str], set[str]]:
    """The panel's pages that a page links to, and the addresses that its buttons post to."""
    links = set(re.findall(r'<a [^>]*href="(/[^"#]*)"', page))
    posted = set(re.findall(r'<form [^>]*method="post"[^>]*action="([^"?]*)', page))
    return links, posted | set(re.findall(r'formaction="([^"?]*)', page))


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_what_is_refused(as_viewer: Client, path: str):
    answer = as_viewer.get(path)
    assert answer.status_code == 200
    links, posted = _led_to(answer.content.decode())
    assert "/logout/" in posted <= READING
    opened = {link: _status(as_viewer, link.replace("&amp;", "&")) for link in links}
    assert opened == dict.fromkeys(links, 200)


def _status(client: Client, link: str) -> int:
    answer = client.get(link, follow=True)
    if answer.streaming:
        b"".join(answer.streaming_content)  # at its end the file is closed
    return answer.status_code


def test_staff_are_shown_each_form(as_staff: Client):
    shown = set()
    for path in PAGES:
        links, posted = _led_to(as_staff.get(path).content.decode())
        shown |= links | posted
    assert set(FORMS) - shown == {"/orders/new/?customer=maria"}  # one comes to it by choosing a customer


@pytest.mark.parametrize("path", FORMS)
def test_forms_are_refused_unfilled_and_filled_in(as_viewer: Client, path: str):
    before = Event.objects.count()
    assert as_viewer.get(path).status_code == 403
    answer = as_viewer.post(path, {"reason": "x", "note": "x", "key": "x", "username": "x"})
    assert answer.status_code == 403
    assert "Your role (viewer) may not" in answer.content.decode()
    assert Event.objects.count() == before


@pytest.mark.parametrize(("path", "data"), BUTTONS)
def test_buttons_are_refused_and_nothing_changes(as_viewer: Client, path: str, data: dict[str, str]):
    before = Event.objects.count()
    answer = as_viewer.post(path, data)
    assert answer.status_code == 403
    assert "Your role (viewer) may not" in answer.content.decode()
    assert Event.objects.count() == before


def test_a_viewer_s_key_reads_and_no_more(viewer_actor: Actor, system_actor: Actor, now: datetime):
    owner = User.objects.get(pk=viewer_actor.user_id)
    _, secret = keys.add_key(owner=owner, name="x", scopes=[Scope.ADMIN], actor=system_actor, now=now)
    program = Client(headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": "add"})
    assert program.get("/api/v1/customers/maria").status_code == 200
    before = Event.objects.count()
    refused = program.post("/api/v1/customers", {"username": "new"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert Event.objects.count() == before
