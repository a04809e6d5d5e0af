"""Adding customers and prospects, and changing what is known of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.mail_kinds import OPTIONAL
from tillbook.common.money import MAX_MINOR, check_currency
from tillbook.customers.models import Customer
from tillbook.customers.queries import locked, named
from tillbook.events.services import NewEvent, record

_DETAILS = (
    "kind", "first_name", "last_name", "company", "email", "phone", "postal_address", "country",
)  # fmt: skip
_LONGEST = {  # as the columns are; an address has no bound there
    "username": 150,
    "first_name": 100,
    "last_name": 100,
    "company": 200,
    "email": 254,
    "phone": 50,
    "postal_address": 1000,
    "country": 100,
}
_LONGEST_SUBJECT = 60  # of an event, which also names the customer's id
_ACCOUNT = ("credit_limit_minor", "on_credit_hold")


class UsernameTaken(Refusal):
    """Another customer has that username, in this or another letter case."""

    code = "username_taken"


@transaction.atomic
def add(
    *,
    username: str,
    kind: str = Customer.Kind.CUSTOMER,
    currency: str | None = None,
    first_name: str = "",
    last_name: str = "",
    company: str = "",
    email: str = "",
    phone: str = "",
    postal_address: str = "",
    country: str = "",
    credit_limit_minor: int | None = None,
    on_credit_hold: bool = False,
    actor: Actor,
    now: datetime,
) -> Customer:
    """Add a customer or prospect; without `currency` in the shop's own.

    `credit_limit_minor` is in minor units of that currency. Raises UsernameTaken, InvalidInput.
    """
    actor.require(Permission.EDIT_CUSTOMER)
    customer = Customer(
        username=username, kind=kind, currency=check_currency(currency or settings.TILLBOOK_SHOP.currency),
        first_name=first_name, last_name=last_name, company=company, email=email, phone=phone,
        postal_address=postal_address, country=country, credit_limit_minor=credit_limit_minor,
        on_credit_hold=on_credit_hold, created_at=now,
    )  # fmt: skip
    check_username(username)
    _check(customer)
    _insert(customer)
    _record("customer.added", customer, {"kind": customer.kind}, actor, now)
    return customer


@transaction.atomic
def update_details(
    customer_id: int,
    *,
    kind: str,
    first_name: str,
    last_name: str,
    company: str,
    email: str,
    phone: str,
    postal_address: str,
    country: str,
    actor: Actor,
    now: datetime,
) -> Customer:
    """Change who the customer is and how to reach them. Raises CustomerNotFound, InvalidInput."""
    actor.require(Permission.EDIT_CUSTOMER)
    customer = locked(customer_id)
    values = (kind, first_name, last_name, company, email, phone, postal_address, country)
    wanted = dict(zip(_DETAILS, values, strict=True))
    return _change(customer, wanted, "customer.details_updated", actor, now)


@transaction.atomic
def update_account(
    customer_id: int, *, credit_limit_minor: int | None, on_credit_hold: bool, actor: Actor, now: datetime
) -> Customer:
    """Change the agreed credit limit (minor units of the customer's currency) and the credit hold.

    Raises CustomerNotFound, InvalidInput.
    """
    actor.require(Permission.EDIT_CUSTOMER)
    customer = locked(customer_id)
    wanted = dict(zip(_ACCOUNT, (credit_limit_minor, on_credit_hold), strict=True))
    return _change(customer, wanted, "customer.account_updated", actor, now)


@transaction.atomic
def choose_mails(customer_id: int, *, no_mails: Collection[str], actor: Actor, now: datetime) -> Customer:
    """Set which kinds of mail the customer does without: those of `mail_kinds.OPTIONAL` alone.

    A customer chooses for themselves. Raises CustomerNotFound, PermissionDenied, InvalidInput for a kind that
    always goes.
    """
    if actor.customer_id != customer_id:
        actor.require(Permission.EDIT_CUSTOMER)
    customer = locked(customer_id)
    if unknown := sorted(set(no_mails) - set(OPTIONAL)):
        raise InvalidInput(
            _("%(kind)s can't be opted out of. Choose among %(kinds)s.")
            % {"kind": unknown[0], "kinds": ", ".join(OPTIONAL)},
            field="no_mails",
        )
    wanted = {"no_mails": [str(kind) for kind in OPTIONAL if kind in no_mails]}
    # Whoever stops a mail must not be refused for an old detail that today's rules would not take.
    return _change(customer, wanted, "customer.mails_chosen", actor, now, check_details=False)


@transaction.atomic
def switch_mails(customer_id: int, switches: Mapping[str, bool], *, actor: Actor, now: datetime) -> Customer:
    """Switch some kinds of mail on or off; the others stay as the customer has them by then.

    Raises what `choose_mails` raises.
    """
    kept = set(locked(customer_id).no_mails)
    no_mails = kept - switches.keys() | {kind for kind, on in switches.items() if not on}
    return choose_mails(customer_id, no_mails=no_mails, actor=actor, now=now)


def _change(
    customer: Customer,
    wanted: Mapping[str, object],
    action: str,
    actor: Actor,
    now: datetime,
    *,
    check_details: bool = True,
) -> Customer:
    """Set what differs, and write it and its event; without a difference nothing happens."""
    differing = {name: value for name, value in wanted.items() if getattr(customer, name) != value}
    if not differing:
        return customer
    before = {name: getattr(customer, name) for name in differing}
    for name, value in differing.items():
        setattr(customer, name, value)
    if check_details:
        _check(customer)
    customer.save(update_fields=sorted(differing))
    data = {"changed": {name: [before[name], value] for name, value in differing.items()}}
    _record(action, customer, data, actor, now)
    return customer


def check_username(username: str) -> None:
    """Raise InvalidInput unless it can be a new customer's."""
    if not username or username != username.strip() or not username.isprintable():
        raise InvalidInput(
            _("A username is 1 to 150 printable characters without a space at either end."), field="username"
        )
    # It stands in addresses, between slashes and beside "add".
    if "/" in username or username in {"add", ".", ".."}:
        raise InvalidInput(
            _("%(username)r can't be a username. Leave out slashes.") % {"username": username},
            field="username",
        )


def check_free(username: str) -> None:
    """Raise UsernameTaken if there is somebody of that name."""
    if named(username).exists():
        raise _taken(username)


def _taken(username: str) -> UsernameTaken:
    return UsernameTaken(
        _("The username %(username)r is taken. Choose another.") % {"username": username}, field="username"
    )


def check_detail(name: str, text: str) -> None:
    """Raise InvalidInput, naming the detail, unless a customer can have this one."""
    if name in _LONGEST:
        _check_length(name, text)
    if name == "kind" and text not in Customer.Kind.values:
        raise InvalidInput(_("The kind must be customer or prospect."), field="kind")
    if name == "email":
        _check_email(text)


def _check(customer: Customer) -> None:
    for name in ("username", *_DETAILS):
        check_detail(name, getattr(customer, name))
    limit = customer.credit_limit_minor
    if limit is not None and not 0 <= limit <= MAX_MINOR:
        raise InvalidInput(
            _("The credit limit can't be below zero or above the largest amount."), field="credit_limit"
        )


def _check_length(name: str, text: str) -> None:
    longest = _LONGEST[name]
    if len(text) > longest or "\0" in text:
        raise InvalidInput(
            _("Use at most %(longest)s characters, and no NUL.") % {"longest": longest}, field=name
        )


def _check_email(email: str) -> None:
    try:
        if email:
            validate_email(email)
    except ValidationError as error:
        raise InvalidInput(
            _("%(email)r is not an e-mail address.") % {"email": email}, field="email"
        ) from error


def _insert(customer: Customer) -> None:
    check_free(customer.username)
    try:
        # A savepoint: whoever added the same name a moment ago must not break this transaction.
        with transaction.atomic():
            customer.save(force_insert=True)
    except IntegrityError as error:
        raise _taken(customer.username) from error


def _record(action: str, customer: Customer, data: dict[str, Any], actor: Actor, now: datetime) -> None:
    new = NewEvent(action, customer.username[:_LONGEST_SUBJECT], customer.pk, data=data)
    record(new, actor=actor, now=now)
