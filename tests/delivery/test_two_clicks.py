"""Send refund slip clicked twice before the mail server took the first message."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tests.databases import at_once
from tests.delivery.mailbox import Mailbox
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.delivery.services import Sent, send_slip
from tillbook.events.models import Event
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.usefixtures("own_database")


def test_both_get_the_same_answer_and_one_is_remembered(patient_mailbox: Mailbox, now: datetime) -> None:
    system = Actor.system("test")
    jo = customers.add(username="jo", currency="GBP", email="jo@example.org", actor=system, now=now)
    credit.give(
        customer_id=jo.pk, amount=Money(5000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="give", actor=system, now=now,
    )  # fmt: skip
    refund = refunds.request(
        customer_id=jo.pk, amount=Money(5000, "GBP"), method=Refund.Method.CASH, payee=refunds.Payee("Jo"),
        payment_date=date(2026, 3, 6), key="refund", actor=system, now=now,
    )  # fmt: skip
    clicks = [lambda: send_slip(refund.pk, key="send", actor=system, now=now)] * 2
    assert at_once(clicks) == [Sent(to="jo@example.org", path=None)] * 2
    assert len(patient_mailbox.envelopes) == 2  # no lock is held while mail is sent
    assert Event.objects.filter(action="refund.slip_sent").count() == 1
