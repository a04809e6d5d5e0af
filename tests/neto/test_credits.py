"""Credits, refunds and recalculation over the old wire: what the platform never had."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tillbook.common.actor import Scope
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.ledger.models import Balance
from tillbook.neto.fields import Fields
from tillbook.orders import services as orders
from tillbook.orders.charges import Charge
from tillbook.refunds.models import Refund


@pytest.fixture
def deposit(integration, customer) -> str:
    """The id of a credit of 50.00 of jo's, which may be paid out."""
    return integration.do("AddCredit", Username="jo", Amount="50", Reason="deposit", Refundable="True")[
        "CreditID"
    ]


def test_a_credit_is_given_and_told(integration, customer):
    made = integration.do(
        "AddCredit", Username="jo", Amount="12.50", Reason="promotion", DateExpires="2999-01-01",
        InternalNotes="spring", PublicNotes="Thank you",
    )  # fmt: skip
    (told,) = integration.get("GetCredit", CreditID=made["CreditID"])
    assert told.pop("DateIssued") == told_at(Credit.objects.get())
    assert told == {
        "CreditID": made["CreditID"], "CreditNumber": f"CR-{made['CreditID']}", "Username": "jo",
        "Source": "Manual", "SourceReference": "", "Reason": "promotion", "CurrencyCode": "GBP",
        "Amount": "12.50", "AvailableAmount": "12.50", "HeldAmount": "0.00", "Refundable": "False",
        "DateExpires": "2999-01-01 00:00:00", "InternalNotes": "spring", "PublicNotes": "Thank you",
    }  # fmt: skip


def told_at(credit: Credit) -> str:
    return credit.issued_at.strftime("%Y-%m-%d %H:%M:%S")


def test_a_credit_that_can_not_be_is_refused(integration, customer):
    assert integration.refused("AddCredit", Username="jo", Amount="0").startswith(
        "Amount must be more than zero."
    )
    assert integration.refused("AddCredit", Username="jo", Amount="1", Reason="x").startswith(
        "Reason must be goodwill or"
    )
    assert integration.refused("AddCredit", Username="bob", Amount="1") == "There is no customer 'bob'."
    assert not Credit.objects.exists()


