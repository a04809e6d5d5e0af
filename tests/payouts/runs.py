"""A payout's contents for each country's bank file."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from tillbook.payouts.instructions import Instruction, Run, Sender
from tillbook.refunds.accounts import read


def instruction(reference: str, name: str, account: str, minor: int, currency: str) -> Instruction:
    return Instruction(reference, name, read(account, currency), minor)


def run(currency: str, sender: Sender, *instructions: Instruction) -> Run:
    return Run(
        number=7,
        reference="PO-1007",
        currency=currency,
        sender=sender,
        pay_on=date(2026, 12, 4),
        made_at=datetime(2026, 12, 3, 14, 5, tzinfo=ZoneInfo("Australia/Sydney")),
        instructions=instructions,
    )


def australian() -> Run:
    sender = Sender("Main", "Mill Lane Goods", read("062-000 12223123", "AUD"), user_id="301500", bank="CBA")
    return run(
        "AUD",
        sender,
        instruction("RF-1042", "Zoë O'Brien", "012-345 157108231", 12_34, "AUD"),
        instruction("RF-1043", "A very long name that no bank would print whole", "633-000 11422", 1, "AUD"),
    )


def american() -> Run:
    account = read("021000021 123456789", "USD")
    sender = Sender("Main", "Mill Lane Goods", account, user_id="1234567890", bank="JPMorgan Chase")
    payments = [
        instruction(f"RF-{1000 + each}", f"Zoë {each}", f"011000015 {each:09}", each, "USD")
        for each in range(1, 8)
    ]
    return run("USD", sender, *payments)


def british() -> Run:
    sender = Sender("Main", "Mill Lane Goods", read("20-00-00 55779911", "GBP"), user_id="123456")
    return run(
        "GBP", sender, instruction("RF-1042", "Zoë O'Brien & Söhne", "60-16-13 31926819", 12_34, "GBP")
    )


def european() -> Run:
    account = read("DE89 3704 0044 0532 0130 00 COBADEFFXXX", "EUR")
    return run(
        "EUR",
        Sender("Main", "Mühlenweg Waren GmbH", account),
        instruction("RF-1042", "Zoë Brün", "FR14 2004 1010 0505 0001 3M02 606", 12_34, "EUR"),
        instruction("RF-1043", "Jo Day & Co <Ltd>", "NL91 ABNA 0417 1643 00 ABNANL2A", 5_00, "EUR"),
    )
