"""Open WebUI's export: answers side by side, reasoning and tools in the text, older files."""

from tests.assistant.transfer.samples import openwebui
from tramontane.assistant.transfer.openwebui import is_one, read
from tramontane.assistant.transfer.records import WORDS, Reasoning, Text, ToolUse


def test_a_whole_chat() -> None:
    assert is_one(openwebui())
    chat = read(openwebui(), "unnamed", WORDS["fr"])
    assert (chat.key, chat.title, chat.instructions) == ("bbbb-2222", "Sums", "Be brief.")
    assert (chat.is_archived, chat.is_pinned, chat.shown) == (True, True, "u2")
    assert (chat.created_at_ms, chat.updated_at_ms) == (1_700_000_000_000, 1_700_000_060_000)
    assert chat.left_out == {"file": 1}
    found = {message.key: message for message in chat.messages}
    assert {key: m.parent for key, m in found.items()} == {
        "u1": None,
        "m1": "u1",
        "m2": "u1",
        "u2": "m1",
    }
    assert found["u1"].parts == (Text("2+3?\n\n[sums.csv]"),)
    assert found["m1"].parts == (
        Reasoning("First, 2 < 3.\nThen add."),
        ToolUse(id="call_1", name="calculator", arguments='{"sum": "2+3"}', result="5"),
        Text("It is 5."),
    )
    assert (found["m1"].model, found["m1"].rating, found["m1"].rating_reason) == (
        "mistral-small",
        "up",
        "right",
    )
    assert (found["m2"].rating, found["m2"].rating_reason) == ("down", "wrong")


def test_an_older_chat_is_a_plain_list() -> None:
    messages = [
        {"role": "system", "content": "hidden"},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url"}]},
        {"role": "assistant", "content": "Hi", "timestamp": 1_700_000_000_000_000_000},
    ]
    chat = read({"title": "Old", "messages": messages}, "unnamed", WORDS["de"])
    assert chat.key == "unnamed"
    assert [(m.parent, m.parts) for m in chat.messages] == [
        (None, (Text("Hello\n\n[Bild]"),)),
        ("message-1", (Text("Hi"),)),
    ]
    assert chat.messages[1].created_at_ms == 1_700_000_000_000


def test_unknown_and_unfinished_details_stay_text() -> None:
    for text in (
        '<details type="own"><summary>s</summary>x</details> after',
        'before <details type="reasoning" done="true"> never ends',
        '</details> <details type="',
    ):
        message = {"role": "assistant", "content": text}
        chat = read({"messages": [message]}, "unnamed", WORDS["en"])
        assert chat.messages[0].parts == (Text(text.replace("> after", ">\n\nafter")),)
    many = '<details type="x">' * 200_000
    read({"messages": [{"role": "assistant", "content": many}]}, "unnamed", WORDS["en"])
