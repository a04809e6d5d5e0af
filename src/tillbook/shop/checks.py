"""What each section of the settings may hold. A refusal names the field and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from tillbook.common.checks import check_text
from tillbook.common.errors import InvalidInput
from tillbook.common.languages import is_known
from tillbook.common.mail_kinds import MailKind
from tillbook.shop import mail_texts
from tillbook.shop.details import (
    GIVING_HOUSES,
    NEVER_PAID_OUT,
    PAYEE_FIELDS,
    SOURCES,
    Asked,
    Shop,
)
from tillbook.shop.values import SECTIONS, Values, limit_minor, limit_text, values_of

_LONGEST = {
    "name": 100,
    "address": 500,
    "email": 254,
    "tax_number": 60,
    "mail_name": 100,
    "mail_reply_to": 254,
}
_LONGEST_LABEL = 60
LONGEST_CODE = 20  # what the columns of RMAs and refunds hold
LONGEST_TIME = 3650  # days
LINK_MINUTES = (5, 24 * 60)  # the least and the most that a link to a customer's page works
MOST_ENTRIES = 100  # of one list
LONGEST_REMINDER = 365  # days before credit expires
_CURRENCY = re.compile(r" ([A-Z]{3})$", re.ASCII)
_CODE = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def checked(section: str, values: Mapping[str, Any], before: Shop) -> Values:
    """The section's values as they are kept. `before` is the shop as it stands."""
    unknown = sorted(set(values) - set(SECTIONS[section]))
    if unknown:
        raise InvalidInput(
            _("%(name)s is no setting of this section.") % {"name": unknown[0]}, field=unknown[0]
        )
    return {name: CHECKS[name](name, value, before) for name, value in values.items()}


def _line(name: str, value: Any, before: Shop) -> str:
    text = _text(name, value, before)
    if not text.isprintable():
        raise InvalidInput(_("Write it on one line, without control characters."), field=name)
    return text


def _text(name: str, value: Any, _before: Shop) -> str:
    return check_text("\n".join(str(value).split("\r\n")).strip(), field=name, longest=_LONGEST[name])


def _name(name: str, value: Any, before: Shop) -> str:
    text = _line(name, value, before)
    if not text:
        raise InvalidInput(_("Enter the shop's name."), field=name)
    return text


def _email(name: str, value: Any, before: Shop) -> str:
    text = _line(name, value, before)
    try:
        if text:
            validate_email(text)
    except ValidationError:
        raise InvalidInput(_("%(text)r is not an e-mail address.") % {"text": text}, field=name) from None
    return text


def _limit(name: str, value: Any, before: Shop) -> str:
    """An amount of the shop's currency, with or without its code."""
    amount, code = str(value).strip(), before.currency
    if (named := _CURRENCY.search(amount)) is not None and named[1] != code:
        raise InvalidInput(
            _("Limits are in %(code)s, not in %(other)s.") % {"code": code, "other": named[1]}, field=name
        )
    amount = amount.removesuffix(code)
    return limit_text(limit_minor(amount, before.currency, field=name), before.currency)


def _digest(_name: str, value: Any, _before: Shop) -> str:
    return str(value)  # made by `services.save_logo`, which has read the picture


