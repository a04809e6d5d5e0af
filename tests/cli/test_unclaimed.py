"""Unclaimed money at the command line: listed, received, cancelled, and the report."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from python_calamine import CalamineWorkbook

from tests.payouts.conftest import Till, make_till
from tillbook.credit.queries import balance_of
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC) - timedelta(days=100)  # the commands have the time of the clock


@pytest.fixture
def till(staff_actor, admin_actor, now) -> Till:
    return make_till(staff_actor, admin_actor, now)


@pytest.fixture
def cheques(till: Till) -> list[str]:
    """Two cheques, paid a hundred days ago."""
    payee = Payee("Jo", postal_address="1 Mill Lane")
    asked = [till.refund("jo", 10_00 + each, method="cheque", payee=payee) for each in range(2)]
    return [refunds.complete(each.pk, actor=till.admin, now=till.now).number for each in asked]


def listed(run, *options: str) -> list[str]:
    code, said, _ = run("unclaimed", "list", *options, "--json")
    assert code == 0
    return [each["refund"] for each in json.loads(said)["items"]]


def test_one_is_numbered_received_and_one_cancelled(run, cheques: list[str]):
    first, second = cheques
    assert listed(run, "--stale") == cheques
    assert run("cheque", "number", first, "--cheque-number", "00012", "--by", "admin")[0] == 0
    assert run("refund", "receive", first, "--by", "admin")[0] == 0
    assert listed(run) == [second]
    assert run("refund", "cancel", second, "--note", "Stopped", "--by", "admin")[0] == 0
    assert listed(run) == []
    found = {each.number: (each.status, each.cheque_number) for each in Refund.objects.all()}
    assert found == {first: ("completed", "12"), second: ("failed", "")}


def test_many_are_cancelled_from_a_file_twice_is_once(run, tmp_path, cheques: list[str]):
    file = tmp_path / "stale.jsonl"
    file.write_text("".join(f'{{"refund": "{each}"}}\n' for each in [*cheques, "RF-9999"]), "utf-8")
    for _ in range(2):
        code, said, _ = run("refund", "cancel-many", str(file), "--by", "admin", "--json")
        outcomes = [(each["refund"], each["status"]) for each in json.loads(said)["outcomes"]]
        assert (code, outcomes) == (1, [*((each, 200) for each in cheques), ("RF-9999", 404)])
    customer = Refund.objects.first().customer_id
    assert balance_of(customer, "AUD").available_minor == 100_00


def test_staff_cancel_nothing(run, cheques: list[str]):
    code, _, said = run("refund", "cancel", cheques[0], "--by", "staff")
    assert (code, "may not complete and decline refunds" in said) == (1, True)
    assert Refund.objects.first().status == "completed"


def test_a_completed_cheque_has_its_number(run, till: Till):
    refund = till.refund("jo", method="cheque", payee=Payee("Jo", postal_address="1 Mill Lane"))
    assert run("refund", "complete", refund.number, "--cheque-number", "77", "--by", "admin")[0] == 0
    other = till.refund("al", method="cheque", payee=Payee("Al", postal_address="1 Mill Lane"))
    code, _, said = run("refund", "complete", other.number, "--cheque-number", "077", "--by", "admin")
    assert (code, said.count("\n"), "another refund" in said) == (1, 1, True)
    assert Refund.objects.get(pk=other.pk).status == "requested"


def test_the_report_is_a_table_or_a_file(run, tmp_path, cheques: list[str]):
    code, said, _ = run("report", "unclaimed")
    assert code == 0
    assert "Paid, not received" in said
    assert all(number in said for number in cheques)
    assert "Derived from 2 refunds and their history." in said
    file = tmp_path / "unclaimed.pdf"
    assert run("report", "unclaimed", "--format", "pdf", "--output", str(file))[0] == 0
    assert file.read_bytes().startswith(b"%PDF")
    early = (datetime.now(UTC) - timedelta(days=200)).date().isoformat()
    made = json.loads(run("report", "unclaimed", "--as-of", early, "--format", "json")[1])
    assert (made["report"], made["sections"], made["refunds"]) == ("unclaimed", [], 0)


@pytest.mark.parametrize("ending", ["json", "csv", "xlsx"])
def test_since_when_is_a_day_that_programs_read(run, tmp_path, cheques: list[str], ending: str):
    file = tmp_path / f"unclaimed.{ending}"
    assert run("report", "unclaimed", "--format", ending, "--output", str(file))[0] == 0
    if ending == "xlsx":
        rows = CalamineWorkbook.from_path(file).get_sheet_by_index(0).to_python()
        days = [cell for row in rows if row[0] in cheques for cell in row if isinstance(cell, date)]
        assert len(days) == len(cheques)
    else:
        assert re.findall(r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b(?!T)", file.read_text(encoding="utf-8"))
        assert not re.findall(r"\b[0-9]{1,2} [A-Z][a-z]{2} 20[0-9]{2}\b", file.read_text(encoding="utf-8"))
