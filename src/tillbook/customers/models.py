from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value
from django.db.models.expressions import Expression
from django.db.models.functions import Concat, Lower, Replace
from django.utils.translation import gettext_lazy as _


def _searched() -> Expression:
    """All that is searched, in small letters, with two spaces before every word: see `finding`."""
    names = ("username", "first_name", "last_name", "company", "email", "phone")
    text = models.TextField()
    words = Concat(*(part for name in names for part in (Value(" "), name)), output_field=text)
    return Lower(Replace(words, Value(" "), Value("  "), output_field=text))


class Customer(models.Model):
    class Kind(models.TextChoices):
        CUSTOMER = "customer", _("Customer")
        PROSPECT = "prospect", _("Prospect")

    username = models.CharField(max_length=150, unique=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CUSTOMER)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=50, blank=True)
    postal_address = models.TextField(blank=True)
    country = models.CharField(max_length=100, blank=True)
    currency = models.CharField(max_length=3)
    credit_limit_minor = models.BigIntegerField(null=True)  # None: no limit agreed
    on_credit_hold = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    no_mails = models.JSONField(default=list, db_default=Value([], models.JSONField()))  # kinds opted out of
    searched = models.GeneratedField(expression=_searched(), output_field=models.TextField(), db_persist=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(credit_limit_minor__isnull=True) | Q(credit_limit_minor__gte=0),
                name="customer_credit_limit_not_negative",
            ),
            # "Jo" and "jo" would be taken for one another.
            models.UniqueConstraint(Lower("username"), name="customer_username_any_case"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["kind", "username"], name="customer_kind"),
            models.Index(Lower("email"), condition=~Q(email=""), name="customer_email"),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def display_name(self) -> str:
        """The person's name, the company's, or the username: whichever is known first."""
        return f"{self.first_name} {self.last_name}".strip() or self.company or self.username


class Link(models.Model):
    """A link to a customer's own page, sent by mail. It opens the page once. `customers.links` writes it."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    token_hash = models.CharField(max_length=64)  # SHA-256, in hex: the link itself is in the mail alone
    email = models.EmailField()  # where it was sent; with another address at the customer it is void
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["token_hash"], name="link_once")]
        indexes: ClassVar = [
            models.Index(fields=["customer", "made_at"], name="link_of_customer"),
            models.Index(fields=["expires_at"], name="link_age"),
        ]

    def __str__(self) -> str:
        return f"link of {self.customer_id}"


class Visit(models.Model):
    """A customer's own page, open in one browser. `customers.links` writes it."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    token_hash = models.CharField(max_length=64)  # SHA-256, in hex, of what the browser's cookie holds
    email = models.EmailField()
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()  # to the minute
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["token_hash"], name="visit_once")]
        indexes: ClassVar = [
            models.Index(fields=["customer"], condition=Q(ended_at__isnull=True), name="visit_of_customer"),
            models.Index(fields=["seen_at"], name="visit_age"),
        ]

    def __str__(self) -> str:
        return f"visit of {self.customer_id}"


class AskedLink(models.Model):
    """A link that is to be mailed: staff asked for it, or somebody entered an e-mail address.

    Whether such an address is anybody's is found out when the mail is made.
    """

    whom = models.CharField(max_length=260)  # the address in small letters, or "#" and a customer's id
    email = models.EmailField()
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="+", db_index=False, null=True
    )  # whom staff send it to; None: to everybody who has the address
    language = models.CharField(max_length=10)  # of the page on which it was asked for
    address = models.CharField(max_length=300)  # what the link begins with, down to the page's own part
    asked_at = models.DateTimeField()
    next_at = models.DateTimeField()  # when it is tried, or tried again

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["whom"], name="asked_link_once")]
        indexes: ClassVar = [models.Index(fields=["next_at"], name="asked_link_due")]

    def __str__(self) -> str:
        return f"asked {self.pk}"
