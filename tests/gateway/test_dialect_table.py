"""docs/dialects.md says what goes through, and each of its cells does."""

from collections.abc import Iterator

import pytest

from tests.gateway.dialect_table import FEATURES, FORMS, TARGET, Bench, bench, table
from tests.gateway.speakers import PROVIDERS

# Each dialect of clients with one provider's of its own, so that each of both is tried.
SOME = [*zip(FORMS, [*PROVIDERS][1:], strict=True), ("openai", "openai")]


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("dialects")) as made:
        yield made


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("client", "provider"), SOME)
def test_some_cells(on: Bench, client: str, provider: str, stream: bool) -> None:
    found = {feature: on.cell(client, provider, feature, stream=stream) for feature in FEATURES}
    assert set(found.values()) <= {"yes", "no", "none"}
    assert {found[each] for each in ("text", "tools", "results", "usage", "cut")} == {"yes"}


@pytest.mark.slow
def test_the_table_says_what_is(on: Bench) -> None:
    assert TARGET.read_text(encoding="utf-8") == table(on)
