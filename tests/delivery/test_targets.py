"""Where webhooks may go: nowhere inside the shop's own network."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.delivery.receiver import Clock, Receiver, receiving
from tests.delivery.test_webhooks import tell
from tillbook.common import targets
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.common.targets import TargetRefused, is_public
from tillbook.delivery import sending, webhooks
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.running import deliver_once

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",  # noqa: S104
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::1", "2002:c0a8:101::1", "2001:0:102:304::8084:fefe", "::7f00:1",
    "fec0::1", "3fff::1", "192.88.99.1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_not(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("https://127.0.0.1/", TargetRefused),
        ("https://[::1]:8000/", TargetRefused),
        ("https://[::ffff:169.254.169.254]/latest/", TargetRefused),
        ("http://shop.example/", InvalidInput),
        ("ftp://shop.example/", InvalidInput),
        ("shop.example/hooks", InvalidInput),
        ("https:///hooks", InvalidInput),
        ("https://shop.example:99999/", InvalidInput),
        ("https://shop.example:0/", InvalidInput),
        ("https://ann:secret@shop.example/", InvalidInput),
        ("https://shop.example/#part", InvalidInput),
        ("https://shop.example/a b", InvalidInput),
        ("https://shöp.example/", InvalidInput),
        ("https://shop.example/\r\nx: y", InvalidInput),
        ("https://shop.example/" + "a" * 480, InvalidInput),
        ("", InvalidInput),
    ],
)
@pytest.mark.django_db
def test_an_address_that_nothing_can_be_sent_to_is_refused_when_it_is_added(
    url: str, refusal: type[Exception], system_actor: Actor, clock: Clock
):
    with pytest.raises(refusal) as refused:
        webhooks.add_endpoint(url=url, actor=system_actor, now=clock())
    assert refused.value.field == "url"
    assert not Endpoint.objects.exists()


@contextmanager
def named(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> Iterator[list[str]]:
    """A name server that tells these, one look-up after the other; which names were asked for."""
    asked: list[str] = []
    left = [each.split(",") for each in addresses]
    real = socket.getaddrinfo

    def answer(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "hooks.example":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in left.pop(0)]

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", answer)
        yield asked


@pytest.mark.parametrize("addresses", ["127.0.0.1", "169.254.169.254", "93.184.216.34,10.0.0.1"])
@pytest.mark.django_db
def test_a_name_that_leads_inside_is_refused_when_it_is_sent_to(
    addresses: str, monkeypatch: pytest.MonkeyPatch, system_actor: Actor, clock: Clock
):
    webhooks.add_endpoint(url="https://hooks.example/", actor=system_actor, now=clock())
    tell("SO-1")
    with named(monkeypatch, addresses):
        deliver_once(clock)
    delivery = Delivery.objects.get()
    inside = addresses.rpartition(",")[2]
    assert (delivery.state, delivery.last_status) == ("pending", None)
    assert delivery.last_answer == (
        f"hooks.example is {inside}, which is no public address. Where it is meant, set "
        "TILLBOOK_WEBHOOK_PRIVATE_TARGETS=true."
    )


def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_judged(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
):
    port = receiver.url.rpartition(":")[2]
    request = sending.Request(f"http://hooks.example:{port}/hooks", {}, "{}")
    with named(monkeypatch, "127.0.0.1", "10.9.9.9") as asked, sending.Sender() as sender:
        assert sender.send(request).status == 204
    assert asked == ["hooks.example"]
    assert receiver.got[0].headers["host"] == f"hooks.example:{port}"


@pytest.mark.parametrize(("host", "taken"), [("hooks.example", True), ("other.example", False)])
def test_over_https_the_certificate_must_be_of_the_name(
    host: str, taken: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
):
    settings.TILLBOOK_WEBHOOK_PRIVATE_TARGETS = True
    certificate, key = certified(tmp_path, host)
    monkeypatch.setattr(sending, "trusted", lambda: ssl.create_default_context(cafile=certificate))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    with receiving(server_side) as receiver, named(monkeypatch, "127.0.0.1"), sending.Sender() as sender:
        port = receiver.url.rpartition(":")[2]
        outcome = sender.send(sending.Request(f"https://hooks.example:{port}/", {}, "{}"))
    assert (outcome.status, len(receiver.got)) == ((204, 1) if taken else (None, 0))
    assert taken or "Hostname mismatch" in outcome.answer


def certified(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate that stands for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, key_file


@pytest.mark.django_db
def test_what_was_allowed_once_is_refused_when_the_setting_is_gone(
    receiver: Receiver, settings: Any, system_actor: Actor, clock: Clock
):
    webhooks.add_endpoint(url=receiver.url + "/", actor=system_actor, now=clock())
    tell("SO-1")
    settings.TILLBOOK_WEBHOOK_PRIVATE_TARGETS = False
    deliver_once(clock)
    assert receiver.got == []
    assert Delivery.objects.get().last_answer == "Webhooks are sent over https only."


def test_who_answers_a_byte_now_and_then_does_not_hold_us_for_ever(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sending, "_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as slow, sending.Sender() as sender:
        dripping = _Dripping(slow)
        outcome = sender.send(sending.Request(f"http://127.0.0.1:{slow.getsockname()[1]}/", {}, "{}"))
        dripping.join()
    assert outcome.status is None
    assert 1_000 <= outcome.ms < 9_000


class _Dripping:
    """Answers with a header that has no end, a byte each tenth of a second."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self.join = self._thread.join

    def _run(self) -> None:
        client, _ = self._server.accept()
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            for _ in range(100):
                time.sleep(0.1)
                try:
                    client.sendall(b"a")
                except OSError:
                    return


def test_a_name_that_is_not_known_is_an_answer_too(monkeypatch: pytest.MonkeyPatch):
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(targets.socket, "getaddrinfo", unknown)
    with sending.Sender() as sender:
        outcome = sender.send(sending.Request("https://nowhere.example/", {}, "{}"))
    assert (outcome.status, outcome.answer) == (None, "No answer: No address of nowhere.example is known.")
