from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from tillbook.common.actor import Actor, Role
from tillbook.common.sealed_field import SealedField


class User(AbstractBaseUser):
    """Someone who works at the shop. What they may do hangs on `role` alone."""

    class RoleChoice(models.TextChoices):
        VIEWER = Role.VIEWER, _("Viewer")
        STAFF = Role.STAFF, _("Staff")
        ADMIN = Role.ADMIN, _("Admin")

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        INVITED = "invited", _("Invited")  # and has chosen no password yet
        OFF = "off", _("Switched off")

    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True)
    role = models.CharField(max_length=10, choices=RoleChoice)
    is_active = models.BooleanField(default=True)
    language = models.CharField(max_length=10, blank=True)  # of their pages; empty: the shop's
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BaseUserManager["User"]()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.username

    @property
    def state(self) -> State:
        if not self.is_active:
            return self.State.OFF
        return self.State.ACTIVE if self.has_usable_password() else self.State.INVITED

    def as_actor(self, origin: str) -> Actor:
        """This user as the actor of a service call; `origin` says from where."""
        return Actor(name=self.username, role=Role(self.role), origin=origin, user_id=self.pk)


class ApiKey(models.Model):
    """What a program shows instead of logging in. `staff.keys` makes and reads them."""

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)  # the part of it that may be shown
    secret_hash = models.CharField(max_length=64)  # SHA-256, in hex
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["prefix"], name="api_key_prefix_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} (tb_{self.prefix})"


class Answer(models.Model):
    """The first answer to a program's idempotency key. `staff.answers` writes and reads it."""

    caller = models.CharField(max_length=40)  # the actor's identity: each API key has keys of its own
    key = models.CharField(max_length=200)
    content = models.CharField(max_length=64)  # SHA-256 of what was asked for
    status = models.SmallIntegerField()
    body = SealedField()  # a secret that was told once, or a payee's account, may stand in it
    answered_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller", "key"], name="answer_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["answered_at"], name="answer_age")]

    def __str__(self) -> str:
        return f"{self.status} to {self.key}"


class SavedFilter(models.Model):
    """A list's filter under a name: its owner's alone, or everybody's. `staff.saved_filters` writes it."""

    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    page = models.CharField(max_length=20)  # which list: "refunds"
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)  # the filter as the list's address has it
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "page", "name"], name="saved_filter_name_once"),
        ]

    def __str__(self) -> str:
        return self.name
