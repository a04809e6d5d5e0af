"""Many requests in one batch: each has its own outcome, and none of them moves another's money."""

from __future__ import annotations

import pytest

from tillbook.common.errors import KeyReused, PermissionDenied, Refusal
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import Credit, GiveReason, Source
from tillbook.credit.services import Issue, Part, Resolution, Taking
from tillbook.customers.models import Customer
from tillbook.customers.queries import CustomerNotFound
from tillbook.events.models import Event
from tillbook.ledger.book import HoldAlreadyResolved
from tillbook.ledger.models import Account, Balance, House, Kind, Transfer
from tillbook.ledger.verification import verify

pytestmark = pytest.mark.django_db


@pytest.fixture
def other(now) -> Customer:
    return Customer.objects.create(username="kim", currency="GBP", created_at=now)


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


def balance(customer: Customer) -> tuple[int, int]:
    row = queries.balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor


def codes(outcomes) -> list[str]:
    return [each.code if isinstance(each, Refusal) else "done" for each in outcomes]


def test_a_refused_spend_stops_only_itself(customer, other, given, staff_actor, now):
    credit = given(1000, "g")
    spends = [
        Taking(customer.pk, gbp(600), "N1", "a"),
        Taking(customer.pk, gbp(600), "N2", "b"),
        Taking(other.pk, gbp(1), "N3", "c"),
        Taking(customer.pk, gbp(0), "N4", "d"),
        Taking(customer.pk, Money(1, "POUND"), "N5", "e"),
        Taking(customer.pk, gbp(1), "", "f"),
        Taking(customer.pk, gbp(1), "N7", ""),
        Taking(10**12, gbp(1), "N8", "h"),
        Taking(customer.pk, gbp(400), "N9", "i"),
    ]
    outcomes = services.take_many(spends, actor=staff_actor, now=now)
    assert codes(outcomes) == [
        "done", "insufficient_credit", "insufficient_credit", "invalid_input", "invalid_input",
        "invalid_input", "invalid_input", "customer_not_found", "done",
    ]  # fmt: skip
    assert (outcomes[0], outcomes[8]) == ([Part(credit.id, 600)], [Part(credit.id, 400)])
    assert balance(customer) == (0, 0)
    assert list(Transfer.objects.filter(kind="post", inward=False).values_list("reference", flat=True)) == [
        "N1",
        "N9",
    ]
    assert Event.objects.filter(action="credit.spent").count() == 2
    assert not Balance.objects.filter(customer_id=10**12).exists()
    assert verify().broken == []


def test_one_key_twice_in_a_batch_moves_once_and_with_other_content_never(customer, given, staff_actor, now):
    given(1000, "g")
    once = Taking(customer.pk, gbp(300), "N1", "k")
    outcomes = services.take_many(
        [once, once, Taking(customer.pk, gbp(301), "N1", "k")], actor=staff_actor, now=now
    )
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[2], KeyReused)
    assert balance(customer) == (700, 0)
    assert services.take_many([once], actor=staff_actor, now=now) == [outcomes[0]]
    assert balance(customer) == (700, 0)


def test_a_key_that_spent_cannot_hold(customer, given, staff_actor, now):
    given(1000, "g")
    common = {"customer_id": customer.pk, "amount": gbp(300), "reference": "N1", "key": "k"}
    services.spend(**common, actor=staff_actor, now=now)
    with pytest.raises(KeyReused):
        services.hold(**common, actor=staff_actor, now=now)
    assert balance(customer) == (700, 0)


def test_chosen_and_ordered_takings_share_what_is_left(customer, given, staff_actor, now):
    first, second = given(500, "a"), given(500, "b")
    outcomes = services.take_many(
        [
            Taking(customer.pk, gbp(400), "N1", "k1", credits={second.id: 400}),
            Taking(customer.pk, gbp(600), "N2", "k2", kind=Kind.HOLD),
            Taking(customer.pk, gbp(1), "N3", "k3", credits={second.id: 1}),
            Taking(customer.pk, gbp(2), "N4", "k4", credits={second.id: 1}),
        ],
        actor=staff_actor,
        now=now,
    )
    assert outcomes[:2] == [[Part(second.id, 400)], [Part(first.id, 500), Part(second.id, 100)]]
    assert codes(outcomes[2:]) == ["insufficient_credit", "invalid_input"]
    assert balance(customer) == (0, 600)
    assert verify().broken == []


