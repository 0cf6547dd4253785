"""What tests of the gateway start from: an upstream whose every byte they choose."""

from collections.abc import Iterator

import pytest

from tests.gateway.bytewise import Upstream, run_upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """One upstream for the tests of a module, which change its answers."""
    with run_upstream() as running:
        yield running
