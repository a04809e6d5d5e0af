"""Settings as plain JSON values: what a version keeps and an event tells.

Lists are JSON lists, each entry with its code: PostgreSQL does not keep the order of an object's keys.
Limits are texts such as "100.00 GBP", so that they never mean another currency's units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from tillbook.common.money import Money, parse_amount
from tillbook.shop.details import (
    PAYEE_FIELDS,
    ApprovalRule,
    Asked,
    CreditPolicy,
    GiveReason,
    MailSetting,
    MailText,
    RefundMethod,
    ReturnReason,
    Shop,
)

Values = dict[str, Any]

_TEXTS = ("name", "address", "email", "tax_number", "logo", "mail_name", "mail_reply_to")
_PLAIN = ("own_page", "link_minutes", "charge_first", "charge_first_days")
_LIMITS = ("staff_credit_limit", "self_completion_limit")

#: section -> the values that its page sets
SECTIONS: dict[str, tuple[str, ...]] = {
    "shop": ("name", "address", "email", "tax_number"),
    "logo": ("logo",),
    "limits": (*_LIMITS, "stale_refund_days"),
    "policies": ("policies",),
    "give_reasons": ("give_reasons",),
    "return_reasons": ("return_reasons",),
    "methods": ("methods",),
    "refunds": ("charge_first", "charge_first_days"),
    "approvals": ("approval_rules",),
    "mail": ("mail_name", "mail_reply_to"),
    "mails": ("mails", "expiring_days"),
    "own_page": ("own_page", "own_page_methods", "link_minutes"),
}


def values_of(shop: Shop) -> Values:
    """All values that can be saved, as they stand in `shop`."""
    return {
        **{name: getattr(shop, name) for name in (*_TEXTS, *_PLAIN)},
        "own_page_methods": list(shop.own_page_methods),
        **{name: limit_text(getattr(shop, f"{name}_minor"), shop.currency) for name in _LIMITS},
        "stale_refund_days": shop.stale_refund_days,
        "policies": {source: asdict(policy) for source, policy in shop.policies.items()},
        "give_reasons": [asdict(each) for each in shop.give_reasons.values()],
        "return_reasons": [asdict(each) for each in shop.return_reasons.values()],
        "methods": [method_value(each) for each in shop.methods.values()],
        "approval_rules": [
            _rule_value(str(place), rule, shop.currency)
            for place, rule in enumerate(shop.approval_rules, start=1)
        ],
        "mails": {kind: asdict(setting) for kind, setting in shop.mails.items()},
        "expiring_days": shop.expiring_days,
    }


def _rule_value(code: str, rule: ApprovalRule, currency: str) -> Values:
    return {
        "code": code,
        "approvals": rule.approvals,
        "above": limit_text(rule.above_minor, currency),
        "older_than_days": rule.older_than_days,
        "methods": sorted(rule.methods),
        "on_hold": rule.on_hold,
    }


def limit_text(minor: int, currency: str) -> str:
    return str(Money(minor, currency))


def method_value(method: RefundMethod) -> Values:
    fields = {name: method.asks(name).value for name in PAYEE_FIELDS}
    return {"code": method.code, "label": method.label, "fields": fields, "on": method.on}


def with_values(environment: Shop, values: Mapping[str, Any]) -> Shop:
    """The shop with what was saved; what was not is as the environment has it.

    A limit that was saved in another currency than the shop's now is no limit: the environment's holds.
    """
    changes: Values = {name: values[name] for name in (*_TEXTS, *_PLAIN) if name in values}
    if "own_page_methods" in values:
        changes["own_page_methods"] = tuple(values["own_page_methods"])
    changes |= dict(_limits(environment, values))
    if "stale_refund_days" in values:
        changes["stale_refund_days"] = values["stale_refund_days"]
    if "policies" in values:
        saved = {source: CreditPolicy(**each) for source, each in values["policies"].items()}
        changes["policies"] = {**environment.policies, **saved}
    # What a later version of Tillbook brings along comes after what was saved.
    for name, made in (("give_reasons", GiveReason), ("return_reasons", ReturnReason), ("methods", _method)):
        if name in values:
            saved_list = {each["code"]: made(**each) for each in values[name]}
            changes[name] = {
                **saved_list,
                **{k: v for k, v in getattr(environment, name).items() if k not in saved_list},
            }
    if "approval_rules" in values:
        rules = [_rule(each, environment.currency) for each in values["approval_rules"]]
        changes["approval_rules"] = tuple(rules)
    if "mails" in values:
        saved_mails = {kind: _mail(**each) for kind, each in values["mails"].items()}
        changes["mails"] = {**environment.mails, **saved_mails}
    if "expiring_days" in values:
        changes["expiring_days"] = values["expiring_days"]
    return replace(environment, **changes)


def _rule(value: Mapping[str, Any], currency: str) -> ApprovalRule:
    """The rule; one whose amount is in another currency than the shop's now holds for every amount."""
    amount, _, code = value["above"].partition(" ")
    return ApprovalRule(
        approvals=value["approvals"],
        above_minor=limit_minor(amount, currency, field="approval_rules") if code == currency else 0,
        older_than_days=value["older_than_days"],
        methods=frozenset(value["methods"]),
        on_hold=value["on_hold"],
    )


def _limits(environment: Shop, values: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for name in _LIMITS:
        amount, _, currency = str(values.get(name, "")).partition(" ")
        if currency == environment.currency:
            yield f"{name}_minor", limit_minor(amount, currency, field=name)


def limit_minor(text: str, currency: str, *, field: str) -> int:
    """A limit as a person writes it, in minor units. Zero means: nothing is below the limit.

    Raises InvalidInput naming `field`.
    """
    return parse_amount(text, currency, field=field, zero=True).minor


def _method(*, code: str, label: str, fields: Mapping[str, str], on: bool) -> RefundMethod:
    return RefundMethod(code, label, {name: Asked(value) for name, value in fields.items()}, on)


def _mail(*, on: bool, texts: Mapping[str, Mapping[str, str]]) -> MailSetting:
    return MailSetting(on, {language: MailText(**text) for language, text in texts.items()})


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs, each by its own name: {"give_reasons.deposit.label": ["Deposit", "Paid in"]}."""
    old, new = dict(_flat("", before)), dict(_flat("", after))
    names = [*old, *(name for name in new if name not in old)]
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name != "code":
                yield from _flat(f"{path}.{name}" if path else name, each)
    elif isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        yield from _flat(path, _by_code(value))
    else:
        yield path, value


def _by_code(entries: Iterable[Mapping[str, Any]]) -> Values:
    return {each["code"]: each for each in entries}
