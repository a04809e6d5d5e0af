"""What a list shows, as a file."""

from __future__ import annotations

import csv
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.test import Client
from python_calamine import CalamineWorkbook

from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.customers.models import Customer
from tillbook.exporters import lists
from tillbook.orders.queries import lines_of
from tillbook.panel import files
from tillbook.refunds.models import Refund
from tillbook.returns.services import RmaLineInput
from tillbook.staff.models import User


@pytest.fixture
def till(staff_actor: Actor, now, db: None) -> Till:
    return Till(staff_actor, now)


def content(client: Client, path: str) -> bytes:
    answer = client.get(path)
    assert answer.status_code == 200, answer.headers
    return b"".join(answer.streaming_content)


def table(client: Client, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(content(client, path).decode("utf-8-sig").splitlines()))


def sheet(data: bytes) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(BytesIO(data)).get_sheet_by_index(0).to_python()


def test_customers_with_their_figures(as_staff: Client, deposit, maria: Customer):
    [row] = table(as_staff, "/customers/customers.csv?with_credit=on")
    assert (row["username"], row["first_name"], row["currency"]) == ("maria", "Maria", "GBP")
    assert (row["available_credit"], row["held_credit"], row["amount_owing"]) == ("120.00", "0.00", "0.00")
    head, shown = sheet(content(as_staff, "/customers/customers.xlsx"))
    assert (head[0], head[-1]) == ("Username", "Amount owing")
    assert (shown[0], shown[-3:]) == ("maria", [120, 0, 0])


def test_orders_filtered_as_they_are_shown(as_staff: Client, till: Till):
    paid, _ = till.place(line(1_000)), till.place(line(2_050))
    till.pay(paid, 1_000)
    [row] = table(as_staff, "/orders/orders.csv?paid_status=fully_paid")
    assert (row["number"], row["total"], row["owing"]) == (paid.number, "10.00", "0.00")
    assert row["placed_at"] == till.now.isoformat()
    assert [cells[7] for cells in sheet(content(as_staff, "/orders/orders.xlsx"))[1:]] == [20.5, 10]


def test_returns(as_staff: Client, till: Till):
    order = till.place(line(1_000))
    till.pay(order, 1_000)
    [sold] = lines_of(order)
    rma = till.open_rma(order, RmaLineInput(sold.pk, sold.sku, sold.description, 1, None))
    [row] = table(as_staff, "/rmas/rmas.csv")
    assert (row["number"], row["order"], row["total"]) == (rma.number, order.number, "10.00")


def test_refunds_as_a_list_to_pay_from(as_admin: Client, request_refund):
    refund = request_refund(5_000)
    answer = as_admin.post("/refunds/refunds.xlsx", {"selected": refund.pk})
    head, row = sheet(b"".join(answer.streaming_content))
    shown = dict(zip(head, row, strict=True))
    assert (shown["Refund"], shown["Amount"], shown["Payee"]) == (refund.number, 50, refund.payee_name)


def test_a_sheet_speaks_the_readers_language_and_programs_read_names(
    as_admin: Client, admin_actor: Actor, request_refund
):
    refund = request_refund(5_000)
    User.objects.filter(pk=admin_actor.user_id).update(language="de")
    asked = {"selected": refund.pk}
    data = b"".join(as_admin.post("/refunds/refunds.xlsx", asked).streaming_content)
    head, row = sheet(data)
    shown = dict(zip(head, row, strict=True))
    assert CalamineWorkbook.from_filelike(BytesIO(data)).sheet_names == ["Rückerstattungen"]
    assert (shown["Rückerstattung"], shown["Zustand"]) == (refund.number, "Beantragt")
    answer = as_admin.post("/refunds/refunds.csv", asked)
    [plain] = csv.DictReader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines())
    assert (plain["number"], plain["state"], plain["method"]) == (refund.number, "requested", refund.method)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/customers/customers.xlsx", "Customers"),
        ("/orders/orders.xlsx", "Orders"),
        ("/rmas/rmas.xlsx", "Returns"),
        ("/customers/maria/running-history.xlsx", "Running history of maria"),
    ],
)
def test_a_workbook_says_what_it_is_and_whose(as_staff: Client, maria: Customer, path: str, title: str):
    data = content(as_staff, path)
    assert CalamineWorkbook.from_filelike(BytesIO(data)).sheet_names == [title]
    with ZipFile(BytesIO(data)) as parts:
        about = parts.read("docProps/core.xml").decode()
    assert f"<dc:title>{title}</dc:title>" in about
    assert "<dc:creator>Tillbook shop</dc:creator>" in about


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Running history, [a]:*?/\\b", "Running history, a b"),
        ("'Running history, a\tb'", "Running history, a b"),
        ("Running history, " + "m" * 40, "Running history, " + "m" * 14),
        ("Running history of everybody's ' apostrophe", "Running history of everybody's"),
    ],
)
def test_a_sheet_has_a_name_that_excel_takes(db: None, title: str, name: str):
    file = BytesIO()
    lists.write(title, {"a": "A"}, [["1"]], "xlsx", file)
    file.seek(0)
    assert CalamineWorkbook.from_filelike(file).sheet_names == [name]


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "-2", "＝1"])
def test_no_cell_is_run_as_a_formula(as_staff: Client, maria: Customer, name: str):
    Customer.objects.update(company=name)
    assert table(as_staff, "/customers/customers.csv")[0]["company"] == f"'{name}"
    data = content(as_staff, "/customers/customers.xlsx")
    assert sheet(data)[1][4] == name
    with ZipFile(BytesIO(data)) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


def test_every_page_is_in_the_file(as_staff: Client, till: Till, monkeypatch: pytest.MonkeyPatch):
    numbers = [till.place(line(100)).number for _ in range(5)]
    monkeypatch.setattr(files, "_AT_ONCE", 2)
    assert [row["number"] for row in table(as_staff, "/orders/orders.csv")] == numbers[::-1]


def test_more_than_a_file_takes_is_refused(as_staff: Client, till: Till, monkeypatch: pytest.MonkeyPatch):
    till.place(line(100)), till.place(line(100))
    monkeypatch.setattr(files, "MOST", 1)
    answer = as_staff.get("/orders/orders.csv?paid_status=pending")
    assert answer.url == "/orders/?paid_status=pending"
    assert "more than 1 match" in as_staff.get(answer.url).content.decode()


@pytest.mark.parametrize("path", ["/customers/customers.pdf", "/orders/orders.json", "/rmas/rmas.exe"])
def test_there_are_no_other_files(as_staff: Client, path: str):
    assert as_staff.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/customers/customers.csv", "/orders/orders.xlsx", "/rmas/rmas.csv"])
def test_a_file_is_for_who_is_logged_in(client: Client, db: None, path: str):
    assert client.get(path)["Location"].startswith("/login/")


def test_an_empty_list_is_a_file_with_its_heads(as_staff: Client, db: None):
    assert table(as_staff, "/rmas/rmas.csv") == []
    assert len(sheet(content(as_staff, "/rmas/rmas.xlsx"))) == 1
    assert not Refund.objects.exists()
