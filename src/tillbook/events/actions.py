"""The names of all events, by what they are about. Who listens can name nothing else.

Modules write them as they are, `record(NewEvent("order.placed", …))`; a test holds both alike.
"""

from __future__ import annotations

import difflib

_KINDS = {
    "customer": (
        "added", "details_updated", "account_updated", "mails_chosen", "link_asked", "link_sent",
        "page_opened", "recalculated",
    ),
    "order": ("placed", "edited", "paid_with_credit", "credit_restored", "cancelled"),
    "payment": ("received", "paid_back", "voided"),
    "rma": ("opened", "closed", "closed_without_credit", "cancelled", "credit_reversed", "note_sent"),
    "credit": (
        "issued", "spent", "held", "captured", "released", "restored", "reversed", "extended", "given_back",
        "kept", "expiring", "expired",
    ),
    "refund": (
        "asked", "ask_withdrawn", "ask_accepted", "ask_declined", "requested", "approved", "changed",
        "account_revealed", "accounts_taken", "entered_payout", "left_payout", "sent", "ended_by_hand",
        "completed", "cheque_numbered", "received", "failed", "declined", "reversal_requested",
        "reversal_completed", "reversal_declined", "slip_sent",
    ),
    "payout": ("source_added", "made", "file_taken", "cancelled", "gateway_set", "gateway_removed"),
    "key": ("added", "revoked"),
    "webhook": ("added", "updated", "removed", "resent"),
    "mail": ("sent_again", "left"),
    "settings": ("changed",),
    "user": (
        "added", "role_changed", "email_changed", "language_chosen", "link_sent", "switched_off",
        "switched_on", "password_set", "second_factor_added", "second_factor_removed", "recovery_codes_made",
        "filter_saved", "filter_removed", "session_ended",
    ),
}  # fmt: skip

ACTIONS = frozenset(f"{kind}.{what}" for kind, names in _KINDS.items() for what in names)
_ALL = ".*"  # of a kind
_WISHES = ACTIONS | {f"{kind}{_ALL}" for kind in _KINDS}


def is_wish(text: str) -> bool:
    """Whether the text names an event that there is, or with a star all of a kind: "order.*"."""
    return text in _WISHES


def near(text: str) -> str | None:
    """Of what may be named, what the text is most like; None if it is like none."""
    if text.endswith(_ALL):  # the ends of these are alike, and say nothing
        found = difflib.get_close_matches(text.removesuffix(_ALL), _KINDS, n=1)
        return f"{found[0]}{_ALL}" if found else None
    return next(iter(difflib.get_close_matches(text, sorted(ACTIONS), n=1)), None)
