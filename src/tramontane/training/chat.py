"""The chat form of our own models: special tokens, template, and conversations rendered by it.

Needs no training library. Does not know what a tokenizer or a model does with the text.
"""

from collections.abc import Sequence

import msgspec

BOS = "<|bos|>"
END = "<|end|>"  # ends a turn and a document: llama.cpp knows this spelling as end-of-turn
USER = "<|user|>"
ASSISTANT = "<|assistant|>"
SYSTEM = "<|system|>"
SPECIAL_TOKENS = (BOS, END, USER, ASSISTANT, SYSTEM)

# BOS is not in the template: the engine puts it before every prompt (add_bos_token).
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' + message['content'] + '<|end|>' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: str
    content: str


def render_chat(messages: Sequence[Message]) -> str:
    """Return the conversation as CHAT_TEMPLATE renders it without a generation prompt.

    >>> render_chat([Message("user", "Ciao"), Message("assistant", "Buongiorno")])
    '<|user|>Ciao<|end|><|assistant|>Buongiorno<|end|>'
    """
    return "".join(f"<|{message.role}|>{message.content}{END}" for message in messages)
