"""What proves a slip: a code that only the shop can make, and the address that tells whether it is true."""

from __future__ import annotations

import base64
import hmac
import io

import segno
from django.conf import settings
from django.utils.crypto import salted_hmac

from tillbook.common.numbering import row_id
from tillbook.refunds.models import Refund

_SALT = "tillbook.refunds.proof"
_LENGTH, _GROUP = 12, 4  # characters of base32: 60 bits


def code_of(number: str) -> str:
    """The code of the refund with that number, "ABCD-EFGH-JKLM". It hangs on the shop's secret key."""
    digest = salted_hmac(_SALT, number, algorithm="sha256").digest()
    plain = base64.b32encode(digest).decode()[:_LENGTH]
    return "-".join(plain[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def proven(number: str, code: str) -> Refund | None:
    """The refund, if the code is its own. A wrong code and a missing refund take the same way."""
    number = number.strip().upper()
    typed = "".join(each for each in code.upper() if each.isalnum())
    known = hmac.compare_digest(code_of(number).replace("-", "").encode(), typed.encode())
    refund = Refund.objects.filter(pk=row_id("RF", number) or 0, kind=Refund.Kind.REFUND).first()
    return refund if known else None


def address_of(number: str) -> str:
    """Where anybody can check the slip; empty where the shop has not said what its address is."""
    base = str(settings.TILLBOOK_ADDRESS)
    return f"{base}/slip/{number}/{code_of(number)}/" if base else ""


def picture_of(text: str) -> str:
    """The text as a QR code, an SVG."""
    file = io.BytesIO()
    segno.make(text, error="m", micro=False).save(file, kind="svg", border=0, xmldecl=False, svgns=True)
    return file.getvalue().decode()


def hidden(name: str) -> str:
    """A name of which its owner knows enough, and nobody else: "J• B•••••"."""
    return " ".join(word[0] + "•" * (len(word) - 1) for word in name.split())
