"""The start page: small, its own origin only, and every word where it belongs."""

import re
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from tests.studio.conftest import Studio
from tramontane.studio import pages
from tramontane.studio.pages import Strings

SOURCE = Path(str(files("tramontane.studio")))
MODULES = SOURCE / "static" / "start"


@pytest.fixture(scope="module")
def assets() -> dict[str, pages.Asset]:
    return pages.load()


@pytest.fixture(scope="module")
def strings() -> Strings:
    return msgspec.json.decode((SOURCE / "strings" / "en.json").read_bytes(), type=Strings)


def test_the_page_is_small(assets: dict[str, pages.Asset]) -> None:
    assert sum(len(asset.body) for asset in assets.values()) < 60_000
    assert len(assets) + 1 <= 6  # requests: these, and /ready


def test_it_names_nobody_elses_address(assets: dict[str, pages.Asset]) -> None:
    allowed = {"http://www.w3.org/2000/svg"}  # the name of a namespace, never fetched
    for path, asset in assets.items():
        found = set(re.findall(r"(?:https?:)?//[\w.-]+[^\s\"'`]*", asset.body.decode()))
        assert {address for address in found if "." in address} <= allowed, path


class Elements(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        self.found.append((tag, dict(attrs)))


def test_nothing_in_it_needs_more_than_the_policy_allows(assets: dict[str, pages.Asset]) -> None:
    parser = Elements()
    parser.feed(assets["/"].body.decode())
    ids = [attributes["id"] for _, attributes in parser.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in parser.found:
        assert tag not in ("style", "iframe", "object", "base"), tag
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
        if tag == "script":
            assert "src" in attributes or attributes["type"] == "application/json"
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value in assets or value[0] == "#" or value.startswith("/api/")
        for name in ("for", "aria-labelledby", "aria-controls", "data-copies"):
            assert attributes.get(name) in (None, *ids), (tag, name)


def test_the_script_finds_the_elements_it_asks_for(assets: dict[str, pages.Asset]) -> None:
    parser = Elements()
    parser.feed(assets["/"].body.decode())
    ids = {attributes["id"] for _, attributes in parser.found if "id" in attributes}
    asked = set(re.findall(r'\$\("([\w-]+)"\)', assets["/static/start.js"].body.decode()))
    assert asked <= ids
    assert "prompt" in asked


def test_every_slot_has_words_and_all_words_are_used(strings: Strings) -> None:
    template = (SOURCE / "static" / "start.html").read_text()
    slots = set(re.findall(r"\{\{([a-z0-9_.]+)\}\}", template))
    assert slots == strings.page.keys() | {"language", "live"}


def test_every_word_of_the_script_is_there_and_used(strings: Strings) -> None:
    script = "\n".join(path.read_text() for path in MODULES.glob("*.js"))
    asked = set(re.findall(r'\bt(?:Or)?\(\s*"([\w.]+)"', script))
    assert asked <= strings.live.keys()
    filled_in = re.findall(r"\bt(?:Or)?\(`([\w.]*)\$\{[\w.]+\}([\w.]*)`", script)
    quoted = set(re.findall(r'"([\w.]+)"', script))
    for name in strings.live.keys() - quoted:
        assert any(name.startswith(a) and name.endswith(b) for a, b in filled_in), name


def test_words_are_escaped() -> None:
    strings = Strings(language="en", page={"a": "<b>\"&'"}, live={"x": "</script><!--"})
    text = pages.render('<p title="{{a}}">{{live}}', strings)
    assert "<b>" not in text and "</script" not in text and "<!--" not in text
    assert msgspec.json.decode(text.partition(">")[2]) == {"x": "</script><!--"}


def test_a_slot_without_words_fails() -> None:
    with pytest.raises(KeyError):
        pages.render("{{missing}}", Strings(language="en", page={}, live={}))


def test_every_module_is_joined_after_those_it_imports() -> None:
    assert {path.stem for path in MODULES.glob("*.js")} == set(pages.MODULES)
    for place, name in enumerate(pages.MODULES):
        imported = re.findall(r'"\./(\w+)\.js"', (MODULES / f"{name}.js").read_text())
        assert set(imported) <= set(pages.MODULES[:place]), name


def test_the_joined_script_is_one_that_a_browser_takes(
    assets: dict[str, pages.Asset], node_path: str, tmp_path: Path
) -> None:
    script = tmp_path / "start.mjs"
    script.write_bytes(assets["/static/start.js"].body)
    subprocess.run([node_path, "--check", script], check=True)
    assert not re.search(rb"^(?:import|export)\b", script.read_bytes(), re.MULTILINE)


def test_compacting_keeps_all_but_comments_and_space() -> None:
    text = '/** What\n * it is. */\n  const a = "//x"; // why\n\n  // alone\n  b();\n'
    assert pages.compact(text) == 'const a = "//x"; // why\nb();\n'


def test_files_are_checked_again_on_each_use(studio: Studio) -> None:
    first = studio.call("GET", "/static/start.js")
    etag = first.headers["etag"]
    again = studio.call("GET", "/static/start.js", headers={"if-none-match": etag})
    assert (again.status, again.body) == (304, b"")
    assert studio.call("HEAD", "/").status == 200


def test_advice_is_given_on_errors_that_exist(strings: Strings) -> None:
    documented = (SOURCE.parents[2] / "docs" / "errors.md").read_text()
    codes = set(re.findall(r"^\| `(\w+)`", documented, re.MULTILINE))
    advised = {name[7:] for name in strings.live if name.startswith("advice.")}
    assert advised <= codes
