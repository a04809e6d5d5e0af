"""Ten customers who want their money back, what their banks tell, and programs that read the shop's files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib import resources
from typing import NamedTuple

import xmlschema
from aba.generator import AbaFile
from aba.records import DescriptiveRecord, DetailRecord

from tillbook.common.money import Money
from tillbook.refunds.models import Refund


class Asking(NamedTuple):
    """Who asks, for how much, and the account that it shall go to."""

    username: str
    amount: Money
    account: str

    @property
    def name(self) -> str:
        return self.username.title()


IBANS = [
    "DE89 3704 0044 0532 0130 00", "FR14 2004 1010 0505 0001 3M02 606", "NL91 ABNA 0417 1643 00",
    "BE68 5390 0754 7034", "ES91 2100 0418 4502 0005 1332",
]  # fmt: skip
AUSTRALIANS = [Asking(f"au{n}", Money(10_00 + n, "AUD"), f"062-000 1234567{n}") for n in range(5)]
EUROPEANS = [Asking(f"eu{n}", Money(20_00 + n, "EUR"), account) for n, account in enumerate(IBANS)]
EVERYONE = [*AUSTRALIANS, *EUROPEANS]
LEFT_OVER = 1_00  # minor units that each has beside what they ask for

HOLDER = "Mill Lane Goods"
SYDNEY = {
    "name": "Sydney", "currency": "AUD", "holder": HOLDER, "bank_account": "062-000 12223123",
    "user_id": "301500", "bank": "CBA",
}  # fmt: skip
BERLIN = {"name": "Berlin", "currency": "EUR", "holder": HOLDER, "bank_account": IBANS[0]}

#: what somebody with the database's password writes in place of a payee's account
STRANGERS_ACCOUNT = "GB82 WEST 1234 5698 7654 32"

_CAMT = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>{}</Stmt>'
    "</BkToCstmrStmt></Document>"
)
_ENTRY = (
    '<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
    "<BookgDt><Dt>2026-03-05</Dt></BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>{number}</EndToEndId></Refs>"
    "</TxDtls></NtryDtls></Ntry>"
)
#: which column of `table_that_pays` says what
COLUMNS = {"date": "date", "reference": "text", "amount": "amount", "account": "account"}


def table_that_pays(numbers: Mapping[str, str]) -> str:
    """The bank in Sydney: all its refunds were paid. `numbers` are those of the refunds, by username."""
    rows = [f"2026-03-05,{numbers[each.username]},-{each.amount.decimal()}," for each in AUSTRALIANS]
    return "date,text,amount,account\n" + "\n".join(rows)


def camt_that_pays_and_returns(numbers: Mapping[str, str]) -> str:
    """The bank in Berlin: it paid four, the fourth came back, and of the fifth it says nothing."""
    told = [(each, "DBIT") for each in EUROPEANS[:4]] + [(EUROPEANS[3], "CRDT")]
    return _CAMT.format(
        "".join(
            _ENTRY.format(number=numbers[each.username], amount=each.amount.decimal(), way=way)
            for each, way in told
        )
    )


def check_aba(file: bytes, numbers: Mapping[str, str], pay_on: date) -> None:
    """The payments are line by line what another program writes."""
    other = AbaFile(DescriptiveRecord("CBA", HOLDER, "301500", "REFUNDS", pay_on))
    for each in AUSTRALIANS:
        branch, account = each.account.split()
        other.add_record(
            DetailRecord(
                branch, account, "50", str(each.amount.minor), each.name, numbers[each.username],
                "062-000", "12223123", HOLDER,
            )
        )  # fmt: skip
    *written, _debit, total, end = file.decode("ascii").split("\r\n")
    assert written == other.render_to_string().split("\r\n")[:-1]
    assert (total[20:50], end) == ("0000000000" + "0000005010" * 2, "")


def check_pain(file: bytes, numbers: Mapping[str, str], pay_on: date) -> None:
    """The schema accepts the file, and a reader of the schema finds the payments."""
    schema = resources.files("sepaxml") / "schemas" / "pain.001.001.09.xsd"
    with resources.as_file(schema) as path:
        found = xmlschema.XMLSchema(str(path)).to_dict(file.decode())
    (batch,) = found["CstmrCdtTrfInitn"]["PmtInf"]
    assert (batch["ReqdExctnDt"]["Dt"], str(batch["CtrlSum"])) == (pay_on.isoformat(), "100.10")
    assert [
        (each["PmtId"]["EndToEndId"], str(each["Amt"]["InstdAmt"]["$"]), each["CdtrAcct"]["Id"]["IBAN"])
        for each in batch["CdtTrfTxInf"]
    ] == [
        (numbers[each.username], each.amount.decimal(), each.account.replace(" ", "")) for each in EUROPEANS
    ]


def tamper(number: str, account: str) -> str:
    """Change a payee's account as somebody does who has the database's password; the account before."""
    row = Refund.objects.get(pk=int(number.removeprefix("RF-")) - 1000)
    was, row.bank_account = row.bank_account, account
    Refund.objects.bulk_update([row], ["bank_account"])
    return was
