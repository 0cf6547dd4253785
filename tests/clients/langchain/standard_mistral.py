"""LangChain's own standard tests for chat models and embeddings, on langchain-mistralai.

Run by `test_langchain_mistral.py` in a child process, which says in the environment where to ask.
Nothing of the standard tests is changed. Those of pictures are left out: they fetch theirs from
the network (pictures are tried with Mistral's own client).
"""

import os
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_mistralai import ChatMistralAI, MistralAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

URL = os.environ["LANGCHAIN_URL"]
KEY = os.environ["LANGCHAIN_KEY"]
MODEL = os.environ["LANGCHAIN_MODEL"]


class TestChat(ChatModelIntegrationTests):
    """POST /chat/completions."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatMistralAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": MODEL, "base_url": URL, "api_key": KEY, "max_retries": 0}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return MODEL


class TestEmbeddings(EmbeddingsIntegrationTests):
    """POST /embeddings."""

    @property
    def embeddings_class(self) -> type[MistralAIEmbeddings]:
        return MistralAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        # The tokenizer that it would fetch from the network only cuts long inputs into batches.
        return {
            "model": MODEL,
            "endpoint": f"{URL}/",
            "api_key": KEY,
            "tokenizer": Tokenizer(WordLevel({"?": 0}, unk_token="?")),
        }
