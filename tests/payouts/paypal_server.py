"""A server that speaks the answers that PayPal documents for tokens, refunds of captures, and webhooks."""

from __future__ import annotations

import hmac
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from zlib import crc32

from tests.payouts.stripe_server import serving

CLIENT, SECRET, WEBHOOK = "AYSq3RDGsmBLJE", "EO422dn3gQLgDb", "1JE4291016473214C"
_SIGNING_KEY = b"CERT-360caa42"
_ID, _TIME = "69cd13f0-d67a-11e5-baa3-778b53f4ae55", "2026-03-02T10:30:00Z"


def signed_by_paypal(body: bytes) -> dict[str, str]:
    """The headers of an event. PayPal signs its id, its time, the webhook, and a checksum of its very bytes."""
    message = f"{_ID}|{_TIME}|{WEBHOOK}|{crc32(body)}".encode()
    return {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42",
        "paypal-transmission-id": _ID,
        "paypal-transmission-sig": b64encode(hmac.digest(_SIGNING_KEY, message, "sha256")).decode(),
        "paypal-transmission-time": _TIME,
    }


@dataclass
class PayPal:
    url: str = ""
    captures: dict[str, dict[str, str]] = field(default_factory=dict)  # id -> amount
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)  # id -> refund
    answered: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)  # PayPal-Request-Id -> it
    next: list[str] = field(default_factory=list)  # how the next refunds are answered
    verifying: list[str] = field(default_factory=list)  # how it is answered whether it sent the next events
    status: str = "COMPLETED"  # of new refunds
    hold: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def event(self, refund_id: str) -> bytes:
        """The body of the event that a refund is told by."""
        said = {
            "id": "WH-1GE84257G0350133W-6RW800890C634293G",
            "event_version": "1.0",
            "resource_type": "refund",
            "resource_version": "2.0",
            "event_type": "PAYMENT.CAPTURE.REFUNDED",
            "summary": "A refund was issued",
            "resource": self.refunds[refund_id],
        }
        return json.dumps(said, indent=1).encode()

    def refund(self, capture: str, key: str, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """A repeated PayPal-Request-Id gets the first answer, with 200."""
        with self.lock:
            if key in self.answered:
                return 200, self.answered[key][1]
            status, said = self._refund(capture, sent)
            if status == 201:
                self.answered[key] = status, said
            return status, said

    def _refund(self, capture: str, sent: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if capture not in self.captures:
            return 404, problem(
                "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", "Specified resource ID does not exist."
            )
        paid = self.captures[capture]
        if sent["amount"]["currency_code"] != paid["currency_code"]:
            return 422, problem(
                "UNPROCESSABLE_ENTITY", "REFUND_CAPTURE_CURRENCY_MISMATCH",
                "Refund must be in the same currency as the capture",
            )  # fmt: skip
        number = f"1JU08902781691{len(self.refunds):03d}"
        made = {"id": number, "status": self.status, "amount": sent["amount"], "custom_id": sent["custom_id"]}
        self.refunds[number] = made
        return 201, made


def problem(name: str, issue: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "message": "The requested action could not be performed.",
        "debug_id": "90957fca61718",
        "details": [{"issue": issue, "description": description}],
    }


def _as_written(text: str, name: str) -> bytes:
    """The value of that name in an object of JSON, as it stands there."""
    rest = text.partition(f'"{name}":')[2].lstrip()
    return rest[: json.JSONDecoder().raw_decode(rest)[1]].encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    paypal: PayPal

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/oauth2/token":
            self._token(body)
        elif not self._is_let_in():
            self._answer(
                401,
                {"error": "invalid_token", "error_description": "Token signature verification failed"},
            )
        elif self.path == "/v1/notifications/verify-webhook-signature":
            self._verify(body)
        else:
            self._refund(json.loads(body))

    def do_GET(self) -> None:
        found = self.paypal.refunds.get(self.path.rpartition("/")[2])
        if found is None:
            self._answer(404, problem("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", "There is none."))
        else:
            self._answer(200, found)

    def _token(self, body: bytes) -> None:
        wanted = "Basic " + b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if self.headers["authorization"] != wanted or body != b"grant_type=client_credentials":
            self._answer(
                401, {"error": "invalid_client", "error_description": "Client Authentication failed"}
            )
            return
        self._answer(200, {"access_token": "A21AAFEpH4", "token_type": "Bearer", "expires_in": 31668})

    def _is_let_in(self) -> bool:
        return bool(self.headers["authorization"] == "Bearer A21AAFEpH4")

    def _verify(self, body: bytes) -> None:
        how = self.paypal.verifying.pop(0) if self.paypal.verifying else "pass"
        if how == "cut":
            self.close_connection = True
            return
        if how != "pass":
            self._answer(int(how), {"name": "SOME_ERROR", "message": "Something is wrong."})
            return
        try:
            text = body.decode()
            asked = json.loads(text)
        except ValueError:
            self._answer(
                400, {"name": "MALFORMED_REQUEST_JSON", "message": "The request is not well formed."}
            )
            return
        given = {f"paypal-{name.replace('_', '-')}": text for name, text in asked.items()}
        signed = signed_by_paypal(_as_written(text, "webhook_event"))
        true = asked["webhook_id"] == WEBHOOK and signed.items() <= given.items()
        self._answer(200, {"verification_status": "SUCCESS" if true else "FAILURE"})

    def _refund(self, sent: dict[str, Any]) -> None:
        how = self.paypal.next.pop(0) if self.paypal.next else "pass"
        capture = self.path.split("/")[4]
        if how == "503":
            self._answer(503, {"name": "SERVICE_UNAVAILABLE", "message": "Service Unavailable"})
            return
        if how == "422":
            said = problem(
                "UNPROCESSABLE_ENTITY",
                "CAPTURE_FULLY_REFUNDED",
                "The capture has already been fully refunded",
            )
            self._answer(422, said)
            return
        if how == "cut before":
            self.close_connection = True
            return
        status, said = self.paypal.refund(capture, self.headers["paypal-request-id"], sent)
        if how == "late":
            self.paypal.hold.wait(30)
        if how in ("late", "cut after"):
            self.close_connection = True
            return
        self._answer(status, said)

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def paypal_serving() -> Iterator[PayPal]:
    paypal = PayPal()
    with serving(type("Handler", (_Handler,), {"paypal": paypal})) as paypal.url:
        try:
            yield paypal
        finally:
            paypal.hold.set()
