"""The book over the API: transfers, events, balances as of a moment, recalculation."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.api.conftest import Program, gbp
from tillbook.common.actor import Scope
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason, Source
from tillbook.customers import services as customers
from tillbook.events.models import Event
from tillbook.ledger.models import Account, Balance, House

pytestmark = pytest.mark.django_db


@pytest.fixture
def numbers(customer, admin_actor, now):
    """Jo's credits: 50.00 given on 2 March, 20.00 on 9 March."""
    given = [
        credit.give(
            customer_id=customer.pk, amount=Money(minor, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key=f"give-{minor}", actor=admin_actor, now=at,
        )
        for minor, at in ((50_00, now), (20_00, now + timedelta(days=7)))
    ]  # fmt: skip
    return [each.number for each in given]


def told(program: Program, path: str, **parameters: object) -> dict:
    answer = program.get(path, **parameters)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


def refused(answer) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.content)["code"]


def spend(program: Program, amount: str, reference: str) -> None:
    body = {"customer": "jo", "amount": gbp(amount), "reference": reference}
    assert program.post("/spends", body, key=reference).status_code == 201


def places(answer: dict) -> list[tuple[str, int]]:
    return [(each["credit"], each["seq"]) for each in answer["items"]]


def test_a_transfer_is_told_whole(program, numbers):
    answer = told(program, "/transfers", customer="jo", limit=1)
    assert answer == {
        "items": [
            {
                "credit": numbers[0],
                "seq": 1,
                "kind": "post",
                "inward": True,
                "house": "receipts",
                "amount": gbp("50.00"),
                "reason": "deposit",
                "reference": "",
                "key": "give-5000",
                "actor": "admin",
                "effective_at": "2026-03-02T10:30:00.000000Z",
                "recorded_at": "2026-03-02T10:30:00.000000Z",
                "posted": gbp("50.00"),
                "held": gbp("0.00"),
            }
        ],
        "next_cursor": f"{numbers[0]}/1",
    }


def test_transfers_are_listed_as_they_were_recorded_page_by_page(program, numbers):
    first, second = numbers
    spend(program, "55.00", "WEB-1")  # the older credit, and 5.00 of the younger
    spend(program, "1.00", "WEB-2")
    whole = [(first, 1), (second, 1), (first, 2), (second, 2), (second, 3)]
    assert places(told(program, "/transfers", customer="jo")) == whole
    for size in (1, 2, 3):  # also between two that were recorded together
        seen, cursor = [], {}
        while cursor is not None:
            part = told(program, "/transfers", customer="jo", limit=size, **cursor)
            seen.append(places(part))
            cursor = part["next_cursor"] and {"cursor": part["next_cursor"]}
        assert seen == [whole[at : at + size] for at in range(0, 5, size)]
    last = told(program, "/transfers", customer="jo")["items"][-1]
    assert (last["amount"], last["posted"], last["reference"]) == (gbp("1.00"), gbp("14.00"), "WEB-2")


def test_transfers_are_those_of_a_credit_or_a_document(program, numbers):
    first, second = numbers
    spend(program, "55.00", "WEB-1")
    spend(program, "1.00", "WEB-2")
    own = {"customer": "jo", "credit": second}
    assert places(told(program, "/transfers", **own)) == [(second, 1), (second, 2), (second, 3)]
    assert places(told(program, "/transfers", **own, cursor=f"{second}/2")) == [(second, 3)]
    assert places(told(program, "/transfers", customer="jo", reference="WEB-1")) == [(first, 2), (second, 2)]
    assert places(told(program, "/transfers", **own, reference="WEB-1")) == [(second, 2)]
    assert places(told(program, "/transfers", customer="jo", reference="WEB")) == []


@pytest.mark.parametrize("cursor", ["CR-1001/99", "CR-1", "CR-999999/1", "RF-1001/1", "x", "CR-1001/٣"])
def test_a_cursor_that_names_no_transfer_is_refused(program, numbers, cursor):
    assert refused(program.get("/transfers", customer="jo", cursor=cursor)) == (409, "invalid_input")


