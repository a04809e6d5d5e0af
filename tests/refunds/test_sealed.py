"""Account numbers stand sealed in the database, and a key can be changed while the shop is open."""

from __future__ import annotations

import pytest
from django.core.exceptions import FieldError
from django.db import connection

from tillbook.common import sealing
from tillbook.common.resealing import Closed, reseal
from tillbook.customers.models import Customer
from tillbook.refunds.accounts import mask
from tillbook.refunds.approvals import Flag, flags
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.django_db

ACCOUNT = "20-00-00 55779911"


@pytest.fixture
def refunds(ask) -> list[Refund]:
    return [ask(key="1", account=ACCOUNT), ask(key="2", account="200000 5577 9911"), ask(key="3")]


def stored() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT bank_account, account_mark FROM refunds_refund ORDER BY id")
        return cursor.fetchall()


def test_the_database_holds_no_account_number(refunds):
    (first, mark), (second, same), none = stored()
    assert first != second
    assert mark == same != ""
    assert "55779911" not in first + second + mark
    assert none == ("", "")
    assert [refund.bank_account for refund in Refund.objects.order_by("pk")] == [
        ACCOUNT,
        "200000 5577 9911",
        "",
    ]


def test_sealing_anew_needs_the_old_key_no_more(refunds, settings):
    old, new = settings.TILLBOOK_ACCOUNT_KEYS(), [sealing.new_key()]
    before = stored()
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: new + old
    assert Refund.objects.get(pk=refunds[0].pk).bank_account == ACCOUNT
    assert sealing.marks("20000055779911")[1] == before[0][1]
    assert reseal() == 2
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: new
    assert [refund.bank_account for refund in Refund.objects.order_by("pk")] == [
        ACCOUNT,
        "200000 5577 9911",
        "",
    ]
    (_, mark), (_, same), _ = stored()
    assert mark == same == sealing.mark("20000055779911")


def test_without_the_key_nothing_is_opened_and_nothing_changed(refunds, settings):
    before = stored()
    settings.TILLBOOK_ACCOUNT_KEYS = lambda: [sealing.new_key()]
    with pytest.raises(Closed, match="None of the account keys"):
        reseal()
    assert stored() == before


def test_a_sealed_text_can_not_be_searched():
    with pytest.raises(FieldError):
        Refund.objects.filter(bank_account=ACCOUNT).exists()


@pytest.mark.parametrize("text", ["Zoë Müller", "plain", "gAAAAA", "\N{REPLACEMENT CHARACTER}"])
def test_what_somebody_wrote_over_it_can_be_told_from_an_account(text: str) -> None:
    assert sealing.unseal(text) == sealing.UNREADABLE


IBAN = "DE89 3704 0044 0532 0130 00"


def test_an_account_is_the_same_with_its_bic_and_without(ask):
    with_bic = ask(key="1", account=f"{IBAN} COBADEFFXXX")
    without = ask(key="2", account=IBAN)
    marks = {mark for _account, mark in stored()}
    assert marks == {with_bic.account_mark} == {without.account_mark}
    assert mask(with_bic.bank_account) == mask(IBAN) == "•" * 19 + "000"
    for refund in (with_bic, without):
        refund.mark_anew()
    assert {with_bic.account_mark, without.account_mark} == marks


def test_another_customer_s_account_is_noticed_whether_or_not_a_bic_stands_with_it(ask, now):
    other = Customer.objects.create(username="al", currency="GBP", created_at=now)
    ask(key="1", account=IBAN)
    theirs = ask(key="2", account=f"{IBAN} COBADEFFXXX")
    Refund.objects.filter(pk=theirs.pk).update(customer=other)
    assert Flag.SHARED_ACCOUNT in flags(Refund.objects.get(pk=theirs.pk))
