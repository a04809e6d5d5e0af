"""Bank files say what they are made from, as independent programs write and read them."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
import xmlschema
from aba.generator import AbaFile
from aba.records import DescriptiveRecord, DetailRecord
from ach.parser import Parser

from tests.payouts import runs
from tests.payouts.runs import american, european, instruction, run
from tillbook.common.errors import InvalidInput
from tillbook.payouts.formats import aba, bacs, fixed, nacha, sepa
from tillbook.payouts.instructions import NotForThisFile, Run
from tillbook.refunds.accounts import read


@pytest.fixture
def australian() -> Run:
    return runs.australian()


def text(made: bytes) -> list[str]:
    lines = made.decode("ascii").split("\r\n")
    assert lines.pop() == ""
    return lines


@pytest.mark.parametrize(
    ("name", "told"),
    [("Щербаков", "SHCHERBAKOV"), ("Þór Ægir", "THOR AEGIR"), ("北京 公司", "BEI JING GONG SI")],
)
def test_a_name_in_capitals_keeps_all_its_letters(name: str, told: str) -> None:
    assert fixed.capitals(name, 20, string.ascii_uppercase).rstrip() == told


def test_an_aba_file_is_what_another_program_writes(australian):
    """Line by line, but for the last two: that program knows no debits."""
    other = AbaFile(DescriptiveRecord("CBA", "Mill Lane Goods", "301500", "REFUNDS", date(2026, 12, 4)))
    own = ("062-000", "12223123", "Mill Lane Goods")
    for bsb, number, code, cents, name, reference in [
        ("012-345", "157108231", "50", "1234", "Zoe O'Brien", "RF-1042"),
        ("633-000", "11422", "50", "1", "A very long name that no bank wo", "RF-1043"),
    ]:
        other.add_record(DetailRecord(bsb, number, code, cents, name, reference, *own))
    *written, debit, total = text(aba.written(australian))
    assert written == other.render_to_string().split("\r\n")[:-1]
    assert debit == (
        "1062-000 12223123 130000001235Mill Lane Goods                 PO-1007           "
        "062-000 12223123Mill Lane Goods 00000000"
    )
    assert total == "7999-999" + " " * 12 + "0000000000" + "0000001235" * 2 + " " * 24 + "000003" + " " * 40


def test_an_aba_entry_has_the_places_of_the_published_example(australian):
    """The example of cemtexaba.com, with the transaction code of a payment."""
    example = (
        "1000-000157108231 500000001234S R SMITH                       TEST BATCH        "
        "062-000 12223123MY ACCOUNT      00000000"
    )
    sender = replace(australian.sender, name="MY ACCOUNT")
    payment = instruction("TEST BATCH", "S R SMITH", "000-000 157108231", 12_34, "AUD")
    assert text(aba.written(run("AUD", sender, payment)))[1] == example


def test_a_nacha_file_is_read_by_another_program():
    made = american()
    lines = text(nacha.written(made))
    assert len(lines) % 10 == 0
    assert {len(line) for line in lines} == {94}
    found = Parser("\n".join(lines)).as_dict()
    header, (batch,) = found["file_header"], found["batches"]
    assert header["immediate_dest"].strip() == "021000021"
    assert batch["batch_header"]["std_ent_cls_code"] == "PPD"
    assert batch["batch_header"]["cmpy_dis_data"].strip() == made.reference
    assert [
        (each["entry_detail"]["recv_dfi_id"] + each["entry_detail"]["check_digit"],
         each["entry_detail"]["dfi_acnt_num"].strip(), Decimal(each["entry_detail"]["amount"]),
         each["entry_detail"]["ind_id"].strip(), each["entry_detail"]["ind_name"].strip())
        for each in batch["entries"]
    ] == [
        (each.account.branch, each.account.number, each.minor, each.reference, each.name.replace("ë", "e").upper())
        for each in made.instructions
    ]  # fmt: skip
    control = found["file_control"]
    assert int(control["credit_amount"]) == made.total_minor == 28
    assert int(control["entry_hash"]) == 7 * 1_100_001
    assert (int(control["block_count"]), int(control["entadd_count"])) == (len(lines) // 10, 7)


@pytest.fixture
def british() -> Run:
    return runs.british()


def test_a_bacs_file_has_labels_entries_contra_and_totals(british):
    labels = {
        "VOL1": "VOL1000007" + " " * 31 + "123456" + " " * 32 + "1",
        "HDR1": "HDR1A123456S  112345600000700010001       26337 263380000000" + " " * 20,
        "HDR2": "HDR2F0200000100" + " " * 35 + "00" + " " * 28,
        "UHL1": "UHL1 26338999999    000000001 DAILY  001" + " " * 40,
    }
    entries = [
        "6016133192681909920000055779911    00000001234MILL LANE GOODS   RF-1042           ZOE O BRIEN & SOHN",
        "2000005577991101720000055779911    00000001234PO-1007           CONTRA            MILL LANE GOODS   ",
    ]
    ends = [
        labels["HDR1"].replace("HDR", "EOF", 1),
        labels["HDR2"].replace("HDR", "EOF", 1),
        "UTL1" + "0000000001234" * 2 + "0000001" * 2 + " " * 8 + "0000000" + " " * 21,
    ]
    assert text(bacs.written(british)) == [*labels.values(), *entries, *ends]


def sepa_file(made: bytes) -> dict[str, Any]:
    """What the file holds, as a reader of the schema's sees it."""
    schema = resources.files("sepaxml") / "schemas" / "pain.001.001.09.xsd"
    with resources.as_file(schema) as path:
        found = xmlschema.XMLSchema(str(path)).to_dict(made.decode())
    return found["CstmrCdtTrfInitn"]