def test_the_transfers_of_another_customer_are_not_found_by_a_credit(program, numbers, admin_actor, now):
    customers.add(username="al", currency="GBP", actor=admin_actor, now=now)
    assert told(program, "/transfers", customer="al") == {"items": [], "next_cursor": None}
    assert refused(program.get("/transfers", customer="al", credit=numbers[0])) == (404, "credit_not_found")
    cursor = f"{numbers[0]}/1"
    assert refused(program.get("/transfers", customer="al", cursor=cursor)) == (409, "invalid_input")
    assert refused(program.get("/transfers")) == (422, "invalid_input")


def test_events_are_listed_the_newest_first_and_filtered(program, numbers, admin_actor, now):
    customers.add(username="al", currency="GBP", actor=admin_actor, now=now)
    spend(program, "1.00", "WEB-1")

    def actions(**filters):
        answer = told(program, "/events", **filters)
        return [each["action"] for each in answer["items"]], answer["next_cursor"]

    assert actions(customer="jo") == (
        ["credit.spent", "credit.issued", "credit.issued", "customer.added"], None,
    )  # fmt: skip
    newest, second = Event.objects.filter(customer_id__isnull=False).order_by("-id")[:2]
    assert actions(limit=2) == (["credit.spent", "customer.added"], str(second.pk))
    assert actions(limit=1, cursor=newest.pk) == (["customer.added"], str(second.pk))
    assert actions(subject=numbers[1]) == (["credit.issued"], None)
    assert actions(customer="al", action="customer.added") == (["customer.added"], None)
    assert actions(customer="al", action="credit.issued") == ([], None)
    assert refused(program.get("/events", customer="xy")) == (404, "customer_not_found")
    assert refused(program.get("/events", cursor="0")) == (422, "invalid_input")


def test_an_event_says_what_the_panel_says_and_nothing_of_the_payee(program, numbers):
    body = {
        "customer": "jo", "amount": gbp("60.00"), "method": "bank_transfer", "note": "By phone",
        "payee": {"name": "Jo Day", "bank_account": "20-00-00 55779911"},
        "payment_date": timezone.now().date().isoformat(),
    }  # fmt: skip
    number = json.loads(program.post("/refunds", body).content)["number"]
    (event,) = told(program, "/events", subject=number)["items"]
    assert event.pop("recorded_at").endswith("Z")
    assert event == {
        "id": public_number("EV", Event.objects.get(action="refund.requested").pk),
        "action": "refund.requested",
        "customer": "jo",
        "subject": number,
        "reason": "",
        "note": "By phone",
        "public_note": "",
        "details": {"amount": gbp("60.00"), "method": "bank_transfer"},
        "changed": [],
        "actor": "admin",
        "origin": "api 127.0.0.1",
    }
    everything = program.get("/events").content.decode()
    assert "55779911" not in everything and "Jo Day" not in everything
    assert "credit.held" not in everything  # the refund says so


def test_an_event_says_what_a_field_was_before(program, customer):
    program.patch("/customers/jo", {"company": "Jo Ltd"})
    (event,) = told(program, "/events", action="customer.details_updated")["items"]
    assert event["changed"] == [{"name": "company", "before": "", "after": "Jo Ltd"}]


def test_what_happened_to_users_and_keys_is_no_customer_s_history(program, customer):
    assert {each["action"] for each in told(program, "/events")["items"]} == {"customer.added"}
    assert Event.objects.filter(action__in=["user.added", "key.added"]).count() == 2


