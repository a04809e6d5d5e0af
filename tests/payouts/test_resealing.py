"""A rotated key loses nothing that is sealed, in whichever room it stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.payouts.conftest import Till
from tillbook.common import sealing
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.common.resealing import reseal, sealed
from tillbook.payouts import gateway_accounts
from tillbook.payouts.models import GatewayAccount, Payout, Source
from tillbook.refunds import asks
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.staff import answers
from tillbook.staff.models import Answer

pytestmark = pytest.mark.django_db


def test_all_that_is_sealed_opens_with_the_new_key_alone(till: Till, settings) -> None:
    policy = settings.TILLBOOK_SHOP
    settings.TILLBOOK_SHOP = replace(policy, own_page=True, own_page_methods=("bank_transfer",))
    jo = till.refund("jo").customer
    asks.ask(
        customer_id=jo.pk, amount=Money(1_00, "AUD"), method="bank_transfer",
        payee=Payee("Jo", "062-000 12345678"), key="ask", actor=Actor.customer(jo.pk, "test"), now=till.now,
    )  # fmt: skip
    till.create()
    gateway_accounts.set_account("stripe", secret="sk_1", webhook_secret="w", actor=till.admin, now=till.now)
    gateway_accounts.set_account("paypal", secret="s", client_id="c", actor=till.admin, now=till.now)
    answers.keep(caller="k", key="a", content="c", status=200, body='{"secret":"s"}', now=till.now)
    before = [list(model.objects.values_list(*columns)) for model, columns in sealed()]
    assert {model for model, _ in sealed()} == {Refund, Ask, Source, Payout, GatewayAccount, Answer}
    old, new = settings.TILLBOOK_ACCOUNT_KEYS(), [sealing.new_key()]
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: new + old
    assert reseal() == 7
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: new
    assert [list(model.objects.values_list(*columns)) for model, columns in sealed()] == before
    assert all(before)
