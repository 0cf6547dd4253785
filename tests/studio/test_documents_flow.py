"""Documents in a real Chromium on a real platform: brought, asked, looked up where they are cited.

A scripted model quotes what a made report says, and what it does not say.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.documents import made
from tests.platform import run_platform
from tests.processes import run_standin
from tests.studio import flows
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.studio.webapp import APP

pytestmark = pytest.mark.browser

SCRIPT = "documents.mjs"
PAGES = 240
CONFIG = """
[deployments.large]
url = "{url}"
context_tokens = 32000
capable = true
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}
"""
POWER = "Die Stadtwerke haben im vergangenen Jahr 412 Gigawattstunden Strom geliefert"
LIE = "In 2031 the municipality of Nowhere had exactly 12 inhabitants."


def quoting(fact: made.Fact) -> Behaviour:
    """Return an answer that quotes `fact` truly, lies once, and names a source there is not."""
    answer = (
        f"The report says: “{fact.sentence}” [1] It does not say that **much** more.\n\n"
        f"It also says: “{LIE}” [1] And somebody else says so [97].\n"
    )
    return Behaviour(answer=answer, tps=800)


@pytest.fixture(scope="module")
def found(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    node_path: str,
    browser_path: str,
) -> Iterator[dict[str, str | None]]:
    """Return what came of each flow: None, or what went wrong."""
    assert (APP / "index.html").exists(), "`make test` builds the app"
    folder = tmp_path_factory.mktemp("documents")
    files = folder / "files"
    facts = _made(files)
    asked = [
        next(f for f in facts if f.language == each and f.page > 20) for each in made.LANGUAGES
    ]
    rules = tuple(Rule(contains=fact.place, reply=quoting(fact)) for fact in asked)
    power = Rule(contains="Gigawattstunden", reply=Behaviour(answer=f"Es heißt: „{POWER}“ [1].\n"))
    script = (*rules, power)
    options = StandinOptions(behaviour=Behaviour(answer="Yes."), models=("large",), script=script)
    config = folder / "tramontane.toml"
    with run_standin(options) as standin:
        config.write_text(CONFIG.format(url=standin.url))
        with run_platform(folder / "data", "--config", str(config)) as platform:
            given = {
                "browser": browser_path,
                "url": platform.address,
                "link": platform.sign_in,
                "files": str(files),
                "pages": PAGES,
                "facts": msgspec.to_builtins(asked),
                "lie": LIE,
                "left_out": flows.left_out(SCRIPT, request.config),
            }
            yield flows.run(node_path, SCRIPT, given, {})


def _made(folder: Path) -> list[made.Fact]:
    """Write the files that the flows bring along; return what the report states."""
    (folder / "minutes" / "2026").mkdir(parents=True)
    facts = made.report_pdf(folder / "report.pdf", PAGES)
    made.scanned_pdf(folder / "scanned.pdf", 2)
    made.broken_pdf(folder / "broken.pdf")
    made.encrypted_pdf(folder / "locked.pdf")
    made.docx(folder / "annual.docx")
    made.xlsx(folder / "sales.xlsx")
    made.eml(folder / "contract.eml")
    for day in range(1, 31):
        text = f"# Minutes of day {day}\n\nThe council met on day {day} and spoke of the wind.\n"
        (folder / "minutes" / "2026" / f"day-{day:02}.md").write_text(text)
    (folder / "minutes" / "again.md").write_text(
        (folder / "minutes" / "2026" / "day-07.md").read_text()
    )
    return facts


@pytest.mark.parametrize("name", flows.parameters(SCRIPT))
def test_flow(found: dict[str, str | None], name: str) -> None:
    assert name in found, "the script ended before it"
    assert found[name] is None, found[name]
