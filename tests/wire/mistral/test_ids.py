"""Ids that Mistral would refuse are replaced at both ends of a call, and nowhere else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tramontane.wire.mistral.asking import call_id
from tramontane.wire.mistral.ids import fitting

FOREIGN = "call_0c7d3bc48cfb926fbe26957f__ts__c3Rh"


def test_calls_and_results_still_meet() -> None:
    function = {"name": "f", "arguments": {"id": "other", "tool_call_id": 3}}
    messages = [
        {"role": "user", "content": f'say "id": "{FOREIGN}"'},
        {"role": "assistant", "tool_calls": [{"id": FOREIGN, "function": function}]},
        {"role": "tool", "tool_call_id": FOREIGN, "content": "1"},
        {"role": "assistant", "tool_calls": [{"id": "abcDEF123", "function": function}]},
        {"role": "tool", "tool_call_id": "abcDEF123", "content": "2"},
    ]
    for separators in ((",", ":"), (", ", ": ")):
        raw = json.dumps(messages, separators=separators).encode()
        made = json.loads(fitting(raw))
        assert made[1]["tool_calls"][0]["id"] == made[2]["tool_call_id"] == call_id(FOREIGN)
        assert made[1]["tool_calls"][0]["function"] == function
        assert (made[0], made[3:]) == (messages[0], messages[3:])


@given(st.text(max_size=40))
def test_what_has_no_foreign_id_is_the_very_same(text: str) -> None:
    raw = json.dumps([{"content": text}, {"tool_call_id": "abcDEF123"}]).encode()
    assert fitting(raw) is raw
