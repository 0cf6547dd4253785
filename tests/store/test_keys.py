"""Keys: secrets that are never kept (SE1) and rights that never grow (SE3)."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.store.databases import on_sqlite
from tramontane.config import LimitDefaults
from tramontane.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    TramontaneError,
    Unauthenticated,
)
from tramontane.store import keys, projects
from tramontane.store.database import Store
from tramontane.store.records import Key, Project, Right

PEPPER = bytes(range(32))


@pytest.fixture
def project(store: Store) -> Project:
    with store.write() as c:
        return projects.create(
            c, name="one", defaults=LimitDefaults(), now_ms=1, allowed_models=["a", "b"]
        )


def test_a_secret_authenticates_as_its_key(store: Store, project: Project) -> None:
    with store.write() as c:
        key, secret = keys.create(c, PEPPER, project_id=project.id, name="laptop", now_ms=1)
    assert secret.startswith(key.prefix + "_")
    assert key.prefix.startswith("tmt_")
    assert len(secret) == 46
    with store.read() as c:
        assert keys.authenticate(c, PEPPER, secret, 2) == (key, project)
        assert keys.list_all(c) == keys.list_all(c, (project.id,)) == [key]
        assert keys.get(c, key.id) == keys.get(c, key.prefix) == keys.get(c, secret) == key
        assert keys.list_all(c, ("prj_other",)) == []


def test_whatever_is_not_the_secret_is_refused_without_repeating_it(
    store: Store, project: Project
) -> None:
    with store.write() as c:
        key, secret = keys.create(c, PEPPER, project_id=project.id, name="laptop", now_ms=1)
    wrong = [
        "",
        key.prefix,
        secret[:-1],
        secret + "x",
        secret + "\n",
        " " + secret,
        secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        secret.replace("tmt_", "tmt-"),
        secret.swapcase(),
        "tmt_" + "0" * 8 + secret[12:],
        "é" * 46,
        "\ud800",
    ]
    with store.read() as c:
        for text in wrong:
            with pytest.raises(Unauthenticated) as caught:
                keys.authenticate(c, PEPPER, text, 2)
            assert secret[13:] not in str(caught.value)
        with pytest.raises(Unauthenticated):
            keys.authenticate(c, bytes(32), secret, 2)


def test_expiry_and_revocation(store: Store, project: Project) -> None:
    with store.write() as c:
        key, secret = keys.create(
            c, PEPPER, project_id=project.id, name="k", expires_at_ms=100, now_ms=1
        )
        assert keys.authenticate(c, PEPPER, secret, 99)[0] == key
        with pytest.raises(Unauthenticated, match="expired"):
            keys.authenticate(c, PEPPER, secret, 100)
        with pytest.raises(InvalidRequest, match="expired"):
            keys.create(c, PEPPER, project_id=project.id, name="l", expires_at_ms=5, now_ms=5)
        assert keys.revoke(c, key.id, 50).revoked_at_ms == 50
        assert keys.revoke(c, key.id, 60).revoked_at_ms == 50
        with pytest.raises(Unauthenticated, match="revoked"):
            keys.authenticate(c, PEPPER, secret, 51)
        with pytest.raises(NotFound):
            keys.revoke(c, "key_unknown", 1)


def test_a_name_is_free_again_once_its_key_is_revoked(store: Store, project: Project) -> None:
    with store.write() as c:
        first, _ = keys.create(c, PEPPER, project_id=project.id, name="k", now_ms=1)
        with pytest.raises(Conflict):
            keys.create(c, PEPPER, project_id=project.id, name="k", now_ms=1)
        keys.revoke(c, first.id, 2)
        keys.create(c, PEPPER, project_id=project.id, name="k", now_ms=3)


def test_a_key_is_checked_against_its_project(store: Store, project: Project) -> None:
    def create(**given: object) -> Key:
        with store.write() as c:
            arguments = {"project_id": project.id, "name": "k", "now_ms": 1, **given}
            return keys.create(c, PEPPER, **arguments)[0]  # type: ignore[arg-type]

    refused: list[tuple[dict[str, object], str]] = [
        ({"allowed_models": ["a", "c"]}, "allowed_models"),
        ({"rights": ["infer", "own"]}, "rights"),
        ({"rights": []}, "rights"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "No"}, "name"),
    ]
    for given, param in refused:
        with pytest.raises(InvalidRequest) as caught:
            create(**given)
        assert caught.value.param == param
    with pytest.raises(NotFound):
        create(project_id="prj_unknown")
    assert create(allowed_models=["a"], rights=["read", "infer", "read"]).rights == (
        "infer",
        "read",
    )


def test_a_key_is_renamed_and_limited_but_never_beyond_its_bounds(
    store: Store, project: Project
) -> None:
    with store.write() as c:
        key, _ = keys.create(c, PEPPER, project_id=project.id, name="one", now_ms=1)
        other, _ = keys.create(
            c, PEPPER, project_id=project.id, name="two", allowed_models=["a"],
            requests_per_minute=5, now_ms=1,
        )  # fmt: skip
        changed = keys.change(
            c, key.id, name="new", allowed_models=["a"], requests_per_minute=4,
            tokens_per_minute=9, expires_at_ms=50, now_ms=2, issuer=other,
        )  # fmt: skip
        assert changed == keys.get(c, key.id)
        assert (changed.name, changed.tokens_per_minute, changed.rights) == ("new", 9, key.rights)
        refused: list[tuple[type[TramontaneError], dict[str, object]]] = [
            (Conflict, {"name": "two"}),
            (InvalidRequest, {"name": "No"}),
            (InvalidRequest, {"tokens_per_minute": 0}),
            (InvalidRequest, {"allowed_models": ["c"]}),
            (Forbidden, {"allowed_models": ["b"], "issuer": other}),
            (Forbidden, {"allowed_models": None, "issuer": other}),
            (Forbidden, {"requests_per_minute": None, "issuer": other}),
        ]
        for error, given in refused:
            with pytest.raises(error):
                keys.change(c, key.id, now_ms=2, **given)  # type: ignore[arg-type]
        assert keys.get(c, key.id) == changed
        free = keys.change(c, key.id, allowed_models=None, expires_at_ms=None, now_ms=2)
        assert (free.allowed_models, free.expires_at_ms) == (None, None)
        keys.revoke(c, key.id, 3)
        with pytest.raises(Conflict):
            keys.change(c, key.id, name="again", now_ms=4)


@on_sqlite
def test_no_secret_is_at_rest(store: Store, project: Project, tmp_path: Path) -> None:
    secrets = []
    with store.write() as c:
        for i in range(20):
            key, secret = keys.create(c, PEPPER, project_id=project.id, name=f"k{i}", now_ms=1)
            keys.authenticate(c, PEPPER, secret, 2)
            keys.get(c, secret)
            secrets.append(secret)
            if i % 2:
                keys.revoke(c, key.id, 3)
            assert secret not in repr(key)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"tramontane.db", "tramontane.db-wal"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert not any(secret[13:].encode() in content for secret in secrets), path
        assert PEPPER not in content, path


MODELS = st.none() | st.lists(st.sampled_from(["a", "b", "c"]), max_size=3)
RIGHTS = st.lists(st.sampled_from(keys.RIGHTS), min_size=1, max_size=3)
LIMITS = st.none() | st.integers(1, 4)


class Grants(RuleBasedStateMachine):
    """Keys issue keys while projects are narrowed and keys end; nobody ever gains anything."""

    new_store: Callable[[], Store]

    def __init__(self) -> None:
        super().__init__()
        self.open_write = self.new_store().write()  # one transaction: no sync per step
        self.c = self.open_write.__enter__()
        self.names = itertools.count()
        self.now_ms = 1
        self.projects: list[str] = []
        self.issued: list[tuple[Key, Key | None]] = []
        self.add_project(None)

    @rule(models=MODELS)
    def add_project(self, models: list[str] | None) -> None:
        self.projects.append(
            projects.create(
                self.c,
                name=f"p{next(self.names)}",
                defaults=LimitDefaults(),
                now_ms=self.now_ms,
                allowed_models=models,
            ).id
        )

    @rule(data=st.data(), models=MODELS)
    def set_models(self, data: st.DataObject, models: list[str] | None) -> None:
        projects.update(self.c, data.draw(st.sampled_from(self.projects)), allowed_models=models)

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        if self.issued:
            key, _ = data.draw(st.sampled_from(self.issued))
            keys.revoke(self.c, key.id, self.now_ms)

    @rule(later_ms=st.integers(1, 10))
    def wait(self, later_ms: int) -> None:
        self.now_ms += later_ms

    @rule(
        data=st.data(),
        rights=RIGHTS,
        models=MODELS,
        requests=LIMITS,
        tokens=LIMITS,
        lives_ms=st.none() | st.integers(1, 30),
    )
    def issue(
        self,
        data: st.DataObject,
        rights: list[Right],
        models: list[str] | None,
        requests: int | None,
        tokens: int | None,
        lives_ms: int | None,
    ) -> None:
        issuer = data.draw(st.sampled_from([None, *(key for key, _ in self.issued)]))
        try:
            key, _ = keys.create(
                self.c,
                PEPPER,
                project_id=data.draw(st.sampled_from(self.projects)),
                name=f"k{next(self.names)}",
                rights=rights,
                allowed_models=models,
                requests_per_minute=requests,
                tokens_per_minute=tokens,
                expires_at_ms=None if lives_ms is None else self.now_ms + lives_ms,
                now_ms=self.now_ms,
                issuer=issuer,
            )
        except (Forbidden, InvalidRequest, Unauthenticated):
            return
        if issuer is not None:
            keys.check_alive(keys.get(self.c, issuer.id), self.now_ms)
        self.issued.append((key, issuer))

    @invariant()
    def no_key_exceeds_its_issuer_or_project(self) -> None:
        found = {project.id: project for project in projects.list_all(self.c)}
        for key, issuer in self.issued:
            project = found[key.project_id]
            assert narrower(keys.usable_models(key, project), project.allowed_models)
            if issuer is None:
                continue
            assert {*key.rights} <= {*issuer.rights}
            assert narrower(key.allowed_models, issuer.allowed_models)
            assert not_above(key.requests_per_minute, issuer.requests_per_minute)
            assert not_above(key.tokens_per_minute, issuer.tokens_per_minute)
            assert not_above(key.expires_at_ms, issuer.expires_at_ms)
            assert key.project_id == issuer.project_id or "operate" in issuer.rights
            if key.project_id == issuer.project_id:
                of_issuer = keys.usable_models(issuer, project)
                assert narrower(keys.usable_models(key, project), of_issuer)

    def teardown(self) -> None:
        self.open_write.__exit__(None, None, None)


def narrower(some: tuple[str, ...] | None, bound: tuple[str, ...] | None) -> bool:
    return bound is None or (some is not None and {*some} <= {*bound})


def not_above(value: int | None, bound: int | None) -> bool:
    return bound is None or (value is not None and value <= bound)


def test_rights_never_grow(new_store: Callable[[], Store]) -> None:
    class Machine(Grants):
        pass

    Machine.new_store = staticmethod(new_store)
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=25, stateful_step_count=30, deadline=None)
    )


def test_an_issuer_that_ended_meanwhile_issues_nothing(store: Store, project: Project) -> None:
    with store.write() as c:
        issuer, _ = keys.create(
            c, PEPPER, project_id=project.id, name="boss", rights=keys.RIGHTS, now_ms=1
        )
        keys.revoke(c, issuer.id, 2)
        with pytest.raises(TramontaneError, match="revoked"):
            keys.create(c, PEPPER, project_id=project.id, name="k", now_ms=3, issuer=issuer)
