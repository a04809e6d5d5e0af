"""The rows of an order's form, as it is sent again and again."""

from __future__ import annotations

import re
from typing import Any

from django.http import QueryDict
from django.test import Client

from tillbook.customers.models import Customer
from tillbook.orders.queries import by_number, lines_of
from tillbook.panel.order_forms import OrderEntry


def rows_of(*rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    """The rows as the page sends them; the first `initial` stood there when it was opened."""
    data: dict[str, Any] = {"lines-TOTAL_FORMS": len(rows), "lines-INITIAL_FORMS": initial}
    for place, row in enumerate(rows):
        data |= {f"lines-{place}-{name}": value for name, value in row.items()}
    return data


def test_an_edit_that_removed_a_line_and_asked_for_more_rows_can_be_saved(as_staff: Client, maria: Customer):
    blank: dict[str, Any] = {"line_id": "", "description": "", "quantity": 1, "amount": "10"}
    placed = rows_of(*[blank | {"sku": sku} for sku in "ABC"])
    as_staff.post("/orders/new/?customer=maria", {"key": "k", "number": "N7"} | placed)
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', as_staff.get("/orders/N7/edit/").text)
    assert seen is not None
    data = {"key": "e", "seen": seen[1]}
    first, *others = [blank | {"line_id": line.pk, "sku": line.sku} for line in lines_of(by_number("N7"))]
    sent = rows_of(first | {"DELETE": "on"}, *others, initial=3)
    grown = as_staff.post("/orders/N7/edit/", data | {"more_rows": "1"} | sent)
    shown = [{name: form[name].value() or "" for name in first} for form in grown.context["entry"].lines]
    initial = re.search(r'name="lines-INITIAL_FORMS" value="([0-9])"', grown.text)
    assert initial is not None
    saved = as_staff.post("/orders/N7/edit/", data | rows_of(*shown, initial=int(initial[1])))
    assert saved.status_code == 302
    assert [line.sku for line in lines_of(by_number("N7"))] == ["B", "C"]


def test_all_rows_read_the_same_of_what_was_sent():
    """Copied for each of them, an order of 1,500 lines would take a minute."""
    row = {"line_id": "", "sku": "A", "description": "one\r\ntwo", "quantity": "1", "amount": "10"}
    sent = QueryDict(mutable=True)
    sent.update(
        {"key": "k", "note": "one\r\ntwo"} | {name: str(value) for name, value in rows_of(*[row] * 4).items()}
    )
    entry = OrderEntry(sent, currency="GBP")
    assert entry.is_valid()
    assert len({id(form.data) for form in (entry.form, *entry.lines.forms)}) == 1
    assert (entry.arguments()["note"], entry.lines.lines()[3].description) == ("one\ntwo", "one\ntwo")
