"""The logo: what may be one, and reading the one in effect."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from tillbook.common.errors import InvalidInput
from tillbook.shop.models import Logo
from tillbook.shop.policies import shop

MOST_BYTES = 500 * 1024
_MOST_PIXELS = 2000  # in width and in height
_MOST_KEPT = 2**20  # bytes: encoded anew it may grow
_ON_PAPER = (600, 240)  # pixels, which is 300 an inch where slips have it
_KINDS = {"PNG": "png", "JPEG": "jpeg"}  # as Pillow names them, and as we do


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept: encoded anew, so that nothing but its pixels is left of the upload."""

    digest: str
    kind: str
    content: bytes
    width: int
    height: int


def read_picture(upload: bytes) -> Picture:
    """The picture in an uploaded file. Raises InvalidInput unless it is a PNG or JPEG of a size that fits.

    Width and height are read before any pixel: a small file can hold a picture that fills the memory.
    """
    if len(upload) > MOST_BYTES:
        raise InvalidInput(
            _("The logo has %(size)s KB. Use a file of at most %(most)s KB.")
            % {"size": -(-len(upload) // 1024), "most": MOST_BYTES // 1024},
            field="logo",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a picture that would decompress without end
            return _encoded(Image.open(io.BytesIO(upload), formats=list(_KINDS)))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError):
        raise InvalidInput(
            _("The file is no PNG or JPEG that can be read. Save the logo as PNG and try again."),
            field="logo",
        ) from None


def _encoded(image: Image.Image) -> Picture:
    if max(image.size) > _MOST_PIXELS:
        raise InvalidInput(
            _("The logo has %(width)s x %(height)s pixels. Use at most %(most)s each way.")
            % {"width": image.width, "height": image.height, "most": _MOST_PIXELS},
            field="logo",
        )
    kind = str(image.format)
    upright = ImageOps.exif_transpose(image) if kind == "JPEG" else image
    plain = upright.convert("RGB" if kind == "JPEG" else "RGBA")
    plain.info = {}
    content = _saved(plain, kind)
    if len(content) > _MOST_KEPT:
        raise InvalidInput(_("The logo has too much detail. Use one that is smaller."), field="logo")
    return Picture(hashlib.sha256(content).hexdigest(), _KINDS[kind], content, plain.width, plain.height)


def _saved(image: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    image.save(out, format=kind, **({"quality": 90} if kind == "JPEG" else {"optimize": True}))
    return out.getvalue()


def logo() -> Picture | None:
    """The logo in effect, or None."""
    digest = shop().logo
    return _kept(digest) if digest else None


def logo_for_paper() -> Picture | None:
    """The logo in effect, no larger than a printed page needs it, or None."""
    digest = shop().logo
    return _reduced(digest) if digest else None


@lru_cache(maxsize=2)
def _reduced(digest: str) -> Picture:
    kept = _kept(digest)
    image = Image.open(io.BytesIO(kept.content))
    image.thumbnail(_ON_PAPER)
    content = _saved(image, kept.kind.upper())
    return Picture(digest, kept.kind, content, image.width, image.height)


@lru_cache(maxsize=2)
def _kept(digest: str) -> Picture:
    row = Logo.objects.get(pk=digest)
    return Picture(row.digest, row.kind, bytes(row.picture), row.width, row.height)
