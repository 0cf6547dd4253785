"""LangChain's own standard tests for chat models and embeddings, on langchain-openai.

Run by `test_langchain_openai.py` in a child process, which says in the environment where to ask.
Nothing of the standard tests is changed. Those of pictures are left out: they fetch theirs from
the network (pictures are tried with OpenAI's own client).
"""

import os
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

URL = os.environ["LANGCHAIN_URL"]
KEY = os.environ["LANGCHAIN_KEY"]
MODEL = os.environ["LANGCHAIN_MODEL"]


class _Chat(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        # At an address that is not OpenAI's own, this client asks for usage only when told to.
        return {
            "model": MODEL,
            "base_url": URL,
            "api_key": KEY,
            "max_retries": 0,
            "stream_usage": True,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return MODEL


class TestChatCompletions(_Chat):
    """POST /chat/completions."""


class TestResponses(_Chat):
    """POST /responses."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "use_responses_api": True}


class TestEmbeddings(EmbeddingsIntegrationTests):
    """POST /embeddings."""

    @property
    def embeddings_class(self) -> type[OpenAIEmbeddings]:
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        # Counting tokens before would need a file from the network.
        return {
            "model": MODEL,
            "base_url": URL,
            "api_key": KEY,
            "check_embedding_ctx_length": False,
        }
