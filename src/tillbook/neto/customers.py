"""GetCustomer, AddCustomer, UpdateCustomer."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput
from tillbook.customers import queries, services
from tillbook.customers.models import Customer
from tillbook.ledger.models import Balance
from tillbook.neto.calls import Call, Item, between, change, ids_in, page, selected
from tillbook.neto.fields import Fields, told_boolean, told_moment, told_money
from tillbook.neto.wire import Tree

_ADDRESS = ("BillStreetLine1", "BillStreetLine2", "BillCity", "BillState", "BillPostCode")
_OWN = {
    "BillFirstName": "first_name",
    "BillLastName": "last_name",
    "BillCompany": "company",
    "BillPhone": "phone",
    "BillCountry": "country",
}
_KINDS = {"Customer": "customer", "Prospect": "prospect"}


def get(call: Call) -> Tree:
    call.actor.require(Permission.VIEW)
    rows = page(call.filter, _found(call.filter))
    stored = Balance.objects.filter(customer_id__in=[row.pk for row in rows])
    balances = {(each.customer_id, each.currency): each for each in stored}
    things = [told(row, balances.get((row.pk, row.currency))) for row in rows]
    return {"Customer": selected(call.filter, things, ("ID", "Username"))}


def _found(wanted: Fields) -> QuerySet[Customer]:
    rows = Customer.objects.order_by("pk")
    for name, column in (("Username", "username"), ("Company", "company")):
        if texts := wanted.texts(name):
            rows = rows.filter(**{f"{column}__in": texts})
    if emails := wanted.texts("Email") or wanted.texts("EmailAddress"):
        rows = rows.filter(pk__in=queries.reached_at(emails).values("pk"))
    if ids := wanted.texts("ID"):
        rows = rows.filter(pk__in=ids_in(ids))
    if kinds := wanted.texts("Type"):
        rows = rows.filter(kind__in=[each.lower() for each in kinds])
    if (on_hold := wanted.boolean("OnCreditHold")) is not None:
        rows = rows.filter(on_credit_hold=on_hold)
    if wanted.boolean("Active") is False:  # nobody ever ends here
        rows = rows.none()
    return between(wanted, "DateAdded", "created_at", rows)


def told(customer: Customer, balance: Balance | None) -> Tree:
    """The customer as the wire has them; sums are in their own currency."""
    currency = customer.currency
    added = told_moment(customer.created_at)
    return {
        "ID": str(customer.pk),
        "Username": customer.username,
        "Type": customer.get_kind_display(),
        "EmailAddress": customer.email,
        "Active": told_boolean(True),
        "CurrencyCode": currency,
        "CreditLimit": told_money(customer.credit_limit_minor or 0, currency),
        "OnCreditHold": told_boolean(customer.on_credit_hold),
        "AccountBalance": told_money(balance.owing_minor if balance else 0, currency),
        "AvailableCredit": told_money(balance.available_minor if balance else 0, currency),
        "DateAdded": added,
        "DateAddedUTC": added,
        "BillingAddress": billing(customer),
    }


def billing(customer: Customer) -> Tree:
    """Name and address. Of an address's lines the last is the city, with all that stands beside it."""
    lines = [line for line in customer.postal_address.splitlines() if line.strip()]
    city = lines.pop() if len(lines) > 1 else ""
    return {
        **{name: getattr(customer, field) for name, field in _OWN.items()},
        "BillStreetLine1": lines[0] if lines else "",
        "BillStreetLine2": ", ".join(lines[1:]),
        "BillCity": city,
        "BillState": "",
        "BillPostCode": "",
    }


def add(call: Call) -> Tree:
    return change(call, "Customer", _add)