def test_a_hold_named_twice_in_a_batch_ends_once(customer, given, staff_actor, now):
    given(1000, "g")
    services.hold(
        customer_id=customer.pk, amount=gbp(600), reference="N1", key="h", actor=staff_actor, now=now
    )
    outcomes = services.resolve_many(
        [
            Resolution(customer.pk, "h", "c", Kind.CAPTURE, gbp(200)),
            Resolution(customer.pk, "h", "r", Kind.RELEASE),
            Resolution(customer.pk, "none", "x", Kind.RELEASE),
        ],
        actor=staff_actor,
        now=now,
    )
    assert codes(outcomes) == ["done", "hold_already_resolved", "hold_not_found"]
    assert isinstance(outcomes[1], HoldAlreadyResolved)
    assert balance(customer) == (800, 0)
    assert verify().broken == []


def test_staff_can_hold_for_a_payout_but_not_let_it_go(customer, given, staff_actor, admin_actor, now):
    given(1000, "g")
    services.hold(
        customer_id=customer.pk, amount=gbp(600), reference="RF-1", house=House.PAYOUTS, reason="refund",
        refundable_only=True, key="h", actor=staff_actor, now=now,
    )  # fmt: skip
    end = {"customer_id": customer.pk, "hold_key": "h", "key": "c", "now": now}
    for resolve in (services.capture, services.release):
        with pytest.raises(PermissionDenied):
            resolve(**end, actor=staff_actor)
    at_once = Taking(customer.pk, gbp(1), "RF-2", "p", house=House.PAYOUTS)
    assert codes(services.take_many([at_once], actor=staff_actor, now=now)) == ["permission_denied"]
    assert balance(customer) == (400, 600)
    services.capture(**end, actor=admin_actor)
    assert balance(customer) == (400, 0)


def issue(customer: Customer, minor: int, key: str, source: Source = Source.MANUAL) -> Issue:
    return Issue(customer.pk, gbp(minor), source, House.GOODWILL, GiveReason.GOODWILL, "", key)


def test_a_batch_of_issues_answers_each_by_itself(customer, other, staff_actor, now):
    nobody = Customer(pk=10**12)
    batch = [
        issue(customer, 100, "a"),
        issue(other, 200, "a"),
        issue(customer, 100, "a"),
        issue(customer, 101, "a"),
        issue(customer, -5, "b"),
        issue(nobody, 100, "c"),
    ]
    outcomes = services.issue_many(batch, actor=staff_actor, now=now)
    assert codes(outcomes) == ["done", "done", "done", "key_reused", "invalid_input", "customer_not_found"]
    assert outcomes[0] == outcomes[2]
    assert isinstance(outcomes[5], CustomerNotFound)
    assert (balance(customer), balance(other)) == ((100, 0), (200, 0))
    assert Credit.objects.count() == 2
    again = services.issue_many(batch[:2], actor=staff_actor, now=now)
    assert [each.pk for each in again] == [outcomes[0].pk, outcomes[1].pk]
    assert Credit.objects.count() == 2
    assert verify().broken == []


def test_one_key_for_two_currencies_in_a_batch_issues_the_first(customer, admin_actor, now):
    pounds = issue(customer, 500, "k")
    euros = Issue(
        customer.pk, Money(500, "EUR"), pounds.source, pounds.house, pounds.reason, pounds.reference, "k"
    )
    first, second = services.issue_many([pounds, euros], actor=admin_actor, now=now)
    assert (first.currency, type(second)) == ("GBP", KeyReused)
    assert [row.currency for row in Account.objects.all()] == ["GBP"]
    assert verify().broken == []


def test_an_empty_batch_does_nothing(db, staff_actor, now):
    assert services.take_many([], actor=staff_actor, now=now) == []
    assert services.resolve_many([], actor=staff_actor, now=now) == []
    assert services.issue_many([], actor=staff_actor, now=now) == []
    assert Transfer.objects.count() == 0