def test_balances_as_of_a_moment_come_from_the_customer_s_transfers(program, numbers, admin_actor, now):
    other = customers.add(username="al", currency="GBP", actor=admin_actor, now=now)
    credit.give(
        customer_id=other.pk, amount=Money(3_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="al", actor=admin_actor, now=now,
    )  # fmt: skip
    spend(program, "1.00", "WEB-1")
    Balance.objects.update(available_minor=1)  # not what they are read from

    def balances(**parameters):
        answer = told(program, "/customers/jo/balances", **parameters)
        return answer["as_of"], [each["available"]["amount"] for each in answer["balances"]]

    assert balances() == (None, ["0.01"])
    assert balances(as_of="2026-03-02T10:30:00Z") == ("2026-03-02T10:30:00.000000Z", [])
    assert balances(as_of="2026-03-02T10:30:00.000001Z") == ("2026-03-02T10:30:00.000001Z", ["50.00"])
    assert balances(as_of="2026-03-08") == ("2026-03-09T00:00:00.000000Z", ["50.00"])
    assert balances(as_of="2026-03-09", view="recorded") == ("2026-03-10T00:00:00.000000Z", ["70.00"])
    (row,) = told(program, "/customers/jo/balances", as_of="2026-03-09")["balances"]
    assert row == {"available": gbp("70.00"), "held": gbp("0.00"), "owing": None}


def test_what_was_recorded_late_counts_at_its_day_or_when_it_was_recorded(
    program, customer, admin_actor, now
):
    credit.issue(
        customer_id=customer.pk, amount=Money(5_00, "GBP"), source=Source.OVERPAYMENT, house=House.RECEIPTS,
        reason="overpayment", reference="WEB-1", effective_at=now - timedelta(days=3), key="late",
        actor=admin_actor, now=now,
    )  # fmt: skip
    found = {
        view: told(program, "/customers/jo/balances", as_of="2026-03-01", view=view)["balances"]
        for view in ("effective", "recorded")
    }
    assert found == {
        "effective": [{"available": gbp("5.00"), "held": gbp("0.00"), "owing": None}],
        "recorded": [],
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"as_of": "2126-01-01"}, (409, "invalid_input")),
        ({"as_of": "1899-01-01"}, (409, "invalid_input")),
        ({"as_of": "2026-03-01T10:00:00"}, (422, "invalid_input")),
        ({"as_of": "0"}, (422, "invalid_input")),
        ({"as_of": "yesterday"}, (422, "invalid_input")),
        ({"as_of": "2026-03-01", "view": "both"}, (422, "invalid_input")),
    ],
)
def test_a_moment_that_can_t_be_asked_for_is_refused(program, customer, parameters, expected):
    assert refused(program.get("/customers/jo/balances", **parameters)) == expected


def test_a_recalculation_explains_and_repairs_only_if_told_to(program, numbers, customer):
    Account.objects.filter(posted_minor=50_00).update(posted_minor=49_00)
    compared = json.loads(program.post("/customers/jo/recalculate", {"repair": False}).content)
    assert (compared["customer"], compared["repaired"], compared["broken"]) == ("jo", False, [])
    (difference,) = compared["differences"]
    explanation = difference.pop("explanation")
    assert difference == {
        "entry": numbers[0], "figure": "remaining", "stored": gbp("49.00"), "derived": gbp("50.00"),
    }  # fmt: skip
    assert (explanation["verdict"], explanation["newest"]["entry"]) == ("outside", numbers[0])
    assert explanation["newest"]["amount"] == gbp("50.00")
    assert explanation["says"].startswith("No state of the history gives this figure")
    assert Account.objects.filter(posted_minor=49_00).count() == 1

    repaired = json.loads(program.post("/customers/jo/recalculate", {"repair": True}, key="r").content)
    assert (repaired["repaired"], len(repaired["differences"])) == (True, 1)
    assert Account.objects.filter(posted_minor=49_00).count() == 0
    again = program.post("/customers/jo/recalculate", {"repair": True}, key="r")
    assert json.loads(again.content) == repaired
    assert (
        json.loads(program.post("/customers/jo/recalculate", {"repair": True}).content)["differences"] == []
    )
    (event,) = told(program, "/events", action="customer.recalculated")["items"]
    assert event["changed"] == [
        {"name": f"{numbers[0]} remaining", "before": gbp("49.00"), "after": gbp("50.00")},
    ]


def test_a_broken_history_is_told_and_nothing_is_repaired(program, numbers):
    Account.objects.filter(posted_minor=50_00).update(transfers=2, posted_minor=1)
    told_ = json.loads(program.post("/customers/jo/recalculate", {"repair": True}).content)
    assert told_["repaired"] is False
    (broken,) = told_["broken"]
    assert (broken["entry"], broken["counted"], broken["found"]) == (numbers[0], 2, 1)
    assert broken["sound"]["amount"] == gbp("50.00")
    assert Account.objects.filter(posted_minor=1).count() == 1


def test_recalculating_needs_a_scope_and_a_yes_or_no(new_program, program, admin_actor, numbers):
    orders = new_program(admin_actor, Scope.ORDERS, Scope.CREDIT)
    answer = orders.post("/customers/jo/recalculate", {"repair": True})
    assert refused(answer) == (403, "permission_denied")
    assert refused(program.post("/customers/jo/recalculate", {})) == (422, "invalid_input")
    assert refused(program.post("/customers/jo/recalculate", {"repair": "yes"})) == (422, "invalid_input")
