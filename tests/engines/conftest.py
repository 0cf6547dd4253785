"""Model files that the tests of engines load."""

from pathlib import Path

import pytest

from tests.engines.tiny import write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that babbles quickly."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="session")
def hello(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that always says "Hello world." and stops."""
    path = tmp_path_factory.mktemp("hello") / "hello.gguf"
    return write_tiny(path, script=["Hello", " world", "."])


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with work to do for each token, and room for minutes of them."""
    path = tmp_path_factory.mktemp("slow") / "slow.gguf"
    return write_tiny(path, layers=6, width=384, context_tokens=65_536)
