"""The inbox: one click for the suggestion or another choice, and what a late click meets."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.test import Client

from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.credit.models import Credit
from tillbook.credit.queries import credits_of
from tillbook.events.models import Event
from tillbook.orders.models import Order


@pytest.fixture
def till(staff_actor: Actor, now: datetime) -> Till:
    return Till(staff_actor, now)


@pytest.fixture
def overpaid(till: Till) -> Credit:
    """7.00 too much for SO-1001."""
    till.pay(till.place(line(5_000)), 5_700)
    return credits_of(till.customer.pk)[0]


def text(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def fields(client: Client) -> dict[str, str]:
    """What the first overpayment's buttons send."""
    page = client.get("/overpayments/").content.decode()
    form = page.split("<article", 1)[1]
    return dict(re.findall(r'type="hidden" name="(key|credit|order|minor)" value="([^"]*)"', form))


def test_the_suggested_order_is_paid_by_one_click_and_a_second_pays_nothing_more(
    till: Till, overpaid: Credit, as_staff: Client
):
    order = till.place(line(1_000))
    page = text(as_staff.get("/overpayments/"))
    assert f"owes £10.00 on {order.number} : pay £7.00 of it" in page
    sent = fields(as_staff)
    for _ in range(2):
        answer = as_staff.post("/overpayments/pay/", sent, follow=True)
        assert f"7.00 GBP of {overpaid.number} paid order {order.number}." in text(answer)
    assert till.figures == (0, 0, 300)
    assert "Every overpayment is dealt with" in text(as_staff.get("/overpayments/"))


def test_keeping_it_takes_it_off_the_list_and_home(till: Till, overpaid: Credit, as_staff: Client):
    assert "Overpayments to look at 1" in text(as_staff.get("/"))
    answer = as_staff.post("/overpayments/keep/", fields(as_staff), follow=True)
    assert f"{overpaid.number} stays credit of jo." in text(answer)
    assert "every overpayment is dealt with" in text(as_staff.get("/")).lower()
    assert "Overpayment kept as credit" in text(as_staff.get(f"/credits/{overpaid.number}/"))
    assert till.figures == (700, 0, 0)


def test_refund_leads_to_the_form_with_the_payee_for_this_credit(overpaid: Credit, as_staff: Client):
    link = f"/customers/jo/pay-refund/?credit={overpaid.number}"
    assert f'href="{link}"' in as_staff.get("/overpayments/").content.decode()
    assert 'value="7.00"' in as_staff.get(link).content.decode()


def test_who_may_only_look_gets_no_button(till: Till, overpaid: Credit, as_viewer: Client):
    till.place(line(1_000))
    page = as_viewer.get("/overpayments/").content.decode()
    assert overpaid.number in page
    assert "Refund the second." in page or "pay £7.00 of it" in text(as_viewer.get("/overpayments/"))
    article = page.split("<article", 1)[1].split("</article>")[0]
    assert "<button" not in article
    assert "/pay-refund/" not in article


def test_who_clicks_after_somebody_else_is_told_and_nothing_moves(
    till: Till, overpaid: Credit, as_staff: Client, as_admin: Client
):
    till.place(line(700))
    sent, late = fields(as_admin), fields(as_staff)
    as_admin.post("/overpayments/pay/", sent)
    before = Event.objects.count()
    assert "Pay at most that with credit" in text(as_staff.post("/overpayments/pay/", late, follow=True))
    late["key"] += "-keep"
    assert "Somebody has dealt with" in text(as_staff.post("/overpayments/keep/", late, follow=True))
    assert (till.figures, Event.objects.count()) == ((0, 0, 0), before)


@pytest.mark.parametrize(
    "what", [{}, {"credit": "CR-1001"}, {"key": "k", "credit": "CR-1001", "minor": "-1"}]
)
def test_a_button_without_what_it_needs_does_nothing(
    till: Till, overpaid: Credit, as_staff: Client, what: dict[str, str]
):
    answer = as_staff.post("/overpayments/pay/", what, follow=True)
    assert "Open the page again and retry." in text(answer)
    assert till.figures == (700, 0, 0)


def test_a_payment_without_an_amount_is_refused(till: Till, overpaid: Credit, as_staff: Client):
    order = till.place(line(1_000))
    sent = {"key": "k", "credit": overpaid.number, "order": order.number}
    as_staff.post("/overpayments/pay/", sent, follow=True)
    assert till.figures == (700, 0, 1_000)


def test_each_reason_is_said(till: Till, as_staff: Client):
    twice = till.place(line(5_000))
    till.pay(twice, 5_000)
    till.pay(twice, 5_000)
    till.pay(till.place(line(5_000)), 5_050)
    cancelled = till.place(line(4_000))
    till.pay(cancelled, 4_000)
    till.cancel(cancelled)
    page = text(as_staff.get("/overpayments/"))
    assert "Likely paid twice: £50.00 came on 2 Mar 2026 and again on 2 Mar 2026 (Card)." in page
    assert "Too little to pay back" in page
    assert "The order was cancelled after it was paid" in page
    assert Order.objects.count() == 3
