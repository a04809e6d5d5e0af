"""Ways of paying, by id and by name."""

from __future__ import annotations

from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput
from tillbook.neto.calls import Call
from tillbook.neto.fields import Fields, told_boolean
from tillbook.neto.wire import Tree
from tillbook.orders.models import Payment
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop

CREDIT = "account_credit"  # pays with the customer's credit: no money comes in

_NAMES = {**dict(Payment.Method.choices), CREDIT: "Account credit"}  # labels: text when it is asked for
_IDS = {method: number for number, method in enumerate(_NAMES, start=1)}
_ALSO = {
    "credit card": "card", "debit card": "card", "visa": "card", "mastercard": "card", "amex": "card",
    "american express": "card", "eftpos": "card", "stripe": "card", "square": "card",
    "direct deposit": "bank_transfer", "bank deposit": "bank_transfer", "eft": "bank_transfer",
    "direct debit": "bank_transfer", "bpay": "bank_transfer",
    "check": "cheque", "money order": "cheque", "store credit": CREDIT, "customer credit": CREDIT,
}  # fmt: skip


def get(call: Call) -> Tree:
    """GetPaymentMethods: the one answer whose keys are lower-case."""
    call.actor.require(Permission.VIEW)
    methods = [
        {"id": str(_IDS[method]), "name": str(name), "active": told_boolean(True),
         "visible": told_boolean(True), "acc_code": ""}
        for method, name in _NAMES.items()
    ]  # fmt: skip
    return {"PaymentMethods": {"PaymentMethod": methods}}


def number_of(method: str) -> str:
    """The id of a method, "" for one that only refunds have not."""
    return str(_IDS.get(method, ""))


def name_of(method: str) -> str:
    known = _NAMES.get(method)
    return str(known) if known else label_of(method, shop().methods)


def of_payment(fields: Fields) -> str:
    """The method by PaymentMethodID or PaymentMethodName; an unknown name is Other. Raises InvalidInput."""
    if number := fields.whole("PaymentMethodID", 0):
        for method, known in _IDS.items():
            if known == number:
                return method
        raise InvalidInput(
            "There is no such payment method. GetPaymentMethods lists them.", field="PaymentMethodID"
        )
    name = fields.needed("PaymentMethodName")
    return _by_name(name) or Payment.Method.OTHER.value


def of_refund(fields: Fields) -> str:
    """The way a refund is paid, by id, code or name. Raises InvalidInput for what no refund is paid by."""
    ways = {each.code: each.label for each in shop().methods.values()}
    if number := fields.whole("PaymentMethodID", 0):
        method = next((each for each, known in _IDS.items() if known == number), None)
    else:
        name = (fields.text("PaymentMethod") or fields.needed("PaymentMethodName")).strip().lower()
        own = (code for code, label in ways.items() if name in (code, label.lower()))
        method = next(own, None) or _by_name(name)
    if method not in ways:
        raise InvalidInput(f"A refund is paid by one of: {', '.join(ways.values())}.", field="PaymentMethod")
    return method


def _by_name(name: str) -> str | None:
    wanted = name.strip().lower()
    for method, known in _NAMES.items():
        if wanted in (str(known).lower(), method):
            return method
    return _ALSO.get(wanted)
