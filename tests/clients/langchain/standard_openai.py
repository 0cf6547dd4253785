"""LangChain's own standard tests for chat models and embeddings, on langchain-openai."""

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests

from tests.clients.langchain.asked import KEY, MODEL, URL, Chat


class TestChatCompletions(Chat):
    """POST /chat/completions."""

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


class TestResponses(TestChatCompletions):
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
