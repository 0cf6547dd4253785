"""From a public name to deployments: order, weights, conditions, fallbacks, drills."""

import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tramontane.config import (
    DeploymentSettings,
    RouteCondition,
    RouteSettings,
    RouteTarget,
    Settings,
)
from tramontane.errors import Forbidden, InvalidRequest, NotFound, Unavailable
from tramontane.gateway.directory import Directory, Principal, build
from tramontane.gateway.routing import Facts, plan
from tramontane.store.records import Drill, Key, Picture, Project, StoredRoute

NAMES = ("a", "b", "c", "d")


def directory(
    routes: dict[str, RouteSettings],
    drills: tuple[Drill, ...] = (),
    stored: dict[str, RouteSettings] | None = None,
) -> Directory:
    settings = Settings(
        demo=False,
        guide=False,
        deployments={name: DeploymentSettings(url=f"http://127.0.0.1:9/{name}") for name in NAMES},
        routes=routes,
    )
    picture = Picture(
        revision=1, projects=(), keys=(), budgets=(), models=(), deployments=(), instances=(),
        drills=drills,
        routes=tuple(
            StoredRoute(name=name, settings=msgspec.json.encode(route), created_at_ms=0)
            for name, route in (stored or {}).items()
        ),
    )  # fmt: skip
    return build(settings, b"p" * 32, {}, Path("nowhere"), picture)


def principal(allowed: tuple[str, ...] | None = None) -> Principal:
    project = Project(
        id="prj_a", name="law", requests_per_minute=1, tokens_per_minute=1,
        allowed_models=allowed, created_at_ms=0,
    )  # fmt: skip
    key = Key(id="key_a", project_id="prj_a", name="k", prefix="k", digest=b"", created_at_ms=0)
    return Principal(key, project)


def tried(
    known: Directory,
    facts: Facts,
    allowed: tuple[str, ...] | None = None,
    now_ms: int = 0,
    seed: int = 1,
) -> list[str]:
    found = plan(known, principal(allowed), facts, now_ms=now_ms, draw=random.Random(seed).random)
    return [deployment.name for deployment in found.deployments]


def weighed(name: str, weight: int) -> RouteTarget:
    return RouteTarget(deployment=name, weight=weight)


def test_names_are_tried_in_their_order_and_a_deployment_is_a_name() -> None:
    known = directory({"best": RouteSettings(deployments=("c", "a"))})
    assert tried(known, Facts("best")) == ["c", "a"]
    assert tried(known, Facts("b")) == ["b"]


def test_neighbours_with_weights_are_drawn_and_the_others_follow() -> None:
    route = RouteSettings(deployments=(weighed("a", 95), weighed("b", 5), weighed("d", 0), "c"))
    known = directory({"best": route})
    orders = [tried(known, Facts("best"), seed=seed) for seed in range(4_000)]
    assert {tuple(order[2:]) for order in orders} == {("d", "c")}
    first = Counter(order[0] for order in orders)
    assert set(first) == {"a", "b"} and 150 < first["b"] < 250


def test_conditions_choose_by_what_is_asked() -> None:
    def when(name: str, condition: RouteCondition) -> RouteTarget:
        return RouteTarget(deployment=name, when=condition)

    known = directory(
        {
            "best": RouteSettings(
                deployments=(
                    when("a", RouteCondition(has_images=True)),
                    when("b", RouteCondition(min_prompt_tokens=1_000, has_tools=False)),
                    when("c", RouteCondition(projects=("law",), max_prompt_tokens=999)),
                )
            )
        }
    )
    assert tried(known, Facts("best", images=1)) == ["a", "c"]
    assert tried(known, Facts("best", prompt_bytes=4_000)) == ["b"]
    assert tried(known, Facts("best", prompt_bytes=3_999)) == ["c"]
    with pytest.raises(InvalidRequest) as raised:
        tried(known, Facts("best", prompt_bytes=4_000, has_tools=True))
    assert raised.value.code == "no_deployment_for_request"


def test_fallbacks_are_other_names_each_once_and_only_where_allowed() -> None:
    known = directory(
        {
            "best": RouteSettings(deployments=("a",), fallbacks=("good", "nowhere", "d")),
            "good": RouteSettings(deployments=("b", "a"), fallbacks=("best", "c")),
        }
    )
    assert tried(known, Facts("best")) == ["a", "b", "c", "d"]
    assert tried(known, Facts("best"), ("best", "good")) == ["a", "b"]
    with pytest.raises(Forbidden):
        tried(known, Facts("best"), ("good",))
    with pytest.raises(NotFound, match="'best'"):
        tried(known, Facts("bests"))


def test_a_drill_takes_away_and_gives_back_at_its_time() -> None:
    drill = Drill(
        id="drl_1", without="deployment:a", started_at_ms=0, ends_at_ms=500, started_by="x"
    )
    known = directory({"best": RouteSettings(deployments=("a", "b"))}, (drill,))
    assert tried(known, Facts("best"), now_ms=499) == ["b"]
    assert tried(known, Facts("best"), now_ms=500) == ["a", "b"]
    with pytest.raises(Unavailable) as raised:
        tried(known, Facts("a"), now_ms=200)
    assert (raised.value.code, raised.value.retry_after_s) == ("taken_away", 0.3)


def test_the_configuration_files_routes_stand_before_the_stored() -> None:
    stored = {name: RouteSettings(deployments=("d",)) for name in ("best", "other")}
    known = directory({"best": RouteSettings(deployments=("a",))}, stored=stored)
    assert tried(known, Facts("best")) == ["a"]
    assert tried(known, Facts("other")) == ["d"]
