"""SEPA credit transfers as ISO 20022 pain.001.001.09, written and held against the schema by sepaxml."""

from __future__ import annotations

from sepaxml import SepaTransfer
from sepaxml.validation import try_valid_xml

from tillbook.payouts.instructions import Run, check_run
from tillbook.refunds.accounts import BankAccount, Scheme

ENDING = "xml"

_SCHEMA = "pain.001.001.09"
# Stands for the shop's bank where only its IBAN is known (EPC132-08); sepaxml leaves the place empty.
_NO_BANK = b"<FinInstnId />"
_BANK_NOT_PROVIDED = b"<FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId>"
_MOST = 99_999_999_999  # cents: the scheme's largest amount, EPC125-05


def check(run: Run) -> None:
    """Raise NotForThisFile or InvalidInput for what the file can't say."""
    check_run(run, currency="EUR", scheme=Scheme.IBAN, most_minor=_MOST)


def written(run: Run) -> bytes:
    """The file: one batch, all in EUR. Raises NotForThisFile or InvalidInput for what it can't say."""
    check(run)
    sender = run.sender
    transfer = SepaTransfer(
        {"name": sender.name[:70], "batch": True, "currency": run.currency, **_place(sender.account)},
        schema=_SCHEMA,
        clean=True,
    )
    for each in run.instructions:
        transfer.add_payment(
            {
                "name": each.name,
                **_place(each.account),
                "amount": each.minor,
                "execution_date": run.pay_on,
                "description": f"{each.reference} {sender.name}",
                "endtoend_id": each.reference,
            }
        )
    file = transfer.export(validate=False).replace(_NO_BANK, _BANK_NOT_PROVIDED)
    try_valid_xml(file, _SCHEMA)
    return bytes(file)


def _place(account: BankAccount) -> dict[str, str]:
    return {"IBAN": account.number} | ({"BIC": account.bic} if account.bic else {})