def sepa_batch(made: bytes) -> dict[str, Any]:
    """The one batch of the file."""
    (batch,) = sepa_file(made)["PmtInf"]
    return batch


def test_a_sepa_file_says_that_the_shops_bank_is_not_named_where_only_its_iban_is_known():
    with_bic = european()
    assert sepa_batch(sepa.written(with_bic))["DbtrAgt"] == {"FinInstnId": {"BICFI": "COBADEFFXXX"}}
    account = read("DE89 3704 0044 0532 0130 00", "EUR")
    only_iban = replace(with_bic, sender=replace(with_bic.sender, account=account))
    batch = sepa_batch(sepa.written(only_iban))
    assert batch["DbtrAgt"] == {"FinInstnId": {"Othr": {"Id": "NOTPROVIDED"}}}
    assert ["CdtrAgt" in each for each in batch["CdtTrfTxInf"]] == [False, True]


def test_a_sepa_file_keeps_to_the_schema_and_says_each_payment():
    batch = sepa_batch(sepa.written(european()))
    assert batch["ReqdExctnDt"]["Dt"] == "2026-12-04"
    assert batch["DbtrAcct"]["Id"]["IBAN"] == "DE89370400440532013000"
    assert str(batch["CtrlSum"]) == "17.34"
    assert [
        (each["PmtId"]["EndToEndId"], str(each["Amt"]["InstdAmt"]["$"]), each["Amt"]["InstdAmt"]["@Ccy"],
         each["CdtrAcct"]["Id"]["IBAN"])
        for each in batch["CdtTrfTxInf"]
    ] == [
        ("RF-1042", "12.34", "EUR", "FR1420041010050500013M02606"),
        ("RF-1043", "5.00", "EUR", "NL91ABNA0417164300"),
    ]  # fmt: skip


def test_a_sepa_file_bears_its_payout_s_number_where_the_bank_gives_it_back():
    """It books the file as one sum, with these two marks; a bank takes each message's only once."""
    made = sepa.written(european())
    header = sepa_file(made)["GrpHdr"]
    assert sepa_batch(made)["BtchBookg"] is True
    assert header["MsgId"] == sepa_batch(made)["PmtInfId"] == "PO-1007-20261203140500"
    assert header["CreDtTm"] == "2026-12-03T14:05:00"
    assert sepa.written(european()) == made


def test_the_marks_of_a_sepa_file_are_never_too_long():
    made = sepa.written(replace(european(), reference=f"PO-{10**18}"))
    assert sepa_file(made)["GrpHdr"]["MsgId"] == f"PO-{10**18}-202612031405"[:35]


def test_a_sepa_file_has_the_characters_alone_that_every_bank_takes():
    first, second = european().instructions
    odd = replace(first, name="Jo\x0bDay; «Müller_ß» + Co. [8/9] {x} @#&%\N{PARTY POPPER}")
    sender = replace(european().sender, name="Müller & Söhne*")
    batch = sepa_batch(sepa.written(replace(european(), sender=sender, instructions=[odd, second])))
    assert batch["Dbtr"]["Nm"] == "Muller Sohne"
    told = [(each["Cdtr"]["Nm"], each["RmtInf"]["Ustrd"]) for each in batch["CdtTrfTxInf"]]
    assert told == [
        ("Jo Day Muller ss + Co. 8/9 x", ["RF-1042 Muller Sohne"]),
        ("Jo Day Co Ltd", ["RF-1043 Muller Sohne"]),
    ]


def test_a_file_refuses_another_currency(australian):
    with pytest.raises(NotForThisFile, match="pays in AUD, not in GBP"):
        aba.written(replace(australian, currency="GBP"))


def test_a_file_names_the_refund_whose_account_it_cannot_pay(australian):
    abroad = instruction("RF-1050", "Jo", "DE89370400440532013000", 1, "AUD")
    with pytest.raises(NotForThisFile, match="RF-1050 goes to an account that is not an Australian one"):
        aba.written(replace(australian, instructions=[*australian.instructions, abroad]))


def test_a_file_names_the_refund_that_is_too_large_for_an_entry(australian):
    large = replace(australian.instructions[0], minor=10**10)
    with pytest.raises(NotForThisFile, match="RF-1042 is more than one entry"):
        aba.written(replace(australian, instructions=[large]))


def test_the_shops_own_account_must_be_of_the_same_country(australian):
    sender = replace(australian.sender, account=read("DE89370400440532013000", "EUR"))
    with pytest.raises(InvalidInput, match="must be an Australian one with a BSB"):
        aba.written(replace(australian, sender=sender))
