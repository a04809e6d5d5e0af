"""Hooks of schemathesis: each case has a key of its own, and most are about what is there.

Also for a run by hand: SCHEMATHESIS_HOOKS=tests.api.fuzzing
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

import schemathesis

CUSTOMER = "jo"
LONGEST = 200

_RANDOM = Random(1)  # noqa: S311  nothing secret; the module's own begins anew with each case

# What an address names ("credits") -> the numbers that were answered.
_seen: dict[str, list[Any]] = defaultdict(list)
_BY_PREFIX = {"CR": "credits", "HO": "holds", "RF": "refunds", "RMA": "rmas", "WH": "webhooks"}


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """An answer that no operation declares is a finding: what stands for any other would let all pass."""
    for methods in raw_schema["paths"].values():
        for operation in methods.values():
            del operation["responses"]["default"]


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """A new key, unless the case is about headers; and mostly a customer and a document that are there."""
    for name, value in (case.path_parameters or {}).items():
        if isinstance(value, str) and value.strip(".%2eE") == "":
            # Clients fold such a part of an address away, and ask for another one.
            case.path_parameters[name] = uuid4().hex
    wrong = {place.value for place, part in case.meta.components.items() if not part.mode.is_positive}
    if "Idempotency-Key" in (case.headers or {}) and "header" not in wrong:
        # One that comes again with another body is rightly refused, whatever else is wrong.
        case.headers["Idempotency-Key"] = uuid4().hex
    if "If-Match" in (case.headers or {}) and "header" not in wrong:
        del case.headers["If-Match"]  # an invented version is rightly refused
    if wrong:
        if isinstance(case.body, dict) and _may_be_a_name(case.body.get("customer")):
            case.body["customer"] = CUSTOMER  # else the customer is missing, whatever is wrong
        return
    if _RANDOM.random() < 0.2:
        return
    _name_what_is_there(case.path, case.path_parameters, case.query)
    if isinstance(case.body, dict):
        _ask_for_little(case.body)


def _may_be_a_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST and "\0" not in value


def _name_what_is_there(path: str, parameters: dict[str, Any] | None, query: dict[str, Any] | None) -> None:
    known = _seen[path.split("/")[3]]
    if parameters and "number" in parameters and known:
        parameters["number"] = _RANDOM.choice(known)
    if parameters and "username" in parameters:
        parameters["username"] = CUSTOMER
    if query and "customer" in query:
        query["customer"] = CUSTOMER


def _ask_for_little(body: dict[str, Any]) -> None:
    """Amounts that Jo has, in one currency; a document that is there; a new order's own number."""
    _in_small_coins(body)
    if "customer" in body:
        body["customer"] = CUSTOMER
    if isinstance(body.get("payee"), dict):
        body["payee"] |= {"name": "Jo Day", "bank_account": "20-00-00 55779911"}
        body |= {"payment_date": _today()} | ({"credit": None} if "credit" in body else {})
    if "reference" in body:
        body["reference"] = "WEB-1"
        body.pop("credits", None)
    if "currency" in body and ("reference" in body or "lines" in body):
        body["currency"] = "GBP"
    if "lines" in body and "number" in body:
        body["number"] = uuid4().hex


def _in_small_coins(value: Any) -> None:
    """Each amount a few pounds, each quantity a few pieces, each SKU there."""
    if isinstance(value, list):
        for each in value:
            _in_small_coins(each)
    if not isinstance(value, dict):
        return
    for name, each in value.items():
        if isinstance(each, dict) and each.keys() == {"amount", "currency"}:
            value[name] = {"amount": f"{_RANDOM.randint(1, 300) / 100}", "currency": "GBP"}
        elif name == "quantity":
            value[name] = _RANDOM.randint(1, 3)
        elif name == "sku":
            value[name] = "LAMP"
        else:
            _in_small_coins(each)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember the numbers of what was made."""
    if response.status_code < 300 and case.method.upper() == "POST":
        number = response.json().get("number")
        if number is not None:
            _seen[_kind(str(number), case.path)].append(number)


def _kind(number: str, path: str) -> str:
    """What an address of `number` begins with: by its prefix, or by where it was posted."""
    return _BY_PREFIX.get(number.partition("-")[0]) or path.rpartition("/")[2].partition(":")[0]
