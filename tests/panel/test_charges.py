"""Pay Refund back to the card: the method, the charge, and what the refund's page says of it."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.credit.queries import credits_of
from tillbook.customers.models import Customer
from tillbook.orders import services as orders
from tillbook.orders.charges import Charge
from tillbook.orders.models import Order, Payment
from tillbook.refunds.models import Refund


@pytest.fixture
def placed(maria: Customer, staff_actor: Actor, now: datetime) -> Order:
    """10.00 GBP, not paid yet."""
    return orders.place(
        customer_id=maria.pk, currency="GBP", lines=[orders.LineInput("CUP", "", 1, 1_000)], number="CARD-1",
        key="o", actor=staff_actor, now=now,
    )  # fmt: skip


@pytest.fixture
def order(placed: Order, staff_actor: Actor, now: datetime) -> Order:
    """10.00 GBP, paid by card with 25.00."""
    _charged(placed, 2_500, "ch_1", staff_actor, now)
    return placed


def _charged(order: Order, minor: int, charge: str, actor: Actor, now: datetime) -> None:
    orders.receive_payment(
        order.pk, amount=Money(minor, "GBP"), method="card", charge=Charge("stripe", charge), key=charge,
        actor=actor, now=now,
    )  # fmt: skip


def _pay(client: Client, query: str = "", **changes: str):
    sent = {
        "key": "k1", "payee_name": "Maria Holt", "method": "gateway", "charge": "stripe ch_1",
        "amount": "5.00", "payment_date": timezone.localdate().isoformat(), "note": "", **changes,
    }  # fmt: skip
    return client.post(f"/customers/maria/pay-refund/{query}", sent)


def test_a_refund_goes_back_to_the_charge_and_its_page_says_so(as_staff: Client, order: Order) -> None:
    assert "stripe ch_1" in as_staff.get("/customers/maria/pay-refund/").text
    answer = _pay(as_staff)
    assert answer.url == "/refunds/RF-1001/"
    refund = Refund.objects.get()
    assert (refund.method, refund.gateway, refund.charge) == ("gateway", "stripe", "ch_1")
    page = as_staff.get("/refunds/RF-1001/").text
    assert "Card or wallet, through the gateway" in page and "ch_1" in page


def test_the_form_begins_with_the_charge_and_what_may_go_back_to_it(
    as_staff: Client, order: Order, deposit: Credit
) -> None:
    form = as_staff.get("/customers/maria/pay-refund/").context["form"]
    begun = {name: form[name].value() for name in ("method", "charge", "amount")}
    assert begun == {"method": "gateway", "charge": "stripe ch_1", "amount": "15.00"}
    page = as_staff.get("/customers/maria/pay-refund/").text
    assert "Order CARD-1, at most £15.00: stripe ch_1" in page
    own = as_staff.get(f"/customers/maria/pay-refund/?credit={deposit.number}")
    assert own.context["form"]["amount"].value() == "120.00"
    assert 'value="gateway"' not in own.text


def test_more_than_may_go_back_is_refused_at_the_amount(
    as_staff: Client, order: Order, deposit: Credit
) -> None:
    answer = _pay(as_staff, amount="15.01")
    assert answer.status_code == 422
    assert "At most 15.00 GBP" in str(answer.context["form"].errors["amount"])
    assert not Refund.objects.exists()


def test_where_the_shop_says_so_another_method_is_refused_to_staff_and_admins(
    as_staff: Client, as_admin: Client, order: Order
) -> None:
    as_admin.post("/settings/refunds/", {"seen": 0, "charge_first": "on", "charge_first_days": "3650"})
    credit = next(each for each in credits_of(order.customer_id) if each.source_reference == "CARD-1")
    for client in (as_staff, as_admin):
        answer = _pay(client, f"?credit={credit.number}", method="cash")
        assert answer.status_code == 422
        assert "must first go back to the charge ch_1" in str(answer.context["form"].errors["method"])
    assert not Refund.objects.exists()


def test_the_slip_masks_the_charge_and_the_export_has_it(
    as_staff: Client, placed: Order, staff_actor, now
) -> None:
    _charged(placed, 2_500, "ch_3P8secret", staff_actor, now)
    _pay(as_staff, charge="stripe ch_3P8secret")
    slip = as_staff.get("/refunds/RF-1001/slip.pdf").content
    text = PdfReader(BytesIO(slip)).pages[0].extract_text()
    assert "Charge stripe …cret" in text and "ch_3P8" not in text
    rows = b"".join(as_staff.post("/refunds/refunds.csv").streaming_content).decode()
    assert '"stripe","ch_3P8secret"' in rows


def test_the_same_form_twice_makes_one_refund(as_staff: Client, order: Order) -> None:
    assert _pay(as_staff, amount="15.00").url == _pay(as_staff, amount="15.00").url == "/refunds/RF-1001/"
    assert Refund.objects.count() == 1


def test_another_method_leaves_the_charge_alone(as_staff: Client, order: Order) -> None:
    _pay(as_staff, method="cash")
    refund = Refund.objects.get()
    assert (refund.method, refund.gateway, refund.charge) == ("cash", "", "")


def test_without_a_charge_the_gateway_is_not_offered(as_staff: Client, deposit: Credit) -> None:
    assert 'value="gateway"' not in as_staff.get("/customers/maria/pay-refund/").text
    assert _pay(as_staff).status_code == 422
    assert not Refund.objects.exists()


def test_where_it_goes_is_corrected_on_the_page(as_staff: Client, order: Order) -> None:
    _pay(as_staff)
    address = "/refunds/RF-1001/redirect/"
    assert 'value="stripe ch_1" selected' in as_staff.get(address).text
    sent = {"key": "k2", "payee_name": "Maria Holt", "payment_date": timezone.localdate().isoformat()}
    assert as_staff.post(address, {**sent, "method": "cash", "charge": "stripe ch_1"}).status_code == 302
    assert Refund.objects.get().charge == ""
    assert as_staff.post(address, {**sent, "method": "gateway", "charge": "stripe ch_1"}).status_code == 302
    assert Refund.objects.get().charge == "ch_1"


def _paid(amount: str, **more: str) -> dict[str, str]:
    return {"key": "k1", "amount": amount, "method": "card", "received_at": "2026-03-02T10:00"} | more


def test_a_payment_by_card_bears_its_charge(as_staff: Client, placed: Order) -> None:
    sent = _paid("10.00", gateway="stripe", charge=" ch_3P8 ")
    assert as_staff.post("/orders/CARD-1/receipt-payment/", sent).status_code == 302
    assert (Payment.objects.get().gateway, Payment.objects.get().charge) == ("stripe", "ch_3P8")
    assert "ch_3P8" in as_staff.get("/orders/CARD-1/").text


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"charge": "ch_3P8"}, "gateway"),
        ({"gateway": "stripe"}, "charge"),
        ({"gateway": "Stripe!", "charge": "ch_3P8"}, "gateway"),
        ({"gateway": "stripe", "charge": "two words"}, "charge"),
    ],
)
def test_half_a_charge_is_refused_at_its_field(
    as_staff: Client, placed: Order, sent: dict[str, str], field: str
) -> None:
    response = as_staff.post("/orders/CARD-1/receipt-payment/", _paid("10.00", **sent))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Payment.objects.exists()


def test_an_admin_notes_what_the_gateway_paid_back(
    as_viewer: Client, as_staff: Client, as_admin: Client, order: Order
) -> None:
    address = f"/payments/{Payment.objects.get().pk}/paid-back/"
    assert address in as_admin.get("/orders/CARD-1/").text
    assert address not in as_staff.get("/orders/CARD-1/").text
    sent = {"key": "n", "amount": "12.00", "reason": "In the dashboard"}
    for client in (as_viewer, as_staff):
        assert client.get(address).status_code == client.post(address, sent).status_code == 403
    assert as_admin.post(address, sent | {"amount": "25.01"}).status_code == 422
    for _ in range(2):
        assert as_admin.post(address, sent).url == "/orders/CARD-1/"
    assert Payment.objects.get().paid_back_minor == 1_200
    assert "paid back there" in as_admin.get("/orders/CARD-1/").text
    assert as_staff.get("/customers/maria/pay-refund/").context["form"]["amount"].value() == "13.00"


def test_a_payment_without_a_charge_has_no_such_page(
    as_admin: Client, placed: Order, staff_actor: Actor, now: datetime
) -> None:
    cash = orders.receive_payment(
        placed.pk, amount=Money(1_000, "GBP"), method="cash", key="cash", actor=staff_actor, now=now
    )
    address = f"/payments/{cash.pk}/paid-back/"
    assert address not in as_admin.get("/orders/CARD-1/").text
    assert as_admin.get(address).status_code == 404
