"""Deployments as the assistant shows them: where a model runs, whose it is, what is known of it."""

import pytest

from tramontane.config import DeploymentSettings, Settings
from tramontane.engines.plan import LocalModel
from tramontane.providers.remote import RemoteModel
from tramontane.studio.facts import served
from tramontane.studio.serving import deployments


@pytest.mark.parametrize(
    ("url", "place", "provider"),
    [
        ("https://api.mistral.ai/v1", "api.mistral.ai", "Mistral AI"),
        ("http://127.0.0.1:9001/v1", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_model_served_elsewhere_says_where_and_by_whom(
    url: str, place: str, provider: str
) -> None:
    own = DeploymentSettings(url=url, languages=("fr", "de"), open_weights=True)
    remote = RemoteModel(name="far", settings=own, is_entered=True)
    (found,) = map(served, deployments(Settings(), {}, {"far": remote}, []))
    assert (found.kind, found.place, found.provider) == ("remote", place, provider)
    assert (found.languages, found.open_weights) == (("fr", "de"), True)


def test_a_model_here_is_here_and_what_nobody_said_is_unknown() -> None:
    local = LocalModel(
        settings=DeploymentSettings(model="file"),
        path=None,
        context_tokens=512,
        slots=1,
        threads=None,
    )
    (found,) = map(served, deployments(Settings(), {"near": local}, {}, []))
    assert (found.kind, found.place, found.provider) == ("local", "here", "llama.cpp")
    assert not found.is_capable
    assert (found.languages, found.open_weights) == (None, None)
