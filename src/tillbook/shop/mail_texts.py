"""The texts of mails to customers: what they may hold, how they are filled, and those a shop starts with.

A placeholder is a name in braces, `{amount}`, and nothing else: no attributes, no formats, no nesting. What
is filled in is never read again, so a customer's name can't bring placeholders along.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput
from tillbook.common.mail_kinds import MailKind
from tillbook.shop.details import MailText

LONGEST_SUBJECT = 150
LONGEST_BODY = 4_000

_PLACE = re.compile(r"\{([^{}\n]{0,40})\}")
_BLANKS = re.compile(r"\n{3,}")
_ALWAYS = ("customer", "shop", "amount", "number", "date", "link")

#: kind -> the placeholders that its text may have
PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    MailKind.CREDIT_ISSUED: (*_ALWAYS, "why", "note", "until"),
    MailKind.CREDIT_EXPIRING: (*_ALWAYS, "until"),
    MailKind.ASK_DECLINED: (*_ALWAYS, "method", "account", "note"),
    MailKind.REFUND_REQUESTED: (*_ALWAYS, "method", "account"),
    MailKind.REFUND_PAID: (*_ALWAYS, "method", "account"),
    MailKind.REFUND_FAILED: (*_ALWAYS, "method", "account", "why"),
}


def check_text(kind: str, text: str, *, field: str) -> str:
    """Return `text` if every placeholder in it is one that a mail of that kind fills. Raises InvalidInput."""
    known = PLACEHOLDERS[kind]
    unknown = next((name for name in _PLACE.findall(text) if name not in known), None)
    if unknown is not None:
        raise InvalidInput(
            _("{%(name)s} is no placeholder of this mail. Use %(known)s.")
            % {"name": unknown, "known": ", ".join(f"{{{each}}}" for each in known)},
            field=field,
        )
    if set("{}") & set(_PLACE.sub("", text)):
        raise InvalidInput(
            _("A brace stands by itself. Write a placeholder with both, such as %(example)s.")
            % {"example": "{amount}"},
            field=field,
        )
    return text


def fill_line(text: str, values: Mapping[str, str]) -> str:
    """The text, on one line, with its placeholders filled. Raises KeyError for an unknown one."""
    return " ".join(_PLACE.sub(lambda found: values[found[1]], text).split())


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled. A line with a placeholder that has nothing to say is left out.

    Raises KeyError for an unknown placeholder.
    """
    lines = [
        _PLACE.sub(lambda found: values[found[1]], line)
        for line in text.splitlines()
        if all(values[name] for name in _PLACE.findall(line))
    ]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def starting_text(kind: str) -> MailText:
    """The text that a shop starts with, in the language that is active."""
    subject, paragraphs = _STARTING[MailKind(kind)]()
    return MailText(subject, "\n\n".join([_("Dear {customer},"), *paragraphs, _("Kind regards\n{shop}")]))


def _credit_issued() -> tuple[str, list[str]]:
    return _("You have {amount} of credit with {shop}"), [
        _("We have added {amount} of credit to your account."),
        "{why}",
        "{note}",
        _("You can pay with it for anything you order from us. There is nothing you need to do now."),
        _("It can be used until {until}."),
        _("You can see your credit at any time: {link}"),
        _("If you have a question, simply answer this mail. The number of this credit is {number}."),
    ]


def _credit_expiring() -> tuple[str, list[str]]:
    return _("Your credit of {amount} can be used until {until}"), [
        _("A short reminder: you have {amount} of credit with us that you have not used yet."),
        _("It can be used until {until}. After that day it expires."),
        _("You can see your credit at any time: {link}"),
        _("If you have a question, simply answer this mail. The number of this credit is {number}."),
    ]


def _ask_declined() -> tuple[str, list[str]]:
    return _("Your request {number} is declined"), [
        _("You asked us to pay out {amount} of your credit. We can't do that as you asked for it:"),
        "{note}",
        _("Nothing is lost: the amount is still credit in your account, on the same terms as before."),
        _("You can see your credit at any time, and ask anew: {link}"),
        _("If you have a question, simply answer this mail."),
    ]


def _refund_requested() -> tuple[str, list[str]]:
    return _("Your refund {number} is under way"), [
        _("Your refund of {amount} is recorded, and we have set the amount aside from your credit."),
        _facts(),
        _("We check every refund before we pay it. There is nothing you need to do."),
        _("If you did not ask for this refund, please answer this mail at once."),
        _("You can follow it here: {link}"),
    ]


def _refund_paid() -> tuple[str, list[str]]:
    return _("Your refund {number} is paid"), [
        _("We paid your refund of {amount} on {date}."),
        _facts(),
        _("It may take a few working days until you see the money."),
        _("If it has not reached you after a week, please answer this mail."),
        _("You can see your refunds at any time: {link}"),
    ]


def _refund_failed() -> tuple[str, list[str]]:
    return _("Your refund {number} did not reach you"), [
        "{why}",
        _("Nothing is lost: the amount is credit in your account again, on the same terms as before."),
        _facts(),
        _(
            "Please get in touch with us, so that we can pay it anew. For your safety, do not send us "
            "account numbers by mail."
        ),
        _("You can see your credit at any time: {link}"),
    ]


def _facts() -> str:
    return "\n".join(
        [_("Refund: {number}"), _("Amount: {amount}"), _("Paid by: {method}"), _("Account: {account}")]
    )


_STARTING = {
    MailKind.CREDIT_ISSUED: _credit_issued,
    MailKind.CREDIT_EXPIRING: _credit_expiring,
    MailKind.ASK_DECLINED: _ask_declined,
    MailKind.REFUND_REQUESTED: _refund_requested,
    MailKind.REFUND_PAID: _refund_paid,
    MailKind.REFUND_FAILED: _refund_failed,
}