def _add(item: Item) -> Tree:
    fields = item.fields
    username = fields.text("Username") or fields.needed("EmailAddress")
    currency = fields.text("CurrencyCode") or None
    customer = services.add(
        username=username, kind=_kind(fields, "Customer"), currency=currency,
        email=fields.text("EmailAddress"), on_credit_hold=fields.boolean("OnCreditHold") or False,
        **address(fields.inner("BillingAddress")), **item.by,
    )  # fmt: skip
    limit = _limit(fields, customer)
    if limit is not None:
        services.update_account(
            customer.pk, credit_limit_minor=limit, on_credit_hold=customer.on_credit_hold, **item.by
        )
    return {"Username": customer.username}


def address(fields: Fields, prefix: str = "Bill") -> dict[str, Any]:
    """What the fields of an address say of a customer; what they leave out is not there."""
    made: dict[str, Any] = {}
    for name, column in _OWN.items():
        if name.replace("Bill", prefix) in fields:
            made[column] = fields.text(name.replace("Bill", prefix))
    street, second, *place = (fields.text(name.replace("Bill", prefix)) for name in _ADDRESS)
    if any(name.replace("Bill", prefix) in fields for name in _ADDRESS):
        lines = [street, second, " ".join(each for each in place if each)]
        made["postal_address"] = "\n".join(line for line in lines if line)
    return made


def update(call: Call) -> Tree:
    return change(call, "Customer", _update)


def _update(item: Item) -> Tree:
    fields = item.fields
    # Under the lock from here: what others change meanwhile is not written over.
    customer = queries.locked(queries.by_username(fields.needed("Username")).pk)
    sent = fields.inner("BillingAddress")
    details = address(sent)
    if _same_address(sent, customer):  # it was read here, and comes back: its lines stay as they are
        details.pop("postal_address", None)
    if "EmailAddress" in fields:
        details["email"] = fields.text("EmailAddress")
    if "Type" in fields:
        details["kind"] = _kind(fields, customer.get_kind_display())
    if details:
        kept = {name: getattr(customer, name) for name in ("kind", "email", "postal_address", *_OWN.values())}
        services.update_details(customer.pk, **(kept | details), **item.by)
    limit, on_hold = _limit(fields, customer), fields.boolean("OnCreditHold")
    if limit is not None or on_hold is not None:
        services.update_account(
            customer.pk,
            credit_limit_minor=customer.credit_limit_minor if limit is None else limit,
            on_credit_hold=customer.on_credit_hold if on_hold is None else on_hold,
            **item.by,
        )
    return {"Username": customer.username}


def _same_address(sent: Fields, customer: Customer) -> bool:
    stored = billing(customer)
    return all(sent.text(name) == stored[name] for name in _ADDRESS if name in sent)


def _kind(fields: Fields, otherwise: str) -> str:
    return _KINDS[fields.one_of("Type", _KINDS, otherwise)]


def _limit(fields: Fields, customer: Customer) -> int | None:
    limit = fields.minor("CreditLimit", customer.currency)
    # 0.00 is told where none is agreed: read and sent back, it changes nothing.
    return None if limit == 0 and customer.credit_limit_minor is None else limit


def of_order(fields: Fields, item: Item) -> Customer:
    """Whom an order is for: by Username, else by Email; a guest is added with the e-mail as username."""
    if username := fields.text("Username"):
        return queries.by_username(username)
    email = fields.text("Email")
    if not email:
        raise InvalidInput("Username is a required field, or Email.", field="Username")
    known = queries.meant_by(email)
    if known is not None:
        return known
    # An order's address has other names than a customer's.
    renamed = {
        "BillStreetLine1": "BillStreet1",
        "BillStreetLine2": "BillStreet2",
        "BillPhone": "BillContactPhone",
    }
    sent = {name: fields.text(renamed.get(name, name)) for name in (*_OWN, *_ADDRESS)}
    details = address(Fields(sent, item.call.now))
    try:
        return services.add(username=email, email=email, **details, **item.by)
    except services.UsernameTaken:  # by another call, a moment ago
        return queries.by_username(email)
