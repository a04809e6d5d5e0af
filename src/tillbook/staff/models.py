from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from tillbook.common.actor import Actor, Role


class User(AbstractBaseUser):
    """Someone who works at the shop. What they may do hangs on `role` alone."""

    class RoleChoice(models.TextChoices):
        STAFF = Role.STAFF, "Staff"
        ADMIN = Role.ADMIN, "Admin"

    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True)
    role = models.CharField(max_length=10, choices=RoleChoice)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = BaseUserManager["User"]()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.username

    def as_actor(self, origin: str) -> Actor:
        """This user as the actor of a service call; `origin` says from where."""
        return Actor(name=self.username, role=Role(self.role), origin=origin, user_id=self.pk)
