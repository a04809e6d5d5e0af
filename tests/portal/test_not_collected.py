"""Money that nobody took: the customer reads that it is credit again, and nowhere that it came back."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO

import pytest
from django.test import Client
from pypdf import PdfReader

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.refunds import services
from tillbook.refunds.payees import Payee
from tillbook.refunds.unclaimed import cancel


@pytest.mark.parametrize("paid", [True, False])
def test_of_money_that_nobody_took_nothing_is_said_to_have_come_back(
    maria: Customer,
    deposit: Credit,
    at_home: Client,
    staff_actor: Actor,
    admin_actor: Actor,
    now: datetime,
    paid: bool,
) -> None:
    made = services.request(
        customer_id=maria.pk, amount=Money(2_000, "GBP"), method="cash", payee=Payee("Maria Holt"),
        payment_date=now.date(), key="r", actor=staff_actor, now=now,
    )  # fmt: skip
    if paid:
        services.complete(made.pk, actor=admin_actor, now=now)
    cancel(made.pk, actor=admin_actor, now=now + timedelta(days=91))
    for path in ("/my/", "/my/history/"):
        page = at_home.get(path).content.decode()
        assert "came back" not in page.lower()
        assert (f"Refund {made.number} is credit again" in page) == paid
    told = "Nobody took the money. Since 1 June 2026 it is credit of yours again."
    assert told in at_home.get("/my/").content.decode()
    content = at_home.get("/my/statement.pdf").content
    (page,) = [each.extract_text() for each in PdfReader(BytesIO(content)).pages]
    assert "Not collected" in page
    assert "came back" not in page.lower()
