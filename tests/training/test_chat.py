"""Conversations are rendered in one form, and every role has its special token."""

from tramontane.training.chat import (
    ASSISTANT,
    BOS,
    CHAT_TEMPLATE,
    END,
    SPECIAL_TOKENS,
    SYSTEM,
    USER,
    Message,
    render_chat,
)


def test_a_conversation_is_turns_each_closed() -> None:
    chat = [Message("system", "S"), Message("user", "U"), Message("assistant", "A")]
    assert render_chat(chat) == f"{SYSTEM}S{END}{USER}U{END}{ASSISTANT}A{END}"


def test_the_template_leaves_bos_to_the_engine() -> None:
    assert BOS in SPECIAL_TOKENS
    assert BOS not in CHAT_TEMPLATE
    assert END in CHAT_TEMPLATE
