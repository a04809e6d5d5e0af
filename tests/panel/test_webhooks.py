"""Webhooks in the panel: for admins, with the secret shown once and each delivery's request and answer."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.delivery.receiver import Clock, Receiver
from tillbook.customers.models import Customer
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.running import deliver_once


def added(client: Client, **sent: str) -> tuple[Endpoint, str]:
    sent = {"url": "https://shop.example/hooks", **sent}
    page = client.post("/webhooks/add/", sent)
    assert page.status_code == 200
    return Endpoint.objects.get(), page.content.decode()


def test_the_secret_is_on_the_page_after_adding_and_on_no_other(as_admin: Client):
    endpoint, page = added(as_admin, description="Warehouse", actions="order.*\nrefund.completed")
    assert endpoint.secret in page
    assert endpoint.actions == ["order.*", "refund.completed"]
    for path in ("", f"{endpoint.number}/", f"{endpoint.number}/edit/", "add/"):
        assert endpoint.secret[6:] not in as_admin.get(f"/webhooks/{path}").content.decode()


def test_a_refusal_stands_at_its_field_and_nothing_is_added(as_admin: Client):
    page = as_admin.post("/webhooks/add/", {"url": "https://10.0.0.1/"})
    assert page.status_code == 422
    assert "which is no public address" in page.content.decode()
    assert not Endpoint.objects.exists()


def test_a_delivery_shows_what_was_sent_and_answered_and_is_sent_again(
    as_admin: Client, receiver: Receiver, clock: Clock, maria: Customer
):
    endpoint, _ = added(as_admin, url=receiver.url + "/hooks", actions="order.*")
    as_admin.post(
        f"/webhooks/{endpoint.number}/edit/",
        {"url": endpoint.url, "description": "All", "actions": "customer.*"},
    )
    receiver.answer = lambda _: (418, b"<b>a teapot</b>")
    as_admin.post("/customers/maria/account/", {"on_credit_hold": "on"})
    assert deliver_once(clock) == 1
    delivery = Delivery.objects.get()
    listed = as_admin.get(f"/webhooks/{endpoint.number}/").content.decode()
    assert delivery.number in listed and "customer.account_updated" in listed and "418" in listed
    shown = as_admin.get(f"/webhooks/deliveries/{delivery.number}/").content.decode()
    assert "&lt;b&gt;a teapot&lt;/b&gt;" in shown
    assert delivery.webhook_id in shown and "&quot;customer&quot;: &quot;maria&quot;" in shown
    receiver.answer_in_turn()
    clock.later(minutes=1)
    answer = as_admin.post(f"/webhooks/deliveries/{delivery.number}/resend/")
    assert answer.url == f"/webhooks/deliveries/{delivery.number}/"
    assert deliver_once(clock) == 1
    assert [each.id for each in receiver.got] == [delivery.webhook_id] * 2
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


def test_a_webhook_is_disabled_enabled_and_removed_by_its_buttons(as_admin: Client):
    endpoint, _ = added(as_admin)
    path = f"/webhooks/{endpoint.number}/"
    for name, disabled in (("disable", True), ("disable", True), ("enable", False)):
        assert as_admin.post(f"{path}switch/", {name: ""}).url == path
        endpoint.refresh_from_db()
        assert (endpoint.disabled_at is not None) == disabled
    assert as_admin.post(f"{path}remove/").url == "/webhooks/"
    assert not Endpoint.objects.exists()
    assert as_admin.get(path).status_code == 404


def test_the_list_goes_on_by_pages(as_admin: Client, clock: Clock, maria: Customer):
    endpoint, _ = added(as_admin)
    for number in range(51):
        Delivery.objects.create(
            endpoint=endpoint, event_id=number, action="order.edited", subject=f"SO-{number}",
            created_at=clock(), since=clock(), next_at=clock(),
        )  # fmt: skip
    path = f"/webhooks/{endpoint.number}/"
    first = as_admin.get(path).content.decode()
    last = Delivery.objects.get(event_id=1)
    assert "SO-50<" in first and "SO-0<" not in first
    second = as_admin.get(path, {"after": last.number}).content.decode()
    assert "SO-0<" in second and "SO-1<" not in second


@pytest.mark.parametrize("page", ["", "add/", "{}/", "{}/edit/"])
def test_staff_see_none_of_it(as_staff: Client, as_admin: Client, page: str):
    endpoint, _ = added(as_admin)
    assert as_staff.get(f"/webhooks/{page.format(endpoint.number)}").status_code == 403
    for button in ("switch", "remove"):
        assert as_staff.post(f"/webhooks/{endpoint.number}/{button}/").status_code == 403
    assert as_staff.post("/webhooks/add/", {"url": "https://other.example/"}).status_code == 403
    assert "/webhooks/" not in as_staff.get("/customers/").content.decode()
    assert [each.disabled_at for each in Endpoint.objects.all()] == [None]


def test_what_somebody_else_changed_meanwhile_is_not_written_over(as_admin: Client):
    endpoint, _ = added(as_admin, description="Warehouse", actions="order.*")
    address = f"/webhooks/{endpoint.number}/edit/"
    page = as_admin.get(address).content.decode()
    seen = {"initial-url": endpoint.url, "initial-description": "Warehouse", "initial-actions": "order.*"}
    assert all(f'name="{name}"' in page for name in seen)
    Endpoint.objects.update(url="https://new.example/hooks")
    sent = {"url": endpoint.url, "description": "The warehouse", "actions": "order.*"}
    assert as_admin.post(address, seen | sent).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description) == ("https://new.example/hooks", "The warehouse")
    as_admin.post(f"/webhooks/{endpoint.number}/switch/", {})
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.disabled_at is None) == ("https://new.example/hooks", False)
