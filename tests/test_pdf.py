"""Papers with further fonts: only for characters that the built-in ones lack."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tillbook.common.pdf import compiled

_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
_SHOWN = "\u1683\u2d63"  # Ogham and Tifinagh: in none of the built-in fonts, and in this one


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """It says whether its fonts have each character, as the papers do."""
    made = tmp_path / "paper.typ"
    made.write_text(
        """#set document(title: "Paper", date: none)
#set text(font: ("Roboto", "Libertinus Serif", "DejaVu Sans Mono"))
#let drawn(character) = measure(text(top-edge: "bounds", bottom-edge: "bounds", character))
#context {
  let gaps = sys.inputs.text.clusters().any(each => drawn(each) == drawn("\\u{10FFFD}"))
  assert(gaps == (sys.inputs.gaps == "yes"))
}
#sys.inputs.text""",
        encoding="utf-8",
    )
    return made


@pytest.mark.skipif(not _FONT.exists(), reason="DejaVu Sans is not installed")
def test_a_folder_of_fonts_prints_what_the_built_in_ones_lack(
    template: Path, tmp_path: Path, settings: Any
) -> None:
    compiled(template, {"text": _SHOWN, "gaps": "yes"})
    plain = compiled(template, {"text": "Jo Marsh", "gaps": "no"})
    settings.TILLBOOK_FONTS = tmp_path / "fonts"
    (tmp_path / "fonts" / "below").mkdir(parents=True)
    shutil.copy(_FONT, tmp_path / "fonts" / "below")
    compiled(template, {"text": _SHOWN, "gaps": "no"})
    assert compiled(template, {"text": "Jo Marsh", "gaps": "no"}) == plain
