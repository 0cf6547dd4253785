"""ChatGPT's export: branches, hidden nodes, tools, reasoning, what cannot be kept."""

from typing import Any

import pytest

from tests.assistant.transfer.samples import chatgpt, chatgpt_rich, node
from tramontane.assistant.transfer.chatgpt import is_one, read
from tramontane.assistant.transfer.records import (
    WORDS,
    ImportedConversation,
    ImportedMessage,
    NotUnderstood,
    Reasoning,
    Text,
    ToolUse,
)


def taken(element: dict[str, Any]) -> ImportedConversation:
    assert is_one(element)
    return read(element, "unnamed", WORDS["en"])


def by_key(conversation: ImportedConversation) -> dict[str, ImportedMessage]:
    return {message.key: message for message in conversation.messages}


def test_a_whole_conversation() -> None:
    conversation = taken(chatgpt_rich())
    assert (conversation.title, conversation.key) == ("Le vent", "aaaa-1111")
    assert conversation.created_at_ms == 1_700_000_000_500
    assert conversation.updated_at_ms == 1_700_000_100_500
    found = by_key(conversation)
    assert {key: message.parent for key, message in found.items()} == {
        "q1": None,
        "think": "q1",
        "a1b": "q1",
        "q2": "think",
        "a2": "q2",
        "q2b": "think",
        "a2b": "q2b",
    }
    assert found["think"].parts == (
        Reasoning("**Winds**\n\nIt blows from the north."),
        ToolUse(id="call", name="web", arguments="search('wind')", result="A cold wind."),
        Text("A **cold** wind([Météo](https://example.org))."),
    )
    assert (found["think"].model, found["a1b"].model, found["q1"].model) == ("gpt-4o", "o3", None)
    assert found["q1"].created_at_ms == 1_700_000_001_250
    assert found["q2"].parts == (Text("[image]\n\nAnd this?\n\n[plan  1 .pdf]"),)
    assert conversation.left_out == {"image": 1, "file": 1}
    assert conversation.shown == "a2b"
    assert "secret" not in repr(conversation)


def test_a_turn_that_divides_becomes_alternatives() -> None:
    nodes = [
        node("q", None, "user", "?"),
        node("a", "q", "assistant", "Let me see.", at=1),
        node("b", "a", "assistant", "One.", at=2),
        node("c", "a", "assistant", "Two.", at=3),
    ]
    found = by_key(taken(chatgpt(nodes, "b")))
    assert {key: (m.parent, m.parts) for key, m in found.items() if key != "q"} == {
        "a": ("q", (Text("Let me see.\n\nOne."),)),
        "c": ("q", (Text("Let me see.\n\nTwo."),)),
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"content_type": "code", "language": "python", "text": "a"}, "```python\na\n```"),
        ({"content_type": "code", "language": "x`", "text": "```"}, "````\n```\n````"),
        ({"content_type": "tether_quote", "text": "quoted", "url": "u"}, "quoted"),
        ({"content_type": "text", "parts": ["a\0b\ud83d", 7, None]}, "ab�"),
        (
            {
                "content_type": "multimodal_text",
                "parts": [
                    {"content_type": "audio_transcription", "text": "Said."},
                    {"content_type": "audio_asset_pointer"},
                ],
            },
            "Said.",
        ),
        ({"content_type": "new_kind", "parts": [{"content_type": "x"}]}, "[content]"),
    ],
)
def test_kinds_of_content(content: dict[str, Any], expected: str) -> None:
    conversation = taken(chatgpt([node("a", None, "assistant", content=content)], "a"))
    text = conversation.messages[0].parts[0]
    assert isinstance(text, Text)
    assert text.text.replace("\n\n[content]\n\n[content]", "") == expected


def test_thinking_aloud_and_whole_web_pages() -> None:
    page = {"content_type": "sonic_webpage", "url": "https://a.example", "text": "x" * 30_000}
    nodes = [
        node("q", None, "user", "?"),
        node("think", "q", "assistant", "Hm.", channel="analysis", at=1),
        node("call", "think", "assistant", "{}", recipient="web.run", at=2),
        node("page", "call", "tool", content=page, name="web.run", at=3),
        node("a", "page", "assistant", "So.", channel="final", at=4),
    ]
    conversation = taken(chatgpt(nodes, "a", pinned_time=1_700_000_000.0))
    assert conversation.is_pinned
    reasoning, tool, text = conversation.messages[1].parts
    assert (reasoning, text) == (Reasoning("Hm."), Text("So."))
    assert isinstance(tool, ToolUse) and tool.result is not None
    assert (tool.name, len(tool.result)) == ("web.run", 20_000)


def test_damaged_trees() -> None:
    nodes = [
        node("q", "gone", "user", "?"),
        node("a", "q", "assistant", "!"),
        node("x", "y", "user", "never reached"),
        node("y", "x", "user", "a circle"),
    ]
    conversation = taken(chatgpt(nodes, "nowhere", title=None, create_time="soon"))
    assert [message.key for message in conversation.messages] == ["q", "a"]
    assert conversation.shown == "a"
    assert conversation.title == ""
    odd: dict[str, Any] = {"a": None, "b": 7, "c": {"message": {"author": []}}}
    for broken in ({}, odd):
        with pytest.raises(NotUnderstood) as caught:
            taken({"title": "Nothing", "mapping": broken})
        assert (caught.value.reason, caught.value.title) == ("empty", "Nothing")


def test_a_comb_is_not_multiplied_without_end() -> None:
    nodes = [node("q", None, "user", "?")]
    before = "q"
    for n in range(4000):
        nodes.append(node(f"a{n}", before, "assistant", "x" * 100, at=n))
        nodes.append(node(f"b{n}", before, "assistant", "y", at=n))
        before = f"a{n}"
    with pytest.raises(NotUnderstood) as caught:
        taken(chatgpt(nodes, before))
    assert caught.value.reason == "too_large"


def test_a_long_chain_is_read() -> None:
    nodes = [node("m0", None, "user", "0")]
    for n in range(1, 19_000):
        role = "assistant" if n % 2 else "user"
        nodes.append(node(f"m{n}", f"m{n - 1}", role, str(n), at=n))
    assert len(taken(chatgpt(nodes, "m18999")).messages) == 19_000
