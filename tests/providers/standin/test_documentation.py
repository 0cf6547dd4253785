"""Everything a stand-in can be told stands in docs/standin.md."""

import re
from pathlib import Path
from typing import get_args

import pytest

from tramontane.providers.standin import Behaviour, Request, Rule, StandinOptions
from tramontane.providers.standin.behaviour import FAULTS, UsageForm

TEXT = (Path(__file__).parents[3] / "docs" / "standin.md").read_text()


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            *Behaviour.__struct_fields__,
            *Rule.__struct_fields__,
            *StandinOptions.__struct_fields__,
            *FAULTS,
            *get_args(UsageForm),
        }
    ),
)
def test_it_is_documented(name: str) -> None:
    assert re.search(rf"[`\n]{name}\b", TEXT) or f"{name} =" in TEXT


def test_the_record_is_documented() -> None:
    told = {name for name in Request.__struct_fields__ if f"`{name}`" in TEXT}
    summed_up = {"request_bytes", "response_bytes", "started_at_ms", "ended_at_ms"}
    kept_on_demand = {"headers", "body"}
    assert told | summed_up | kept_on_demand == set(Request.__struct_fields__)
