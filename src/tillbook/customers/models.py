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
    searched = models.GeneratedField(expression=_searched(), output_field=models.TextField(), db_persist=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(credit_limit_minor__isnull=True) | Q(credit_limit_minor__gte=0),
                name="customer_credit_limit_not_negative",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["kind", "username"], name="customer_kind")]

    def __str__(self) -> str:
        return self.username

    @property
    def display_name(self) -> str:
        """The person's name, the company's, or the username: whichever is known first."""
        return f"{self.first_name} {self.last_name}".strip() or self.company or self.username
