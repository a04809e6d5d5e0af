"""Statements of three formats say the same bookings, and wrong files are refused whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbook.common.errors import InvalidInput, Refusal
from tillbook.payouts.entries import Entry, UnreadableStatement, keys_of
from tillbook.payouts.statements import camt053, columns, mt940

CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">
 <BkToCstmrStmt><Stmt><Id>S1</Id>
  <Ntry><Amt Ccy="EUR">12.34</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>{booked}</Sts>
   <BookgDt><Dt>2026-12-04</Dt></BookgDt><AcctSvcrRef>B1</AcctSvcrRef>
   <NtryDtls><TxDtls><Refs><EndToEndId>RF-1042</EndToEndId></Refs>
    <RltdPties><Cdtr>{name}</Cdtr><CdtrAcct><Id><IBAN>FR1420041010050500013M02606</IBAN></Id></CdtrAcct></RltdPties>
    <RmtInf><Ustrd>RF-1042 Mill Lane
      Goods</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
  <Ntry><Amt Ccy="EUR">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>{booked}</Sts>
   <BookgDt><DtTm>2026-12-05T08:00:00</DtTm></BookgDt>
   <NtryDtls><TxDtls><Refs><EndToEndId>RF-1043</EndToEndId></Refs>
    <RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
  <Ntry><Amt Ccy="EUR">3.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>{booked}</Sts>
   <BookgDt><Dt>2026-12-05</Dt></BookgDt><NtryDtls>
    <TxDtls><Refs><EndToEndId>RF-1</EndToEndId></Refs><Amt Ccy="EUR">1.00</Amt></TxDtls>
    <TxDtls><Refs><EndToEndId>RF-2</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">2.00</Amt></TxAmt></AmtDtls></TxDtls>
   </NtryDtls></Ntry>
  <Ntry><Amt Ccy="EUR">9.99</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>{pending}</Sts><BookgDt><Dt>2026-12-05</Dt></BookgDt></Ntry>
 </Stmt></BkToCstmrStmt></Document>"""  # fmt: skip
VERSIONS = {
    "02": {"booked": "BOOK", "pending": "PDNG", "name": "<Nm>Zoë Brün</Nm>"},
    "08": {"booked": "<Cd>BOOK</Cd>", "pending": "<Cd>PDNG</Cd>", "name": "<Pty><Nm>Zoë Brün</Nm></Pty>"},
}


@pytest.mark.parametrize("version", VERSIONS)
def test_camt_of_any_version_says_what_was_booked(version):
    found = camt053.read(CAMT.format(version=version, **VERSIONS[version]).encode())
    assert found == [
        Entry(
            date(2026, 12, 4), -12_34, "EUR", ("RF-1042", "RF-1042 Mill Lane Goods"), "Zoë Brün",
            "FR1420041010050500013M02606", "B1",
        ),
        Entry(date(2026, 12, 5), 5_00, "EUR", ("RF-1043",), returned=True),
        Entry(date(2026, 12, 5), -1_00, "EUR", ("RF-1",)),
        Entry(date(2026, 12, 5), -2_00, "EUR", ("RF-2",)),
    ]  # fmt: skip


