"""Australia's direct entry file, called ABA or Cemtext: records of 120 characters.

Source: the record layouts of the Australian Payments Network's Bulk Electronic Clearing System, as
banks and cemtexaba.com publish them. The file balances itself: its last entry debits the shop.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_letters, digits

from tillbook.payouts.formats import fixed
from tillbook.payouts.instructions import Instruction, Run, check_run
from tillbook.refunds.accounts import BankAccount, Scheme

ENDING = "aba"

_ALLOWED = f"{ascii_letters}{digits} ^_[]',?;:=#/.*()&%!$@+-"
_WIDTH = 120
_MOST = 10**10 - 1  # cents
_CREDIT, _DEBIT = "50", "13"
_END = "999-999"


def check(run: Run) -> None:
    """Raise NotForThisFile or InvalidInput for what the file can't say."""
    said = {"name": _holder(run), "user_id": _user_number(run), "bank": _bank(run)}
    check_run(run, currency="AUD", scheme=Scheme.AU, most_minor=_MOST, name=_name, sender=said)


def written(run: Run) -> bytes:
    """The file. Raises NotForThisFile or InvalidInput for what it can't say."""
    check(run)
    return fixed.lines(_records(run))


def _records(run: Run) -> Iterator[str]:
    sender = run.sender
    yield fixed.record(
        _WIDTH,
        "0", " " * 17, "01", _bank(run), " " * 7, _holder(run), _user_number(run), _text("REFUNDS", 12),
        f"{run.pay_on:%d%m%y}", " " * 40,
    )  # fmt: skip
    for each in run.instructions:
        yield _entry(run, _CREDIT, each)
    yield _entry(run, _DEBIT, Instruction(run.reference, sender.name, sender.account, run.total_minor))
    total = fixed.digits(run.total_minor, 10)
    count = fixed.digits(len(run.instructions) + 1, 6)
    nothing = fixed.digits(0, 10)
    yield fixed.record(_WIDTH, "7", _END, " " * 12, nothing, total, total, " " * 24, count, " " * 40)


def _entry(run: Run, code: str, each: Instruction) -> str:
    return fixed.record(
        _WIDTH,
        "1", *_place(each.account), " ", code, fixed.digits(each.minor, 10), _name(each.name),
        _text(each.reference, 18), *_place(run.sender.account), _text(run.sender.name, 16), "0" * 8,
    )  # fmt: skip


def _bank(run: Run) -> str:
    return _text(run.sender.bank, 3)


def _holder(run: Run) -> str:
    return _text(run.sender.name, 26)


def _user_number(run: Run) -> str:
    return fixed.number(run.sender.user_id, 6)


def _name(value: str) -> str:
    return _text(value, 32)


def _place(account: BankAccount) -> tuple[str, str]:
    return f"{account.branch[:3]}-{account.branch[3:]}", fixed.right(account.number, 9)


def _text(value: str, width: int) -> str:
    return fixed.text(value, width, _ALLOWED)
