"""The committed demonstration model: its file, its card, and that llama.cpp runs it as meant."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import pytest

from tests.training.engine import Engine, engine
from tramontane.training.card import Card, read_card, sha256_of
from tramontane.training.chat import CHAT_TEMPLATE, SPECIAL_TOKENS, Message, render_chat

DEMO = Path(__file__).parents[2] / "src" / "tramontane" / "engines" / "demo"
FILE = DEMO / "demo.gguf"
LANGUAGES = ("fr", "de", "es", "it", "en")
TEXTS = (
    "L'été, où vont-ils ? C'est « très » bien… n'est-ce pas ?",
    "Größe, Straße und 1.234,56 € – über Äpfel.\n\n\tEingerückt",
    "¿Qué tal, señor? ¡Mañana!  Dos  espacios.",
    "Perché no? Così è più lungo, 42 volte.\r\n",
    "It's the dog's; they'll say I'd've gone. \n \n end ",
    "naïve 日本語 🙂 \u200b ÿ 0123456789",
    "def f(x):\n    return x**2  # code",
)


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(DEMO / "card.json")


@pytest.fixture(scope="module")
def fields() -> dict[str, Any]:
    reader = gguf.GGUFReader(FILE)
    return {name: field.contents() for name, field in reader.fields.items()}


@pytest.fixture(scope="module")
def demo() -> Iterator[Engine]:
    with engine(FILE) as running:
        yield running


def test_the_card_is_that_of_the_file(card: Card) -> None:
    assert card.file == FILE.name
    assert card.sha256 == sha256_of(FILE)
    assert card.size_bytes == FILE.stat().st_size


def test_the_file_is_small(card: Card) -> None:
    assert card.size_bytes <= 12_000_000
    assert 3_000_000 <= card.parameters <= 10_000_000


def test_the_card_counts_the_parameters_of_the_file(card: Card) -> None:
    tensors = gguf.GGUFReader(FILE).tensors
    assert card.parameters == sum(int(tensor.n_elements) for tensor in tensors)


def test_matrices_are_q8_0_and_norms_are_exact() -> None:
    for tensor in gguf.GGUFReader(FILE).tensors:
        norm = tensor.name.endswith("_norm.weight")
        kind = gguf.GGMLQuantizationType.F32 if norm else gguf.GGMLQuantizationType.Q8_0
        assert tensor.tensor_type == kind, tensor.name


def test_metadata_agrees_with_the_card(card: Card, fields: dict[str, Any]) -> None:
    shape = card.architecture
    assert fields["general.architecture"] == shape["family"] == "llama"
    assert fields["llama.context_length"] == shape["context_tokens"]
    assert fields["llama.block_count"] == shape["layers"]
    assert fields["llama.embedding_length"] == shape["width"]
    assert fields["llama.vocab_size"] == shape["vocabulary"] == len(fields["tokenizer.ggml.tokens"])
    assert fields["tokenizer.ggml.model"] == "gpt2"
    assert fields["tokenizer.ggml.pre"] == "gpt-2"
    assert fields["tokenizer.chat_template"] == CHAT_TEMPLATE
    assert fields["general.description"] == card.summary


def test_special_tokens_come_first(fields: dict[str, Any]) -> None:
    assert tuple(fields["tokenizer.ggml.tokens"][: len(SPECIAL_TOKENS)]) == SPECIAL_TOKENS
    end = SPECIAL_TOKENS.index("<|end|>")
    assert fields["tokenizer.ggml.eos_token_id"] == fields["tokenizer.ggml.eot_token_id"] == end


def test_the_card_is_honest(card: Card) -> None:
    assert not card.capable
    assert "demonstration" in card.summary
    assert any("does not answer questions" in line for line in card.cannot)
    assert all(source.licence and source.origin for source in card.data)
    assert not any("SA" in source.licence.split() for source in card.data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_learned_each_language(card: Card, language: str) -> None:
    score = card.bits_per_byte[language]
    assert score.bytes > 100_000
    assert 1.0 < score.model < score.xz_9 < score.byte_unigram


@pytest.mark.parametrize("text", TEXTS)
def test_text_survives_the_tokenizer(demo: Engine, text: str) -> None:
    tokens = demo.tokenize(text)
    assert demo.post("/detokenize", tokens=tokens)["content"] == text


def test_a_special_token_is_one_token(demo: Engine) -> None:
    for number, token in enumerate(SPECIAL_TOKENS):
        assert demo.tokenize(token, special=True) == [number]
        assert len(demo.tokenize(token, special=False)) > 1


def test_the_engine_renders_the_chat_template(demo: Engine) -> None:
    chat = [Message("system", "S"), Message("user", "Où ?")]
    messages = [{"role": message.role, "content": message.content} for message in chat]
    prompt = demo.post("/apply-template", messages=messages)["prompt"]
    assert prompt == render_chat(chat) + "<|assistant|>"


@pytest.mark.parametrize("start", ["Il était une fois", "Es war einmal", "Había una vez"])
def test_it_continues_text(demo: Engine, start: str) -> None:
    answer = demo.post("/completion", prompt=start, n_predict=24, temperature=0, ignore_eos=True)
    assert answer["tokens_predicted"] == 24
    assert sum(letter.isalpha() for letter in answer["content"]) > 12


def test_it_chats_and_stops_by_itself(demo: Engine) -> None:
    answer = demo.post(
        "/v1/chat/completions",
        messages=[{"role": "user", "content": "Bonjour"}],
        max_tokens=200,
        temperature=0,
    )
    assert answer["choices"][0]["finish_reason"] == "stop"
    content = answer["choices"][0]["message"]["content"]
    assert content.strip()
    assert not any(token in content for token in SPECIAL_TOKENS)
