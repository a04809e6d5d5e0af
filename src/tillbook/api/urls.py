"""The API, put together: its addresses below /api/v1/."""

from __future__ import annotations

from functools import cache
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from tillbook.api import (
    addresses,
    asks,
    batches,
    charges,
    credits,
    customers,
    description,
    gateways,
    history,
    mails,
    orders,
    overpayments,
    payments,
    payouts,
    problems,
    provenance,
    recalculation,
    refunds,
    rmas,
    settings,
    statements,
    unclaimed,
    verifications,
    webhooks,
)
from tillbook.api.edge import Bearer, Json


class Api(NinjaAPI):
    """Ninja's, with a description that says all: headers, statuses, problem details."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, *, path_prefix: str | None = None, **_: Any) -> OpenAPISchema:
        return self._described(path_prefix)

    @cache  # noqa: B019  there is one API; to describe it takes seconds, and anybody may ask
    def _described(self, path_prefix: str | None) -> OpenAPISchema:
        schema = super().get_openapi_schema(path_prefix=path_prefix)
        for methods in schema["paths"].values():
            for operation in methods.values():
                _link(operation)
                _say_what_a_path_takes(operation)
        description.complete(schema)
        return schema


_NUMBER = "$response.body#/number"
_REFUND = {
    each: {"number": _NUMBER}
    for each in ("get_refund", "get_refund_provenance", "complete_refund", "decline_refund", "get_slip")
}
_CREDIT = {each: {"number": _NUMBER} for each in ("get_credit", "get_credit_provenance", "reverse_credit")}
_HOLD = {each: {"number": _NUMBER} for each in ("get_hold", "capture_hold", "release_hold")}
_ORDERS = ("get_order", "edit_order", "cancel_order", "list_payments", "receive_payment")
_RMAS = ("get_rma", "close_rma", "close_rma_without_credit", "cancel_rma")
_USERNAMES = ("get_customer", "change_customer", "get_balances", "recalculate_customer")
_OF_CUSTOMER = {each: {"customer": "$response.body#/customer"} for each in ("list_credits", "list_refunds")}

#: operation -> where its answer leads: operation -> parameter -> where in the answer it stands
_LINKS: dict[str, dict[str, dict[str, str]]] = {
    "add_customer": {each: {"username": "$response.body#/username"} for each in _USERNAMES},
    "give_credit": {
        **_CREDIT,
        **_OF_CUSTOMER,
        "list_transfers": {"customer": "$response.body#/customer", "credit": _NUMBER},
        "list_events": {"subject": _NUMBER},
    },
    "hold_credit": _HOLD,
    "open_rma": {each: {"number": _NUMBER} for each in _RMAS},
    "place_order": {each: {"number": _NUMBER} for each in _ORDERS},
    "receive_payment": {each: {"number": _NUMBER} for each in ("get_payment", "void_payment")},
    "request_refund": _REFUND | {"list_events": {"subject": _NUMBER}},
    "reverse_credit": _REFUND,
    "start_verification": {"get_verification": {"number": _NUMBER}},
}


def _say_what_a_path_takes(operation: dict[str, Any]) -> None:
    """A part of an address is something, no dots alone, and has no slash: else it is another address."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path" and parameter["schema"].get("type") == "string":
            parameter["schema"] |= {"minLength": 1, "pattern": r"^(?!\.{1,2}$)[^/\u0000]+$"}


def _link(operation: dict[str, Any]) -> None:
    """Say where the answer of an operation leads, so that programs and tests can follow."""
    links = {
        name: {"operationId": name, "parameters": parameters}
        for name, parameters in _LINKS.get(operation["operationId"], {}).items()
    }
    if links:
        done = next(answer for status, answer in operation["responses"].items() if int(status) < 300)
        done["links"] = links


addresses.register()
api = Api(
    title="Tillbook",
    version="1",
    urls_namespace="api",
    description="The credit a shop owes its customers, and the refunds that pay it out.",
    auth=Bearer(),
    parser=Json(),
    docs_url=None,
)
problems.register(api)
api.add_router("/customers", customers.router)
api.add_router("", credits.router)
api.add_router("", batches.router)
api.add_router("", overpayments.router)
api.add_router("/orders", orders.router)
api.add_router("", payments.router)
api.add_router("/rmas", rmas.router)
api.add_router("", webhooks.router)
api.add_router("", refunds.router)
api.add_router("", unclaimed.router)
api.add_router("", asks.router)
api.add_router("", charges.router)
api.add_router("", payouts.router)
api.add_router("", gateways.router)
api.add_router("", statements.router)
api.add_router("", history.router)
api.add_router("", provenance.router)
api.add_router("", recalculation.router)
api.add_router("", verifications.router)
api.add_router("", settings.router)
api.add_router("", mails.router)
