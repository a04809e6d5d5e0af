"""Where webhooks may be sent: not into the shop's own network."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput
from tillbook.common.targets import Fence

FENCE = Fence("TILLBOOK_WEBHOOK_PRIVATE_TARGETS", field="url")

_LONGEST_URL = 500


def check_url(url: str) -> str:
    """Return `url` if an event could be sent there.

    Raises InvalidInput for what is no such address, and TargetRefused for one that is not public, where that
    can be seen without asking for its name.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_address() from None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL
    if not plain or parts.scheme not in {"https", "http"} or not host or port == 0 or parts.fragment:
        raise _no_address()
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(_("Leave out the user and password: the signature shows who sends."), field="url")
    if parts.scheme == "http" and not FENCE.is_open:
        raise InvalidInput(_("Webhooks are sent over https only."), field="url")
    FENCE.check_literal(host)
    return url


def _no_address() -> InvalidInput:
    return InvalidInput(
        _(
            "Write the whole address, such as https://shop.example/hooks, "
            "in at most %(longest_url)s characters."
        )
        % {"longest_url": _LONGEST_URL},
        field="url",
    )
