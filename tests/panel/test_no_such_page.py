"""The page for an address that names nothing: the way back is for those who have one."""

from __future__ import annotations

import pytest
from django.test import Client

BACK = "Back to the panel"


def test_a_user_is_led_back_to_the_panel(as_staff: Client) -> None:
    answer = as_staff.get("/nothing/here/")
    assert answer.status_code == 404
    assert BACK in answer.text


@pytest.mark.parametrize("address", ["/nothing/here/", "/my/nothing/"])
def test_a_stranger_is_not_sent_there(db: None, client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert BACK not in answer.text


@pytest.mark.parametrize(
    ("address", "way"), [("/login/", BACK), ("/my/", "Back to your page"), ("/slip/", None)]
)
def test_whose_form_was_open_too_long_is_led_back_to_where_they_were(
    db: None, address: str, way: str | None
) -> None:
    answer = Client(enforce_csrf_checks=True).post(address)
    assert answer.status_code == 403
    assert [each for each in (BACK, "Back to your page") if each in answer.text] == [way] * (way is not None)