@pytest.mark.parametrize(
    "at", ["9999-12-31 23:59:59", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+10:00", "9999-06-01"]
)
def test_a_moment_that_some_zone_could_not_show_is_refused(integration, customer, at):
    said = integration.refused("AddCredit", Username="jo", Amount="1", Reason="promotion", DateExpires=at)
    assert "too far away" in said
    assert not Credit.objects.exists()


def test_staff_give_at_most_their_limit(new_integration, staff_actor, customer):
    message = new_integration(staff_actor).refused("AddCredit", Username="jo", Amount="100.01")
    assert "100.00 GBP" in message
    assert not Credit.objects.exists()


def test_a_refund_goes_from_request_to_completion(integration, customer, deposit):
    made = integration.do(
        "AddRefund", Username="jo", RefundAmount="20.00", PaymentMethodName="Direct Deposit", PayeeName="Jo B",
        BankAccount="20-00-00 12345678", CreditID=deposit, PaymentDate="2026-04-01", RefundNote="by phone",
    )  # fmt: skip
    (told,) = integration.get("GetRefund", RefundID=made["RefundID"])
    told.pop("DateIssued")
    assert told == {
        "RefundID": made["RefundID"], "RefundNumber": f"RF-{made['RefundID']}", "Username": "jo",
        "CurrencyCode": "GBP", "RefundAmount": "20.00", "PaymentMethodID": "2", "PaymentMethodName": "Bank transfer",
        "DateRefunded": "", "RefundStatus": "Requested", "PayeeName": "Jo B", "BankAccount": "•••••••••••678",
        "PayPalEmail": "jo@example.com", "PostalAddress": "1 High St\nLeeds", "PaymentDate": "2026-04-01",
        "RefundNote": "by phone", "DeclineReason": "", "Gateway": "", "ChargeID": "",
    }  # fmt: skip
    integration.do("UpdateRefund", RefundID=made["RefundID"], RefundStatus="Completed")
    (told,) = integration.get("GetRefund", RefundStatus="Completed")
    assert told["DateRefunded"] != ""
    balance = balance_of(customer.pk, "GBP")
    assert (balance.available_minor, balance.held_minor) == (30_00, 0)


def test_a_refund_goes_back_to_the_charge_that_is_named(integration, customer, staff_actor, now):
    by = {"actor": staff_actor, "now": now}
    lines = [orders.LineInput("MUG", "", 1, 20_00)]
    order = orders.place(customer_id=customer.pk, currency="GBP", lines=lines, number="N1", key="o", **by)
    for charge in ("ch_1", "ch_2"):
        orders.receive_payment(
            order.pk, amount=Money(10_00, "GBP"), method="card", charge=Charge("stripe", charge), key=charge, **by
        )  # fmt: skip
    orders.cancel(order.pk, reason="Out of stock", key="c", **by)
    sent = {"Username": "jo", "RefundAmount": "5.00", "PaymentMethodName": "gateway"}
    assert integration.refused("AddRefund", **sent).startswith("Name the charge")
    assert integration.refused("AddRefund", **sent, ChargeID="ch_2").startswith("Name the gateway")
    assert integration.refused("AddRefund", **sent, Gateway="stripe", ChargeID="ch_9").startswith(
        "The credit did not come from"
    )
    assert not Refund.objects.exists()
    integration.do("AddRefund", **sent, Gateway="stripe", ChargeID="ch_2")
    (told,) = integration.get("GetRefund", Username="jo")
    assert (told["Gateway"], told["ChargeID"]) == ("stripe", "ch_2")


def test_a_declined_refund_is_credit_again(integration, customer, deposit):
    made = integration.do("AddRefund", Username="jo", RefundAmount="20.00", PaymentMethodName="Cash")
    assert (
        integration.refused("UpdateRefund", **made, RefundStatus="Declined")
        == "DeclineReason is a required field."
    )
    assert integration.refused("UpdateRefund", **made) == "RefundStatus must be Completed or Declined."
    integration.do("UpdateRefund", **made, RefundStatus="declined", DeclineReason="changed their mind")
    (told,) = integration.get("GetRefund", Username="jo")
    assert (told["RefundStatus"], told["DeclineReason"]) == ("Declined", "changed their mind")
    assert balance_of(customer.pk, "GBP").available_minor == 50_00


def test_completing_needs_the_permission(integration, new_integration, staff_actor, customer, deposit):
    made = integration.do("AddRefund", Username="jo", RefundAmount="20.00", PaymentMethodName="Cash")
    staff = new_integration(staff_actor, Scope.REFUNDS)
    assert "may not complete" in staff.refused("UpdateRefund", **made, RefundStatus="Completed")
    assert Refund.objects.get().status == "requested"


def test_a_refund_that_can_not_be_is_refused(integration, customer, deposit):
    sent = {"Username": "jo", "RefundAmount": "20.00", "PaymentMethodName": "Cash"}
    assert (
        integration.refused("AddRefund", **sent | {"RefundAmount": "50.01"})
        == "Only 50.00 GBP can be paid out."
    )
    assert integration.refused("AddRefund", **sent | {"PaymentMethodName": "Visa"}).startswith(
        "A refund is paid by one of"
    )
    assert integration.refused("AddRefund", **sent | {"CreditID": "9999"}).startswith(
        "There is no credit CR-9999"
    )
    assert (
        integration.refused("UpdateRefund", RefundID="9999", RefundStatus="Completed")
        == "There is no refund RF-9999."
    )
    assert not Refund.objects.exists()


def test_a_recalculation_tells_and_repairs_what_differs(integration, customer, deposit):
    assert integration.do("RecalculateBalance", Username="jo")["Differences"] == {"Difference": []}
    Balance.objects.update(available_minor=60_00)
    told = integration.do("RecalculateBalance", Username="jo", DryRun="True")
    assert (told["Repaired"], told["Broken"]) == ("False", "0")
    assert told["Differences"]["Difference"] == [
        {"Entry": "", "Figure": "available", "CurrencyCode": "GBP", "Stored": "60.00", "Derived": "50.00"}
    ]
    assert integration.get("GetCustomer")[0]["AvailableCredit"] == "60.00"
    assert integration.do("RecalculateBalance", Username="jo")["Repaired"] == "True"
    assert integration.get("GetCustomer")[0]["AvailableCredit"] == "50.00"


def test_a_customer_is_recalculated_once_a_call(integration, customer):
    answer = integration.call("RecalculateBalance", {"Customer": [{"Username": "jo"}, {"Username": "jo"}]})
    assert (answer["Ack"], len(answer["Customer"])) == ("Warning", 1)
    assert answer["Messages"]["Error"][0]["Message"] == "Customer 2: jo is there twice."


def test_a_day_is_the_day_that_was_sent_and_a_moment_s_is_the_shop_s(db, settings):
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, time_zone=ZoneInfo("Australia/Sydney"))
    sent = {"PaymentDate": "2026-03-02", "DateRefunded": "2026-03-01 22:00:00", "DateExpires": "2026-03-02"}
    fields = Fields(sent, datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert (fields.day("PaymentDate"), fields.day("DateRefunded")) == (date(2026, 3, 2), date(2026, 3, 2))
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, time_zone=ZoneInfo("America/New_York"))
    assert Fields({"PaymentDate": "2026-03-02 00:00:00"}, fields.now).day("PaymentDate") == date(2026, 3, 2)
    assert fields.moment("DateExpires") == datetime(2026, 3, 2, tzinfo=UTC)
    assert fields.past("PaymentDate") == fields.now  # it has begun in Sydney, so it can be a past one


def test_credit_may_expire_tomorrow(integration, customer):
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    integration.do("AddCredit", Username="jo", Amount="1", Reason="promotion", DateExpires=tomorrow)
    assert Credit.objects.get().expires_at == datetime.fromisoformat(tomorrow).replace(tzinfo=UTC)
