"""Customers and prospects: added, changed, found."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, PermissionDenied
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import queries, services
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.events.queries import history_of_customer

DETAILS: dict[str, Any] = {
    "kind": "customer", "first_name": "Jo", "last_name": "Bloggs", "company": "Bloggs Ltd",
    "email": "jo@example.com", "phone": "0113 496 0000", "postal_address": "1 Mill Lane", "country": "UK",
}  # fmt: skip


def add(staff: Actor, now: datetime, username: str = "jo", **more: Any) -> Customer:
    return services.add(username=username, actor=staff, now=now, **more)


def test_a_customer_added_has_the_shops_currency_and_a_history(staff_actor: Actor, now: datetime) -> None:
    customer = add(staff_actor, now, **DETAILS)
    assert queries.by_username("jo") == customer
    assert (customer.currency, customer.display_name) == ("GBP", "Jo Bloggs")
    assert [each.action for each in history_of_customer(customer.pk)] == ["customer.added"]


@pytest.mark.parametrize("username", ["jo", "JO"])
def test_a_username_is_taken_in_any_letter_case(staff_actor: Actor, now: datetime, username: str) -> None:
    add(staff_actor, now)
    with pytest.raises(services.UsernameTaken):
        add(staff_actor, now, username)
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("username", {"username": " jo"}),
        ("username", {"username": "x" * 151}),
        ("username", {"username": "a/b"}),
        ("username", {"username": "add"}),
        ("username", {"username": ".."}),
        ("kind", {"kind": "friend"}),
        ("currency", {"currency": "POUND"}),
        ("email", {"email": "not an address"}),
        ("phone", {"phone": "1" * 51}),
        ("first_name", {"first_name": "a\0b"}),
        ("credit_limit", {"credit_limit_minor": -1}),
    ],
)
def test_wrong_input_is_named_and_adds_nobody(
    staff_actor: Actor, now: datetime, field: str, wrong: dict[str, Any]
) -> None:
    events = Event.objects.count()
    with pytest.raises(InvalidInput) as raised:
        services.add(**{"username": "jo", **wrong}, actor=staff_actor, now=now)
    assert raised.value.field == field
    assert (Customer.objects.count(), Event.objects.count()) == (0, events)


def test_a_change_is_recorded_with_what_it_was_before(staff_actor: Actor, now: datetime) -> None:
    customer = add(staff_actor, now)
    for _ in range(2):
        services.update_account(
            customer.pk, credit_limit_minor=5000, on_credit_hold=True, actor=staff_actor, now=now
        )
    changes = [each for each in history_of_customer(customer.pk) if each.action == "customer.account_updated"]
    assert [each.data for each in changes] == [
        {"changed": {"credit_limit_minor": [None, 5000], "on_credit_hold": [False, True]}}
    ]
    services.update_details(customer.pk, **DETAILS, actor=staff_actor, now=now)
    assert queries.by_id(customer.pk).company == "Bloggs Ltd"
    with pytest.raises(InvalidInput):
        services.update_details(customer.pk, **{**DETAILS, "email": "x"}, actor=staff_actor, now=now)
    assert queries.by_id(customer.pk).email == "jo@example.com"


def test_nobody_is_found_under_another_name(db: None) -> None:
    with pytest.raises(queries.CustomerNotFound):
        queries.by_username("jo")


def test_search_looks_into_every_field_and_pages_by_username(staff_actor: Actor, now: datetime) -> None:
    jo = add(staff_actor, now, **DETAILS)
    add(staff_actor, now, "al", kind="prospect")
    add(staff_actor, now, "bo")
    for q in ("JO", "blog", "jo bloggs", "ltd", "EXAMPLE.com", "0113"):
        assert queries.search(q) == [jo], q
    assert queries.search("jo nobody") == []
    assert [each.username for each in queries.search(limit=2)] == ["al", "bo"]
    assert [each.username for each in queries.search(after="bo")] == ["jo"]
    assert [each.username for each in queries.search(kind="prospect")] == ["al"]


def test_search_finds_who_has_credit(staff_actor: Actor, now: datetime) -> None:
    add(staff_actor, now)
    rich = add(staff_actor, now, "al")
    credit.give(
        customer_id=rich.pk, amount=Money(1, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", actor=staff_actor, now=now,
    )  # fmt: skip
    assert queries.search(with_credit=True) == [rich]
    credit.spend(
        customer_id=rich.pk, amount=Money(1, "GBP"), reference="N1", key="s", actor=staff_actor, now=now
    )
    assert queries.search(with_credit=True) == []


def test_which_mails_they_do_without_is_set_once_with_an_event(staff_actor: Actor, now: datetime) -> None:
    jo = services.add(username="jo", actor=staff_actor, now=now)
    for _again in range(2):
        jo = services.choose_mails(
            jo.pk, no_mails=["credit_expiring", "credit_issued"], actor=staff_actor, now=now
        )
    assert jo.no_mails == ["credit_issued", "credit_expiring"]
    event = Event.objects.get(action="customer.mails_chosen")
    assert event.data["changed"] == {"no_mails": [[], ["credit_issued", "credit_expiring"]]}


def test_a_customer_chooses_for_themselves_alone(
    staff_actor: Actor, viewer_actor: Actor, now: datetime
) -> None:
    jo, al = (services.add(username=name, actor=staff_actor, now=now) for name in ("jo", "al"))
    own = Actor.customer(jo.pk, "mail")
    assert services.choose_mails(jo.pk, no_mails=["credit_issued"], actor=own, now=now).no_mails == [
        "credit_issued"
    ]
    for actor in (own, viewer_actor):
        with pytest.raises(PermissionDenied):
            services.choose_mails(al.pk, no_mails=["credit_issued"], actor=actor, now=now)
    al.refresh_from_db()
    assert al.no_mails == []
    event = Event.objects.get(action="customer.mails_chosen")
    assert (event.subject, event.actor_name, event.actor_role) == ("jo", "customer", "customer")


@pytest.mark.parametrize("kind", ["refund_paid", "approval_waiting", "nonsense"])
def test_mails_about_their_money_can_not_be_opted_out_of(
    staff_actor: Actor, now: datetime, kind: str
) -> None:
    jo = services.add(username="jo", actor=staff_actor, now=now)
    with pytest.raises(InvalidInput, match="can't be opted out of"):
        services.choose_mails(jo.pk, no_mails=[kind], actor=staff_actor, now=now)
    assert not Event.objects.filter(action="customer.mails_chosen").exists()


def test_customers_are_found_after_the_column_for_mails_was_added(staff_actor: Actor, now: datetime) -> None:
    """SQLite copied the table for it: the triggers that fill the search must be there again."""
    services.add(username="jo", first_name="Josephine", actor=staff_actor, now=now)
    assert [each.username for each in queries.search("sephi", limit=5)] == ["jo"]
