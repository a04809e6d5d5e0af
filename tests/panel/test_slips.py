"""Anybody can tell a true refund slip from another, and learns nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tillbook.panel.slip_views import limiter
from tillbook.refunds.models import Refund
from tillbook.refunds.proof import address_of, code_of, hidden, picture_of, proven

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh() -> None:
    limiter.cache_clear()


@pytest.fixture
def refund(request_refund: Callable[..., Refund]) -> Refund:
    return request_refund(12_34)


def test_a_true_slip_shows_amount_state_and_initials_and_no_more(refund: Refund) -> None:
    page = Client().get(f"/slip/{refund.number}/{code_of(refund.number)}/")
    assert page.status_code == 200
    for words in ("£12.34", "Requested", hidden(refund.payee_name)):
        assert words in page.text
    for secret in (refund.payee_name, refund.customer.username, refund.requested_by + " "):
        assert secret not in page.text
    assert "no-store" in page["Cache-Control"]


def test_a_wrong_code_and_a_missing_refund_are_told_alike(refund: Refund) -> None:
    wrong = Client().get(f"/slip/{refund.number}/ABCD-EFGH-JKLM/")
    missing = Client().get(f"/slip/RF-9999/{code_of('RF-9999')}/")
    assert wrong.status_code == missing.status_code == 404
    assert wrong.text == missing.text
    assert refund.number not in wrong.text


def test_the_code_of_one_refund_proves_no_other(request_refund: Callable[..., Refund]) -> None:
    one, two = request_refund(1_00, key="a"), request_refund(2_00, key="b")
    assert proven(one.number, code_of(two.number)) is None
    assert proven(one.number, code_of(one.number).lower().replace("-", " ")) == one


def test_typed_or_scanned_it_is_the_same_page(refund: Refund) -> None:
    typed = Client().get("/slip/", {"number": f" {refund.number.lower()} ", "code": code_of(refund.number)})
    assert typed.status_code == 302
    assert "£12.34" in Client().get(typed["Location"]).text
    assert Client().get("/slip/").status_code == 200
    for number, code in (("RF-1042/AB", "x"), ("RF-1042", "AB/CD"), ("RF\N{EN DASH}1", "x"), ("..", "x")):
        wrong = Client().get("/slip/", {"number": number, "code": code})
        assert "Enter the letters, digits and dashes" in wrong.text
    assert "Enter the code." in Client().get("/slip/", {"number": "RF-1"}).text


def test_who_tries_too_often_is_stopped_for_right_and_wrong_codes(refund: Refund) -> None:
    client = Client()
    answers = [client.get(f"/slip/{refund.number}/{number:012}/").status_code for number in range(31)]
    assert answers == [404] * 30 + [429]
    assert client.get(f"/slip/{refund.number}/{code_of(refund.number)}/").status_code == 429


def test_a_reversal_has_no_slip_to_check(refund: Refund) -> None:
    Refund.objects.update(kind=Refund.Kind.REVERSAL)
    assert proven(refund.number, code_of(refund.number)) is None


def test_the_address_is_on_the_slip_where_the_shop_has_said_it(refund: Refund, settings: Any) -> None:
    assert address_of(refund.number) == ""
    settings.TILLBOOK_ADDRESS = "https://credit.example.com"
    assert (
        address_of(refund.number)
        == f"https://credit.example.com/slip/{refund.number}/{code_of(refund.number)}/"
    )
    assert picture_of(address_of(refund.number)).startswith("<svg")


def test_names_are_hidden_but_for_their_initials() -> None:
    assert hidden("Jo  Bloggs-Ray") == "J• B•••••••••"
    assert hidden("") == ""