IN_BATCHES = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
  <Ntry><Amt Ccy="EUR">17.34</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
   <BookgDt><Dt>2026-12-04</Dt></BookgDt><NtryDtls>{details}</NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>"""
MARK = "PO-1007-20261203140500"


@pytest.mark.parametrize(
    ("details", "file"),
    [
        (f"<Btch><PmtInfId>{MARK}</PmtInfId><NbOfTxs>2</NbOfTxs></Btch>", MARK),
        (f"<Btch><MsgId>{MARK}</MsgId><PmtInfId>{MARK}</PmtInfId></Btch>", MARK),
        (f"<Btch><MsgId>M1</MsgId></Btch><TxDtls><Refs><PmtInfId>{MARK}</PmtInfId></Refs></TxDtls>", f"M1 {MARK}"),
        (f"<TxDtls><Refs><MsgId>{MARK}</MsgId><PmtInfId>NOTPROVIDED</PmtInfId></Refs></TxDtls>", MARK),
        (f"<TxDtls><Refs><PmtInfId>{MARK}</PmtInfId></Refs></TxDtls>" * 2, MARK),
        ("<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs></TxDtls>", ""),
    ],
)  # fmt: skip
def test_camt_says_from_which_file_an_entry_is(details, file):
    (found,) = camt053.read(IN_BATCHES.format(details=details).encode())
    assert (found.minor, found.texts, found.file) == (-17_34, (), file)


def test_of_a_batch_that_is_told_in_parts_each_part_says_its_own_file():
    parts = "".join(
        f"<TxDtls><Refs><PmtInfId>P{each}</PmtInfId></Refs><Amt Ccy='EUR'>{each}.00</Amt></TxDtls>"
        for each in (8, 9)
    )
    details = f"<Btch><PmtInfId>{MARK}</PmtInfId></Btch>{parts}"
    found = camt053.read(IN_BATCHES.format(details=details).encode())
    assert [(each.minor, each.file) for each in found] == [(-8_00, "P8"), (-9_00, "P9")]


def test_the_file_is_in_no_key_of_an_entry():
    """Entries that were read before programs looked for it are known still."""
    entry = Entry(date(2026, 12, 4), -17_34, "EUR")
    assert keys_of([entry]) == keys_of([replace(entry, file=MARK)])
    assert keys_of([entry]) == ["e830c68c99a6820ebcfdb5647db2426e59aa18d7573f5a96547ecbfc260d6034"]


MT940 = """:20:STARTUMSE
:25:10020030/1234567
:28C:00001/001
:60F:C261203EUR100,00
:61:2612041204D12,34NTRFNONREF//B1
:86:166?00SEPA?20EREF+RF-1042?21SVWZ+RF-1042 Mill Lane?30DEUTDEFF?31FR1420041010050500013M02606?32Zoe Bruen
:61:2612051205RD5,00NRTIRF-1043
:86:Return RF-1043
:62F:C261205EUR92,66
-"""


def test_mt940_says_what_was_booked():
    out, back = mt940.read(MT940.encode())
    assert (out.booked_on, out.minor, out.currency, out.returned) == (date(2026, 12, 4), -12_34, "EUR", False)
    assert any("RF-1042" in text for text in out.texts)
    assert (out.account, out.name) == ("FR1420041010050500013M02606", "Zoe Bruen")
    assert (back.booked_on, back.minor, back.returned) == (date(2026, 12, 5), 5_00, True)
    assert "RF-1043" in back.texts


SIGNED = columns.columns_of(
    {"date": "Date", "amount": "Amount", "reference": "Text,Note", "name": "Name", "account": "To"},
    date_format="%d.%m.%Y",
    decimal=",",
)


def test_a_table_says_what_was_booked_in_the_banks_own_columns():
    table = "Date;Text;Note;Amount;Name;To\r\n04.12.2026;RF-1042;Mill;-1.012,34;Zoë;FR14\r\n\r\n05.12.2026;;;5,0;;\r\n"
    said = [
        Entry(date(2026, 12, 4), -1012_34, "EUR", ("RF-1042", "Mill"), "Zoë", "FR14"),
        Entry(date(2026, 12, 5), 5_00, "EUR"),
    ]
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        assert columns.read(table.encode(encoding), SIGNED, "EUR") == said


def test_debits_and_credits_may_stand_apart():
    apart = columns.columns_of(
        {"date": "When", "debit": "Out", "credit": "In", "reference": "Ref"},
        date_format="%Y-%m-%d",
        decimal=".",
    )
    table = b'When,Ref,Out,In\n2026-12-04,"RF-1042, thanks","1,012.34",\n2026-12-05,back,,5\n'
    out, back = columns.read(table, apart, "GBP")
    assert (out.minor, out.texts, back.minor) == (-1012_34, ("RF-1042, thanks",), 5_00)


@pytest.mark.parametrize(
    ("written", "decimal", "minor"),
    [
        ("1,234,567.89", ".", 1_234_567_89),
        ("12,34,567.89", ".", 12_34_567_89),
        ("1,23,45,678", ".", 1_23_45_678_00),
        ("-1.234,50", ",", -1_234_50),
        ("(1 234,50)", ",", -1_234_50),
        ("1\N{NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567,8 -", ",", -1_234_567_80),
        ("+ 1'234.50", ".", 1_234_50),
        ("\N{MINUS SIGN}1’234.50", ".", -1_234_50),
        ("12,500", ".", 12_500_00),
        ("1234", ",", 1_234_00),
    ],
)
def test_thousands_stand_in_groups(written: str, decimal: str, minor: int):
    table = f'Date;Text;Note;Amount;Name;To\n04.12.2026;;;"{written}";;\n'
    (found,) = columns.read(table.encode(), replace(SIGNED, decimal=decimal), "EUR")
    assert found.minor == minor


@pytest.mark.parametrize(
    ("written", "decimal"),
    [
        ("12,50", "."), ("12.50", ","), ("0,500", "."), ("1,2345.00", "."), ("1234,567", "."), ("1,234 567", "."),
        ("1,23,4.00", "."), ("12,,500", "."), ("12 50", "."), ("1,234.567", ","), (",500", "."), ("12,34,56", "."),
    ],
)  # fmt: skip
def test_what_stands_between_digits_and_parts_no_groups_is_refused(written: str, decimal: str):
    """Read as thousands, 12,50 would be a hundred times as much."""
    table = f'Date;Text;Note;Amount;Name;To\n04.12.2026;;;1;;\n04.12.2026;;;"{written}";;\n'
    with pytest.raises(UnreadableStatement) as refused:
        columns.read(table.encode(), replace(SIGNED, decimal=decimal), "EUR")
    assert refused.value.message == (
        f"Line 3: {written!r} is not an amount with {decimal!r} as its decimal sign."
    )


@pytest.mark.parametrize(
    ("written", "decimal", "currency"),
    [("1.200", ".", "EUR"), ("1,200", ",", "EUR"), ("1.000", ".", "JPY"), ("-12,000", ",", "JPY")],
)
def test_thousands_in_a_file_of_the_other_decimal_sign_are_no_small_change(
    written: str, decimal: str, currency: str
):
    table = f'Date;Text;Note;Amount;Name;To\n04.12.2026;;;"{written}";;\n'
    with pytest.raises(UnreadableStatement, match=f"is not an amount with '[{decimal}]' as its"):
        columns.read(table.encode(), replace(SIGNED, decimal=decimal), currency)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "no column 'Date'"),
        ("Date;Text;Amount;Name;To\n", "no column 'Note'"),
        ("Date;Text;Note;Amount;Name;To\n2026-12-04;;;1;;\n", "Line 2: '2026-12-04' is not a date"),
        ("Date;Text;Note;Amount;Name;To\n04.12.2026;;;1,005;;\n", "Line 2: '1,005' is not an amount"),
        ("Date;Text;Note;Amount;Name;To\n04.12.2026;;;much;;\n", "Line 2: 'much' is not an amount"),
        ("PK\x03\x04\0\0", "not text"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_with_its_line(table, says):
    with pytest.raises(UnreadableStatement, match=says):
        columns.read(table.encode(), SIGNED, "EUR")


@pytest.mark.parametrize(
    ("named", "says", "field"),
    [
        ({"date": "D", "amount": "A"}, "at least the columns date and reference", "reference"),
        ({"reference": "R", "amount": "A"}, "at least the columns date and reference", "date"),
        ({"date": "D", "reference": "R"}, "Name the column amount", "amount"),
        ({"date": "D", "reference": "R", "amount": "A", "debit": "B"}, "Name the column amount", "amount"),
        ({"date": "D", "reference": "R", "amount": "A", "colour": "C"}, "no column 'colour'", "column"),
    ],
)  # fmt: skip
def test_columns_that_do_not_suffice_are_refused_by_name(named, says, field):
    with pytest.raises(InvalidInput, match=says) as refused:
        columns.columns_of(named, date_format="%Y-%m-%d", decimal=".")
    assert refused.value.field == field


@pytest.mark.parametrize("shape", ["%d/%d/%Y", "%d/%m", "", "dd.mm.yyyy", "%Y-%m-%d %", "%Q", "\ud800"])
def test_a_way_to_write_days_that_names_no_day_is_refused(shape):
    with pytest.raises(InvalidInput, match="no way to write a day") as refused:
        columns.columns_of({"date": "D", "reference": "R", "amount": "A"}, date_format=shape, decimal=".")
    assert refused.value.field == "date_format"


@pytest.mark.parametrize("mark", ["RD", "rd", "C", "c"])
def test_marks_in_small_letters_are_those_in_capitals(mark):
    text = f":20:A\n:25:1\n:28C:1\n:60F:C260304EUR0,\n:61:2603040304{mark}12,34NTRFRF-1042//B1\n:62F:C260304EUR0,\n"
    (entry,) = mt940.read(text.encode())
    assert (entry.minor, entry.returned) == (12_34, mark.upper() == "RD")


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0" encoding="UTF8MB4"?><Document/>',
        b'<?xml version="1.0" encoding="hex"?><Document/>',
        b"<D><BkToCstmrStmt><Stmt><Ntry><Amt Ccy='EURO'>1.00</Amt></Ntry></Stmt></BkToCstmrStmt></D>",
    ],
)
def test_a_camt_file_with_an_unknown_encoding_or_currency_is_refused_whole(data):
    with pytest.raises(UnreadableStatement):
        camt053.read(data)


@pytest.mark.parametrize("read", [camt053.read, mt940.read])
@pytest.mark.parametrize("data", [b"", b"hello", b"<a/>", b"PK\x03\x04\0\0", "Grüße".encode("utf-16")])
def test_a_file_of_another_kind_is_refused(read, data):
    with pytest.raises(UnreadableStatement):
        read(data)


def test_a_file_that_names_another_file_does_not_read_that(tmp_path):
    other = tmp_path / "other.sta"
    other.write_text(MT940)
    with pytest.raises(UnreadableStatement):
        mt940.read(str(other).encode())


def test_a_statement_with_a_nul_is_refused():
    with pytest.raises(UnreadableStatement, match="not text"):
        mt940.read(MT940.replace("Mill", "M\0ll").encode())


def test_a_document_type_is_refused():
    """Entities could make a small file endless."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Document><BkToCstmrStmt><Stmt>&a;</Stmt></BkToCstmrStmt></Document>'
    with pytest.raises(UnreadableStatement, match="can't be read|not XML"):
        camt053.read(bomb)


def test_entries_that_say_the_same_have_keys_of_their_own_every_time():
    day = date(2026, 12, 4)
    entries = [Entry(day, -1, "EUR"), Entry(day, -1, "EUR"), Entry(day, -2, "EUR")]
    keys = keys_of(entries)
    assert len(set(keys)) == 3
    assert keys_of(entries) == keys
    assert keys_of(reversed(entries)) == [keys[2], keys[0], keys[1]]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data):
    for read in (camt053.read, mt940.read, lambda data: columns.read(data, SIGNED, "EUR")):
        with suppress(Refusal):
            read(data)
