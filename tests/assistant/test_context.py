"""What a model is shown: the branch, its tools, and what fits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.assistant import context
from tramontane.errors import InvalidRequest
from tramontane.store import messages
from tramontane.store.messages import Message, Part, ReasoningPart, Receipt, TextPart, ToolPart


def said(role: messages.Role, *parts: Part | str, **fields: Any) -> Message:
    made = tuple(TextPart(part) if isinstance(part, str) else part for part in parts)
    return messages.new("conv", role, None, 1, parts=made, **fields)


def call(name: str, arguments: str = "{}", result: str | None = "42") -> ToolPart:
    return ToolPart(id=f"call_{name}", name=name, arguments=arguments, result=result)


def test_a_branch_becomes_a_chat() -> None:
    branch = [said("user", "one"), said("assistant", ReasoningPart("hm"), "two"), said("user", "3")]
    assert context.chat(branch) == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "3"},
    ]


def test_answers_without_text_are_left_out_and_questions_joined() -> None:
    branch = [said("user", "one"), said("assistant", status="failed"), said("user", "two")]
    assert context.chat(branch) == [{"role": "user", "content": "one\n\ntwo"}]


def test_calls_and_results_stand_where_they_were_made() -> None:
    answer = said("assistant", "Let me see.", call("a"), call("b", "not json"), "So: 42", call("c"))
    chat = context.chat([said("user", "?"), answer])
    assert [m["role"] for m in chat] == ["user", "assistant", "tool", "tool", "assistant", "tool"]
    assert chat[1]["content"] == "Let me see."
    assert [c["function"]["arguments"] for c in chat[1]["tool_calls"]] == ["{}", "{}"]
    assert chat[2] == {"role": "tool", "tool_call_id": "call_a", "content": "42"}
    assert chat[4]["content"] == "So: 42"


def test_a_call_that_was_cut_off_is_forgotten() -> None:
    answer = said("assistant", "Wait", call("a", result=None))
    assert context.chat([said("user", "?"), answer])[1:] == [
        {"role": "assistant", "content": "Wait"}
    ]


def test_a_broken_answer_is_asked_to_go_on() -> None:
    branch = [said("user", "one"), said("assistant", "tw")]
    chat = context.chat(branch, is_continuing=True)
    assert chat[-1] == {"role": "user", "content": context.CONTINUE}
    empty = [said("user", "one"), said("assistant")]
    assert context.chat(empty, is_continuing=True) == [{"role": "user", "content": "one"}]


def test_instructions_are_one_message_and_none_where_there_are_none() -> None:
    assert context.system_message(None, " ", "") == []
    assert context.system_message("Be brief.", None, "In French.") == [
        {"role": "system", "content": "Be brief.\n\nIn French."}
    ]


def test_what_fits_is_sent_whole() -> None:
    chat = context.chat([said("user", "word " * 100)])
    assert context.fit([], chat, None, None).chat == chat
    assert context.fit([], chat, 1_000, None) == context.Fit(chat)


def test_a_question_too_long_says_by_how_much() -> None:
    chat = context.chat([said("user", "x" * 8_000)])
    with pytest.raises(InvalidRequest) as refused:
        context.fit([], chat, 1_000, None, model="small", is_trimming=True)
    assert refused.value.param == "text"
    # 2,000 tokens and 5 for the message, into 1,000 less a quarter for the answer.
    assert "about 1,255 tokens too long for small" in refused.value.message
    assert "about 5,020 characters" in refused.value.message


def test_trimming_keeps_the_newest_from_a_question_on() -> None:
    branch = [said("user" if n % 2 == 0 else "assistant", f"{n} " + "x" * 400) for n in range(9)]
    chat = context.chat(branch)
    with pytest.raises(InvalidRequest) as refused:
        context.fit([], chat, 600, 100)
    assert refused.value.param == "trim"
    fit = context.fit([], chat, 600, 100, is_trimming=True)
    assert [m["content"][0] for m in fit.chat] == ["6", "7", "8"]
    assert fit.left_out == 6


@given(
    st.lists(st.integers(0, 2_000), min_size=1, max_size=12).filter(lambda sizes: len(sizes) % 2),
    st.integers(16, 3_000),
    st.one_of(st.none(), st.integers(1, 2_000)),
)
def test_what_is_trimmed_fits_and_begins_with_a_question(
    sizes: list[int], window: int, limit: int | None
) -> None:
    branch = [
        said("user" if n % 2 == 0 else "assistant", "y" * size + "z")
        for n, size in enumerate(sizes)
    ]
    chat = context.chat(branch)
    try:
        fit = context.fit([], chat, window, limit, is_trimming=True)
    except InvalidRequest as refused:
        assert refused.param == "text"
        return
    assert context.tokens(fit.chat) <= window
    assert fit.chat[0]["role"] == "user"
    assert fit.chat[-1] == chat[-1]
    assert fit.chat == chat[fit.left_out :]


def test_lengths_are_learnt_from_what_was_counted() -> None:
    receipt = Receipt(
        request_id="r", request_ids=("r",), model="m", deployment="m", prompt_tokens=2_005
    )
    branch = [said("user", "x" * 4_000), said("assistant", "y", receipt=receipt), said("user", "z")]
    assert context.measured([], branch, "m") == pytest.approx(2.0)
    assert context.measured([], branch, "other") == context.BYTES_PER_TOKEN
    assert context.measured([], branch[:1], "m") == context.BYTES_PER_TOKEN
