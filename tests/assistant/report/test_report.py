"""Reports: one Markdown as a page and for Word, with nothing in them that runs or is fetched."""

import io
import re
from base64 import b64encode

import docx
import pytest
from PIL import Image

from tramontane.assistant.report import figures, page, word
from tramontane.errors import InvalidRequest

MARKDOWN = """\
# Water & wine

**Ada** asked: how *much*?

- one
- two
  1. first of two
- three

> "The sea is deep." [1]

| place | depth |
| --- | --- |
| here | 4,267 |
| there | <b>9</b> |

![Depth by place](chart:call_1)

```sql
SELECT 1 < 2
```

<script>alert(1)</script> ![spy](https://elsewhere.example/x.png) [go](javascript:alert(1))
[there](https://example.org/a)
"""


@pytest.fixture
def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 20), "white").save(file, "PNG")
    return file.getvalue()


def test_a_page_holds_everything_and_runs_nothing(png: bytes) -> None:
    drawn = figures.read({"call_1": b64encode(png).decode()})
    text = page.render(MARKDOWN, "Water & wine", "en", drawn).decode()
    assert "<title>Water &amp; wine</title>" in text
    assert "<td>4,267</td>" in text and "<td>&lt;b&gt;9&lt;/b&gt;</td>" in text
    assert f'src="data:image/png;base64,{b64encode(png).decode()}"' in text
    assert "&lt;script&gt;" in text and "<script" not in text
    assert re.findall(r'(?:src|href)="(?!data:)([^"]*)"', text) == ["https://example.org/a"]


def test_a_page_without_charts_says_what_they_show() -> None:
    assert "<p>Depth by place</p>" in page.render(MARKDOWN, "x", "en", {}).decode()


def test_word_has_the_same_in_its_own_forms(png: bytes) -> None:
    drawn = figures.read({"call_1": f"data:image/png;base64,{b64encode(png).decode()}"})
    found = docx.Document(io.BytesIO(word.render(MARKDOWN, "Water & wine", "en", drawn)))
    styles = {p.text: p.style.name for p in found.paragraphs if p.style is not None and p.text}
    assert styles["Water & wine"] == "Heading 1"
    assert styles["two"] == "List Bullet" and styles["first of two"] == "List Number 2"
    assert styles['"The sea is deep." [1]'] == "Quote"
    assert [[cell.text for cell in row.cells] for row in found.tables[0].rows] == [
        ["place", "depth"], ["here", "4,267"], ["there", "<b>9</b>"],
    ]  # fmt: skip
    assert len(found.inline_shapes) == 1
    assert any(run.bold and run.text == "Ada" for p in found.paragraphs for run in p.runs)
    assert any("there (https://example.org/a)" in p.text for p in found.paragraphs)


def test_word_takes_what_xml_cannot_hold() -> None:
    found = docx.Document(io.BytesIO(word.render("a\x01b\x0cc", "t\x00", "fr", {})))
    assert [p.text for p in found.paragraphs] == ["a\ufffdb\ufffdc"]


@pytest.mark.parametrize("given", ["", "nonsense!", b64encode(b"GIF89a").decode()])
def test_what_is_no_png_is_refused_by_name(given: str) -> None:
    with pytest.raises(InvalidRequest, match="call_7"):
        figures.read({"call_7": given})
