"""What stands for a document in an address; anything else there is no address at all."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class PublicNumber(StringConverter):
    """A number that Tillbook gave, like CR-1042."""

    regex = "[A-Za-z]+-[0-9]+"


class OrderNumber(StringConverter):
    """Any order's number: all but what an address below an order begins with."""

    regex = "(?!(?:cancel|edit|payments)(?:/|$))[^/]+"


def register() -> None:
    """Let addresses name them, as {public:number} and {order:number}."""
    register_converter(PublicNumber, "public")
    register_converter(OrderNumber, "order")