def _days(value: Any, field: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LONGEST_TIME:
        raise InvalidInput(
            _("Use %(least)s to %(most)s days.") % {"least": least, "most": LONGEST_TIME},
            field=field,
        )
    return value


def _stale_days(name: str, value: Any, _before: Shop) -> int:
    return _days(value, name, 1)


def _switch(_name: str, value: Any, _before: Shop) -> bool:
    return bool(value)


def _codes_of_methods(name: str, value: Any, before: Shop) -> list[str]:
    """Each once, in the order of the shop's methods."""
    if unknown := next((each for each in value if each not in before.methods), None):
        raise InvalidInput(_("There is no refund method %(name)r.") % {"name": unknown}, field=name)
    return [each for each in before.methods if each in value]


def _link_minutes(name: str, value: Any, _before: Shop) -> int:
    least, most = LINK_MINUTES
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(
            _("Use %(least)s to %(most)s minutes.") % {"least": least, "most": most}, field=name
        )
    return value


def _policies(name: str, value: Any, before: Shop) -> Values:
    """Those given; the others stay."""
    kept = values_of(before)["policies"]
    for source, each in value.items():
        if source not in SOURCES:
            raise InvalidInput(_("%(source)r is no source of credit.") % {"source": source}, field=name)
        days = each["days"]
        kept[source] = {
            "refundable": bool(each["refundable"]),
            "days": None if days is None else _days(days, f"{source}_days", 1),
            "grace_days": _days(each["grace_days"], f"{source}_grace_days", 0),
        }
    return dict(kept)


def _entries(
    name: str,
    value: Sequence[Mapping[str, Any]],
    before: Shop,
    read: Callable[[str, Mapping[str, Any]], Values],
) -> list[Values]:
    """A list's entries in their order. None that was there may be missing: history names them."""
    made = [{**_labelled(name, each), **read(_field(name, each), each)} for each in value]
    codes = [each["code"] for each in made]
    if len(set(codes)) < len(codes):
        raise InvalidInput(_("Each entry needs a code of its own."), field=name)
    if missing := [each for each in getattr(before, name) if each not in codes]:
        raise InvalidInput(
            _("%(code)s can't be removed. Switch it off instead.") % {"code": missing[0]}, field=name
        )
    if len(made) > MOST_ENTRIES:
        raise InvalidInput(_("Use at most %(most)s entries.") % {"most": MOST_ENTRIES}, field=name)
    labels = [each["label"].casefold() for each in made if each["on"]]
    if twice := next((each for each in made if labels.count(each["label"].casefold()) > 1), None):
        raise InvalidInput(
            _("Two entries are called %(label)r.") % {"label": twice["label"]},
            field=f"{name}.{twice['code']}.label",
        )
    if not labels:
        raise InvalidInput(_("Leave at least one switched on."), field=name)
    return made


def _field(name: str, entry: Mapping[str, Any]) -> str:
    return f"{name}.{entry['code']}"


def _labelled(name: str, entry: Mapping[str, Any]) -> Values:
    code, label, field = str(entry["code"]), str(entry["label"]).strip(), _field(name, entry)
    if not _CODE.fullmatch(code) or len(code) > LONGEST_CODE:
        raise InvalidInput(
            _("A code is at most %(most)s small letters, digits and underscores.") % {"most": LONGEST_CODE},
            field=f"{field}.code",
        )
    if not 1 <= len(label) <= _LONGEST_LABEL or not label.isprintable():
        raise InvalidInput(
            _("A label is 1 to %(most)s characters.") % {"most": _LONGEST_LABEL},
            field=f"{field}.label",
        )
    return {"code": code, "label": label, "on": bool(entry["on"])}


def _give_reasons(name: str, value: Any, before: Shop) -> list[Values]:
    return _entries(name, value, before, _give_reason)


def _give_reason(field: str, entry: Mapping[str, Any]) -> Values:
    house, refundable, days = entry["house"], bool(entry["refundable"]), entry["days"]
    if house not in GIVING_HOUSES:
        raise InvalidInput(
            _("The house account is one of %(names)s.") % {"names": ", ".join(GIVING_HOUSES)},
            field=f"{field}.house",
        )
    if refundable and house in NEVER_PAID_OUT:
        raise InvalidInput(_("Goodwill and promotions never turn into cash."), field=f"{field}.refundable")
    return {
        "house": house,
        "refundable": refundable,
        "days": None if days is None else _days(days, f"{field}.days", 1),
    }


def _return_reasons(name: str, value: Any, before: Shop) -> list[Values]:
    return _entries(name, value, before, lambda _field, _entry: {})


def _methods(name: str, value: Any, before: Shop) -> list[Values]:
    return _entries(name, value, before, _method)


def _approval_rules(name: str, value: Any, before: Shop) -> list[Values]:
    """The rules in their order. Unlike reasons they may go: no document names one."""
    if len(value) > MOST_ENTRIES:
        raise InvalidInput(_("Use at most %(most)s rules.") % {"most": MOST_ENTRIES}, field=name)
    return [
        _approval_rule(f"{name}.{place}", place, each, before) for place, each in enumerate(value, start=1)
    ]


def _approval_rule(field: str, place: int, entry: Mapping[str, Any], before: Shop) -> Values:
    approvals, days, methods = entry["approvals"], entry["older_than_days"], sorted(set(entry["methods"]))
    if approvals not in (1, 2):
        raise InvalidInput(_("One or two people approve."), field=f"{field}.approvals")
    if unknown := next((each for each in methods if each not in before.methods), None):
        raise InvalidInput(
            _("There is no refund method %(name)r.") % {"name": unknown}, field=f"{field}.methods"
        )
    return {
        "code": str(place),
        "approvals": approvals,
        "above": _limit(f"{field}.above", entry["above"], before),
        "older_than_days": None if days is None else _days(days, f"{field}.older_than_days", 1),
        "methods": methods,
        "on_hold": bool(entry["on_hold"]),
    }


def _method(field: str, entry: Mapping[str, Any]) -> Values:
    fields = entry["fields"]
    if set(fields) != set(PAYEE_FIELDS) or not set(fields.values()) <= set(Asked):
        raise InvalidInput(
            _("Say required, optional or not_asked of each of %(names)s.")
            % {"names": ", ".join(PAYEE_FIELDS)},
            field=field,
        )
    if fields["payee_name"] == Asked.NOT_ASKED:
        raise InvalidInput(
            _("Somebody is paid: the payee's name is always asked for."), field=f"{field}.payee_name"
        )
    return {"fields": {each: str(fields[each]) for each in PAYEE_FIELDS}}


def _mails(name: str, value: Any, before: Shop) -> Values:
    """The kinds that are given; the others stay. What one does not say of itself stays too."""
    kept = values_of(before)[name]
    for kind, each in value.items():
        if kind not in MailKind.values:
            raise InvalidInput(_("%(kind)r is no kind of mail.") % {"kind": kind}, field=name)
        texts = {**kept[kind]["texts"]}
        for language, text in each.get("texts", {}).items():
            if kind not in mail_texts.PLACEHOLDERS or not is_known(language):
                raise InvalidInput(_("This mail has no text in that language."), field=name)
            texts.pop(language, None)
            if text is not None:  # None: again the one that the shop started with
                texts[language] = check_mail_text(kind, **text)
        kept[kind] = {"on": bool(each.get("on", kept[kind]["on"])), "texts": texts}
    return dict(kept)


def check_mail_text(kind: str, *, subject: str, body: str) -> Values:
    """The text of a mail as it is kept. Raises InvalidInput for one that can't be."""
    subject, body = _in_lines(subject), _in_lines(body)
    if not subject or not body:
        raise InvalidInput(_("Write something here."), field="body" if subject else "subject")
    check_text(subject, field="subject", longest=mail_texts.LONGEST_SUBJECT)
    check_text(body, field="body", longest=mail_texts.LONGEST_BODY)
    if not subject.isprintable():
        raise InvalidInput(_("Write it on one line, without control characters."), field="subject")
    if not all(line.isprintable() for line in body.split("\n")):
        raise InvalidInput(_("Leave out control characters."), field="body")
    mail_texts.check_text(kind, subject, field="subject")
    mail_texts.check_text(kind, body, field="body")
    return {"subject": subject, "body": body}


def _in_lines(text: str) -> str:
    """The text as it is kept: lines end alike everywhere, with no space before the end."""
    return "\n".join(line.rstrip() for line in text.expandtabs(4).replace("\r\n", "\n").split("\n")).strip()


def _expiring_days(name: str, value: Any, _before: Shop) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_REMINDER:
        raise InvalidInput(
            _("Use %(least)s to %(most)s days.") % {"least": 1, "most": LONGEST_REMINDER}, field=name
        )
    return value


#: value -> what reads it, given its name, what was sent, and the shop as it stands. Raises InvalidInput.
CHECKS: dict[str, Callable[[str, Any, Shop], Any]] = {
    "name": _name,
    "address": _text,
    "email": _email,
    "tax_number": _line,
    "logo": _digest,
    "staff_credit_limit": _limit,
    "self_completion_limit": _limit,
    "stale_refund_days": _stale_days,
    "policies": _policies,
    "give_reasons": _give_reasons,
    "return_reasons": _return_reasons,
    "methods": _methods,
    "approval_rules": _approval_rules,
    "charge_first": lambda _name, value, _before: bool(value),
    "charge_first_days": lambda name, value, _before: _days(value, name, 1),
    "mail_name": _line,
    "mail_reply_to": _email,
    "mails": _mails,
    "expiring_days": _expiring_days,
    "own_page": _switch,
    "own_page_methods": _codes_of_methods,
    "link_minutes": _link_minutes,
}
