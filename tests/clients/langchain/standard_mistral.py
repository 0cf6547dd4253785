"""LangChain's own standard tests for chat models and embeddings, on langchain-mistralai."""

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_mistralai import ChatMistralAI, MistralAIEmbeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from tests.clients.langchain.asked import KEY, MODEL, URL, Chat


class TestChat(Chat):
    """POST /chat/completions."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatMistralAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": MODEL, "base_url": URL, "api_key": KEY, "max_retries": 0}


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
