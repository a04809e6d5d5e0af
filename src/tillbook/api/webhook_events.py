"""What a webhook sends, as the API's description has it. `delivery.messages` writes it."""

from __future__ import annotations

from typing import Any

from ninja.schema import NinjaGenerateJsonSchema
from pydantic import BaseModel, Field

from tillbook.api.shapes import Moment

_REFERENCE = "#/components/schemas/{model}"
_HEADERS = {
    "webhook-id": ("The same at every attempt: drop what you have seen.", "evt_93_1"),
    "webhook-timestamp": ("When this attempt was made, in seconds since 1970.", "1772447400"),
    "webhook-signature": (
        "Of the id, the time and the body, with the webhook's secret, as Standard Webhooks has it.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}


class WebhookEventChange(BaseModel):
    """A field that the event changed."""

    name: str = Field(examples=["email"])


class WebhookEvent(BaseModel):
    """The event as `GET /events` tells it, without notes, origin and values before and after."""

    id: str = Field(description="The event's number.", examples=["EV-1093"])
    action: str = Field(description="What happened.", examples=["credit.issued"])
    subject: str = Field(description="The number or username it happened to.", examples=["CR-1042"])
    customer: str | None = Field(description="Whose it is; null where it is nobody's.", examples=["jo"])
    actor: str = Field(description="Who did it.", examples=["ann"])
    reason: str = Field(description="Why, where the action has a reason.", examples=["goodwill"])
    public_note: str = Field(description="The note that the customer may read.")
    details: dict[str, Any] = Field(
        description="What belongs to this action, such as its amount.",
        examples=[{"amount": {"amount": "12.34", "currency": "AUD"}}],
    )
    changed: list[WebhookEventChange] = Field(
        description="The fields that it changed, without their values.", examples=[[]]
    )
    recorded_at: Moment = Field(description="When it was recorded.")


class WebhookPayload(BaseModel):
    """What is sent to a webhook. `type` is the event's action."""

    type: str = Field(description="The event's action.", examples=["credit.issued"])
    timestamp: Moment = Field(description="When the event was recorded.")
    data: WebhookEvent


def add_to(schema: dict[str, Any]) -> None:
    """Add to the API's description what it sends by itself."""
    payload = WebhookPayload.model_json_schema(
        ref_template=_REFERENCE, schema_generator=NinjaGenerateJsonSchema, mode="serialization"
    )
    schema["components"]["schemas"] |= payload.pop("$defs") | {WebhookPayload.__name__: payload}
    schema["webhooks"] = {"event": {"post": _operation()}}


def _operation() -> dict[str, Any]:
    body = {"schema": {"$ref": _REFERENCE.format(model=WebhookPayload.__name__)}}
    return {
        "operationId": "event",
        "summary": "An event happened",
        "description": "Sent to every webhook that takes events of that name, at least once, and in the order"
        " of the events of one `subject`.",
        "tags": ["Webhooks"],
        "security": [],  # it bears a signature, and no key
        "parameters": [_header(name, *said) for name, said in _HEADERS.items()],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "2XX": {"description": "Taken."},
            "default": {"description": "Not taken: it is sent again, for three days."},
        },
    }


def _header(name: str, says: str, example: str) -> dict[str, Any]:
    schema = {"type": "string", "examples": [example]}
    return {"in": "header", "name": name, "required": True, "description": says, "schema": schema}
