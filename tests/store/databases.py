"""Which databases a test of the store runs on: both, unless it is about SQLite's own ways."""

import pytest

KINDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
