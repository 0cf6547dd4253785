"""Model files, the deployments that use them and the engines that serve these."""

import msgspec
import pytest

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import deployments, engines, models
from tramontane.store.database import Store
from tramontane.store.records import EngineInstance, ModelFile, StoredDeployment


def model(name: str, sha256: str) -> ModelFile:
    return ModelFile(
        name=name,
        sha256=sha256,
        size_bytes=12,
        architecture="llama",
        parameters=5_000_000,
        quantisation="Q8_0",
        context_tokens=512,
        has_chat_template=True,
        added_at_ms=3,
    )


def deployment(name: str, sha256: str, settings: bytes = b"{}") -> StoredDeployment:
    return StoredDeployment(name=name, model_sha256=sha256, settings=settings, created_at_ms=4)


def test_a_model_is_found_by_name_and_by_the_beginning_of_its_hash(store: Store) -> None:
    small, large = model("small", "abcdef" + "0" * 58), model("large", "abcdef" + "1" * 58)
    with store.write() as c:
        models.add(c, small)
        models.add(c, large)
        assert models.list_all(c) == [large, small]
        assert models.get(c, "small") == models.get(c, "abcdef0") == small
        assert models.get(c, large.sha256) == large
        with pytest.raises(InvalidRequest, match="several"):
            models.get(c, "abcdef")
        for unknown in ("abcde", "%" * 8, "_" * 8):
            with pytest.raises(NotFound):
                models.get(c, unknown)
        with pytest.raises(NotFound, match="did you mean small"):
            models.get(c, "smal")


def test_a_model_is_added_once(store: Store) -> None:
    with store.write() as c:
        models.add(c, model("small", "a" * 64))
        with pytest.raises(Conflict, match="already, as 'small'"):
            models.add(c, model("other", "a" * 64))
        with pytest.raises(Conflict, match="named 'small'"):
            models.add(c, model("small", "b" * 64))
        with pytest.raises(InvalidRequest):
            models.add(c, model("../x", "c" * 64))


def test_a_deployed_model_stays(store: Store) -> None:
    with store.write() as c:
        models.add(c, model("small", "a" * 64))
        deployments.put(c, deployment("chat", "a" * 64))
        with pytest.raises(Conflict, match="deployed as chat"):
            models.remove(c, "a" * 64)
        deployments.remove(c, "chat")
        models.remove(c, "a" * 64)
        assert models.list_all(c) == []
        with pytest.raises(NotFound):
            models.remove(c, "a" * 64)


def test_a_deployment_is_replaced_by_name(store: Store) -> None:
    with store.write() as c:
        models.add(c, model("small", "a" * 64))
        deployments.put(c, deployment("chat", "a" * 64))
        deployments.put(c, deployment("chat", "a" * 64, b'{"threads":2}'))
        assert deployments.list_all(c) == [deployment("chat", "a" * 64, b'{"threads":2}')]
        with pytest.raises(NotFound):
            deployments.put(c, deployment("chat", "b" * 64))
        with pytest.raises(NotFound, match="did you mean chat"):
            deployments.remove(c, "chatt")


def test_engines_are_known_by_deployment_and_move_the_revision(store: Store) -> None:
    starting = EngineInstance(
        deployment="chat", nonce="n1", address=None, state="starting", updated_at_ms=1
    )
    ready = msgspec.structs.replace(
        starting, state="ready", address="127.0.0.1:5", pid=7, supports_tools=True
    )
    before = store.revision()
    with store.write() as c:
        engines.put_instance(c, starting)
        engines.put_instance(c, ready)
        assert engines.list_instances(c) == [ready]
    assert store.revision() == before + 2
    with store.write() as c:
        engines.remove_instance(c, "chat")
        engines.remove_instance(c, "chat")
        assert engines.list_instances(c) == []
    assert store.revision() == before + 3
