"""Reading customers and prospects."""

from __future__ import annotations

from collections.abc import Collection, Set

from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.errors import NotFound
from tillbook.customers.finding import matching
from tillbook.customers.models import Customer


class CustomerNotFound(NotFound):
    """No customer or prospect has that username or id."""

    code = "customer_not_found"


def by_username(username: str) -> Customer:
    """The customer of exactly that username. Raises CustomerNotFound."""
    customer = Customer.objects.filter(username=username).first()
    if customer is None:
        raise _no_customer(username)
    return customer


def named(username: str) -> QuerySet[Customer]:
    """Who has this username in whatever letter case: nobody or one. SQLite knows the cases of ASCII alone."""
    return Customer.objects.alias(small=Lower("username")).filter(small=Lower(Value(username)))


def reached_at(emails: Collection[str]) -> QuerySet[Customer]:
    """Those with one of these e-mail addresses, in whatever letter case; with an empty one nobody."""
    wanted = [Lower(Value(each)) for each in emails]
    return Customer.objects.exclude(email="").alias(small=Lower("email")).filter(small__in=wanted)


def meant_by(email: str) -> Customer | None:
    """Who has the e-mail address for a username or can be reached at it; of several who was there first."""
    # Compared here: in their order a database might rather read all customers.
    return min([*named(email), *reached_at([email])], key=lambda each: each.pk, default=None)


def id_of(username: str) -> int:
    """The id of the customer of exactly that username. Raises CustomerNotFound."""
    found = statements.select("SELECT id FROM customers_customer WHERE username = %s", [username])
    if not found:
        raise _no_customer(username)
    return int(found[0][0])


def username_of(customer_id: int) -> str:
    """The username of the customer, who must exist."""
    return str(
        statements.select("SELECT username FROM customers_customer WHERE id = %s", [customer_id])[0][0]
    )


def _no_customer(username: str) -> CustomerNotFound:
    return CustomerNotFound(
        _("There is no customer %(username)r.") % {"username": username}, field="username"
    )


def ids_of(usernames: Collection[str]) -> dict[str, int]:
    """username -> id of those that exist."""
    return dict(Customer.objects.filter(username__in=usernames).values_list("username", "pk"))


def by_id(customer_id: int) -> Customer:
    """The customer of that id. Raises CustomerNotFound."""
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        raise CustomerNotFound(_("There is no such customer."), field="customer")
    return customer


def locked(customer_id: int) -> Customer:
    """The customer, whom nobody else changes until the transaction ends. Raises CustomerNotFound."""
    # Not the key: what is written for the customer meanwhile, credit and events, need not wait.
    customer = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).first()
    if customer is None:
        raise CustomerNotFound(_("There is no such customer."), field="customer")
    return customer


def unknown_ids(customer_ids: Set[int]) -> set[int]:
    """Those of `customer_ids` that no customer has."""
    known = Customer.objects.filter(pk__in=customer_ids).values_list("pk", flat=True)
    return set(customer_ids) - set(known)


def usernames_of(customer_ids: Set[int]) -> dict[int, str]:
    """The usernames of these customers, by their ids."""
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "username"))


def search(
    q: str = "",
    *,
    kind: str | None = None,
    with_credit: bool = False,
    after: str | None = None,
    limit: int = 50,
) -> list[Customer]:
    """A page of customers by username; `after` is the last username of the page before.

    Every word of `q` must be found in the username, name, company, e-mail or phone: see `finding`.
    """
    rows = matching(Customer.objects.order_by("username"), q)
    if kind:
        rows = rows.filter(kind=kind)
    if with_credit:
        # The relation is the one that credits declare on their customer: nothing above is imported.
        rows = rows.filter(Exists(Customer.objects.filter(pk=OuterRef("pk"), credits__usable=True)))
    if after:
        rows = rows.filter(username__gt=after)
    return list(rows[:limit])
