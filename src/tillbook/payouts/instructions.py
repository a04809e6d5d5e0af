"""What a bank file says: from whose account, and each payment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.errors import InvalidInput, Refusal
from tillbook.refunds.accounts import BankAccount, Scheme


class NotForThisFile(Refusal):
    """A refund that the file's format can't carry."""

    code = "not_for_this_file"
    status = 422


@dataclass(frozen=True, slots=True)
class Instruction:
    """One payment: `reference` is the refund's number, which the payee sees on their statement."""

    reference: str
    name: str
    account: BankAccount
    minor: int


@dataclass(frozen=True, slots=True)
class Sender:
    """The shop's account that the money leaves, and what its bank calls the shop.

    `source` is what the shop itself calls the account. `user_id` is what the scheme gave the shop: the
    APCA's user identification number, Bacs's service user number, the ACH company identification. `bank` is
    the bank's name or its abbreviation.
    """

    source: str
    name: str
    account: BankAccount
    user_id: str = ""
    bank: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """All that one file holds. `number` is the payout's own, from 1; money is in `currency`."""

    number: int
    reference: str
    currency: str
    sender: Sender
    pay_on: date
    made_at: datetime  # in the shop's zone
    instructions: Sequence[Instruction]

    @property
    def total_minor(self) -> int:
        return sum(each.minor for each in self.instructions)


def check_run(
    run: Run,
    *,
    currency: str,
    scheme: Scheme,
    most_minor: int,
    name: Callable[[str], str],
    sender: Mapping[str, str],
) -> None:
    """Raise NotForThisFile or InvalidInput for the first thing that such a file can't say.

    The file is for accounts of `scheme`. `name` writes a payee's name as it does, and `sender` is what it
    says of the shop: nothing of that may be blank. `most_minor` is the most that one entry can pay, in
    minor units.
    """
    if run.currency != currency:
        raise NotForThisFile(
            _("This file pays in %(currency)s, not in %(other)s.")
            % {"currency": currency, "other": run.currency},
            field="format",
        )
    if run.sender.account.scheme is not scheme:
        raise InvalidInput(
            _("The shop's own account must be %(kind)s.") % {"kind": _KIND[scheme]}, field="account"
        )
    for detail, text in sender.items():
        if not text.strip():
            raise InvalidInput(_BLANK[detail] % {"source": run.sender.source}, field="source")
    for each in run.instructions:
        _check_instruction(each, scheme, most_minor, name)


def _check_instruction(
    each: Instruction, scheme: Scheme, most_minor: int, name: Callable[[str], str]
) -> None:
    if each.account.scheme is not scheme:
        raise NotForThisFile(
            _("%(reference)s goes to an account that is not %(kind)s. Leave it out.")
            % {"reference": each.reference, "kind": _KIND[scheme]},
            field="refunds",
        )
    if each.minor > most_minor:
        raise NotForThisFile(
            _("%(reference)s is more than one entry of this file can pay.") % {"reference": each.reference},
            field="refunds",
        )
    if not name(each.name).strip():
        raise NotForThisFile(
            _(
                "%(reference)s has no payee's name that this file can write. Correct it, or leave "
                "the refund out."
            )
            % {"reference": each.reference},
            field="refunds",
        )


_BLANK = {
    "name": gettext_lazy(
        "The account %(source)r has no holder's name that this file can write. Add the account again, under "
        "another name, with one."
    ),
    "user_id": gettext_lazy(
        "The account %(source)r has no user number that this file can write. Add the account again, under "
        "another name, with the number that its bank gave."
    ),
    "bank": gettext_lazy(
        "The account %(source)r has no name of its bank that this file can write. Add the account again, "
        "under another name, with one."
    ),
}
_KIND = {
    Scheme.AU: gettext_lazy("an Australian one with a BSB"),
    Scheme.GB: gettext_lazy("a British one with a sort code"),
    Scheme.US: gettext_lazy("an American one with a routing number"),
    Scheme.IBAN: gettext_lazy("one with an IBAN"),
}
