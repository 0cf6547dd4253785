"""Which deployments there are, by which names, and which of them a key may know of."""

from typing import Any

from tramontane.config import DeploymentSettings, PriceSettings, RouteSettings, Settings
from tramontane.engines.plan import LocalModel
from tramontane.providers.remote import RemoteModel, remote_models
from tramontane.store.records import EngineInstance
from tramontane.studio.serving import Deployment, deployments, visible, with_states

REMOTE = DeploymentSettings(
    url="http://127.0.0.1:9/v1", price=PriceSettings(input_per_mtok="2", output_per_mtok="3")
)


def local(**changes: Any) -> LocalModel:
    own = DeploymentSettings(model="file")
    fields: dict[str, Any] = {"settings": own, "path": None, "context_tokens": 512, "slots": 4}
    return LocalModel(**(fields | {"threads": None} | changes))


def instance(state: Any, message: str = "") -> EngineInstance:
    return EngineInstance(
        deployment="small", nonce="n", address=None, state=state, message=message, updated_at_ms=7
    )


def names(found: list[Deployment]) -> dict[str, tuple[str, ...]]:
    return {deployment.name: deployment.models for deployment in found}


def test_a_deployment_answers_to_its_name_and_its_routes() -> None:
    settings = Settings(
        deployments={"large": REMOTE, "spare": REMOTE, "best": REMOTE},
        routes={
            "default": RouteSettings(deployments=("large", "small")),
            "best": RouteSettings(deployments=("large",)),
        },
    )
    found = deployments(settings, {"small": local()}, remote_models(settings, []), [])
    assert names(found) == {
        "best": (),  # the route of that name stands in front of it
        "large": ("large", "best", "default"),
        "small": ("small", "default"),
        "spare": ("spare",),
    }


def test_only_usable_names_are_visible() -> None:
    settings = Settings(
        deployments={"large": REMOTE, "spare": REMOTE},
        routes={"default": RouteSettings(deployments=("large",))},
    )
    found = deployments(settings, {}, remote_models(settings, []), [])
    assert visible(found, None) == found
    assert names(visible(found, ["default", "unknown"])) == {"large": ("default",)}
    assert visible(found, []) == []


def test_the_engine_has_the_last_word_on_a_local_one() -> None:
    settings = Settings()

    def state(model: LocalModel, *instances: EngineInstance) -> tuple[str, str]:
        (found,) = deployments(settings, {"small": model}, {}, instances)
        return found.state, found.message

    assert state(local()) == ("starting", "")
    assert state(local(), instance("ready")) == ("ready", "")
    assert state(local(), instance("backing_off", "died")) == ("backing_off", "died")
    assert state(local(problem="no file"), instance("ready")) == ("failed", "no file")


def test_nobody_knows_whether_a_remote_one_answers() -> None:
    settings = Settings(deployments={"large": REMOTE})
    (found,) = deployments(settings, {}, remote_models(settings, []), [])
    assert (found.engine, found.state) == ("remote", "unprobed")
    assert found.price.output_nano_per_mtok == 3_000_000_000
    assert found.is_demonstration is False


def test_one_that_may_not_be_entered_any_more_says_so() -> None:
    entered = RemoteModel(
        name="far", settings=DeploymentSettings(url="https://far.invalid/v1"), is_entered=True
    )
    (found,) = deployments(Settings(), {}, {"far": entered}, [])
    assert (found.state, found.source) == ("failed", "store")
    assert "studio.allowed_origins" in found.message


def test_the_gateway_has_the_last_word_on_a_remote_one() -> None:
    settings = Settings(deployments={"large": REMOTE})
    found = deployments(settings, {"small": local()}, remote_models(settings, []), [])
    seen = {
        state: with_states(found, {"large": state, "small": "ready"})
        for state in ("ready", "failed", "unprobed", "odd")
    }
    shown = {state: {d.name: d.state for d in of} for state, of in seen.items()}
    assert {of["small"] for of in shown.values()} == {"starting"}
    assert {state: of["large"] for state, of in shown.items()} == {
        "ready": "ready", "failed": "failed", "unprobed": "unprobed", "odd": "unprobed",
    }  # fmt: skip
    assert with_states(found, {}) == found
