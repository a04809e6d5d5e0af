"""What the shop's settings are: its details, limits, policies, reasons and refund methods.

The lists that a shop starts with stand here too. House accounts are named as the ledger names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from tillbook.common.mail_kinds import MailKind


class Asked(StrEnum):
    """Whether a refund method asks for one of the payee's details."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class CreditPolicy:
    """On what terms credit from one source is issued, and how long what comes back too late stays usable."""

    refundable: bool
    days: int | None  # until it expires; None: never
    grace_days: int


@dataclass(frozen=True, slots=True)
class GiveReason:
    """Why staff give credit by hand, and what that means for the book."""

    code: str
    label: str
    house: str  # the house account that pays for it
    refundable: bool  # may it ever be paid out?
    on: bool = True
    days: int | None = (
        None  # until it expires, where nobody says; None: as the policy for manual credit has it
    )

    @property
    def may_be_paid_out(self) -> bool:
        """Goodwill and promotions never turn into cash, whatever the settings say (R7)."""
        return self.refundable and self.house not in NEVER_PAID_OUT


@dataclass(frozen=True, slots=True)
class ReturnReason:
    """Why something comes back."""

    code: str
    label: str
    on: bool = True


@dataclass(frozen=True, slots=True)
class RefundMethod:
    """A way in which the shop pays out, and what it needs to know of the payee for it."""

    code: str
    label: str
    fields: Mapping[str, Asked]
    on: bool = True

    def asks(self, name: str) -> Asked:
        return self.fields.get(name, Asked.NOT_ASKED)


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """How many people must approve a refund to which all of its conditions apply.

    `above_minor` is in the shop's currency; a sum in any other currency counts as above it. `older_than_days`
    is the age of the oldest credit that it comes from. No `methods`: any. `on_hold`: only those of customers
    on credit hold.
    """

    approvals: int
    above_minor: int = 0
    older_than_days: int | None = None
    methods: frozenset[str] = frozenset()
    on_hold: bool = False


@dataclass(frozen=True, slots=True)
class MailText:
    """What a mail says: its subject, and its body as plain text. Both may have placeholders."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class MailSetting:
    """Whether mails of one kind are sent, and the shop's own texts for them, by language.

    Without a text of its own the shop uses the one that it started with.
    """

    on: bool = False
    texts: Mapping[str, MailText] = field(default_factory=dict)


#: What a refund method may ask for, in the order in which forms and slips have it.
PAYEE_FIELDS = ("payee_name", "bank_account", "paypal_email", "postal_address", "reference")

#: The house accounts that a reason for giving credit may name.
GIVING_HOUSES = ("goodwill", "promotions", "adjustments", "receipts")
NEVER_PAID_OUT = frozenset({"goodwill", "promotions"})

SOURCES = ("overpayment", "return", "manual")

GIVE_REASONS = (
    GiveReason("goodwill", "Goodwill", "goodwill", refundable=False),
    GiveReason("late_delivery", "Late delivery", "goodwill", refundable=False),
    GiveReason("promotion", "Promotion", "promotions", refundable=False),
    GiveReason("price_correction", "Price correction", "adjustments", refundable=True),
    GiveReason("damaged_goods", "Damaged or missing goods", "adjustments", refundable=True),
    GiveReason("deposit", "Deposit or money received without an order", "receipts", refundable=True),
)

RETURN_REASONS = (
    ReturnReason("faulty", "Faulty or damaged"),
    ReturnReason("wrong_item", "Wrong item sent"),
    ReturnReason("not_as_described", "Not as described"),
    ReturnReason("changed_mind", "Changed mind"),
    ReturnReason("not_delivered", "Not delivered"),
    ReturnReason("shipping_only", "Shipping given back"),
    ReturnReason("other", "Other"),
)


def _asking(*names: str) -> Mapping[str, Asked]:
    return MappingProxyType(
        {each: Asked.REQUIRED if each in ("payee_name", *names) else Asked.NOT_ASKED for each in PAYEE_FIELDS}
    )


REFUND_METHODS = (
    RefundMethod("bank_transfer", "Bank transfer", _asking("bank_account")),
    RefundMethod("paypal", "PayPal", _asking("paypal_email")),
    RefundMethod("cheque", "Cheque", _asking("postal_address")),
    RefundMethod("cash", "Cash", _asking()),
    RefundMethod("gateway", "Card or wallet, through the gateway", _asking()),
)


def first_policies(grace_days: int) -> Mapping[str, CreditPolicy]:
    """The policy for each source that holds until another is saved."""
    return {
        source: CreditPolicy(refundable=source != "manual", days=None, grace_days=grace_days)
        for source in SOURCES
    }


@dataclass(frozen=True, slots=True)
class Shop:
    """What slips and pages say about the shop, and the rules its people work under.

    Limits are in minor units of `currency`; a sum in any other currency counts as above them.
    """

    name: str
    address: str
    email: str
    currency: str
    locale: str
    time_zone: ZoneInfo
    staff_credit_limit_minor: int  # most that staff (not admins) may give by hand at once
    self_completion_limit_minor: int  # above it, whoever asked for a refund may not complete it (R6)
    policies: Mapping[str, CreditPolicy]  # by source
    stale_refund_days: int = 90  # after so many days a refund that nobody took may be cancelled
    approval_rules: tuple[ApprovalRule, ...] = ()  # none: an admin completes in one step
    charge_first: bool = False  # what came by card or wallet goes back there first
    charge_first_days: int = 180  # since the charge; gateways refuse older ones
    tax_number: str = ""
    logo: str = ""  # the digest of its picture; empty: none
    mail_name: str = ""  # of the sender of mails; empty: as the environment has it
    mail_reply_to: str = ""  # where answers go; empty: to `email`
    own_page: bool = False  # whether customers have a page of their own
    own_page_methods: tuple[str, ...] = ()  # codes of the refund methods that customers may ask for
    link_minutes: int = 30  # how long a link to one's own page works
    give_reasons: Mapping[str, GiveReason] = field(
        default_factory=lambda: {each.code: each for each in GIVE_REASONS}
    )
    return_reasons: Mapping[str, ReturnReason] = field(
        default_factory=lambda: {each.code: each for each in RETURN_REASONS}
    )
    methods: Mapping[str, RefundMethod] = field(
        default_factory=lambda: {each.code: each for each in REFUND_METHODS}
    )
    mails: Mapping[str, MailSetting] = field(
        default_factory=lambda: {kind.value: MailSetting() for kind in MailKind}
    )
    expiring_days: int = 14  # before credit expires its customer is reminded

    def methods_to_ask_for(self) -> list[RefundMethod]:
        """The refund methods that customers may ask for, as far as they are switched on."""
        return [each for each in self.methods.values() if each.on and each.code in self.own_page_methods]


def label_of(code: str, *lists: Mapping[str, GiveReason | ReturnReason | RefundMethod]) -> str:
    """What people call a code: as the first of the lists that has it says, else the code in words."""
    for each in lists:
        if code in each:
            return gettext(each[code].label)  # what a shop starts with is translated: Goodwill, Cash
    return gettext(code.replace("_", " ").capitalize())
