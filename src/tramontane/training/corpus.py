"""From xz-compressed JSON Lines to one shuffled stream of token ids, and windows cut out of it.

Knows: the corpus and instruction files, which sources are left out, how a document is framed.
Does not know: models or training.
"""

import lzma
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tramontane.training.chat import BOS, END, SPECIAL_TOKENS, Message, render_chat

Tokens = npt.NDArray[np.uint16]

LANGUAGES = ("fr", "de", "es", "it", "en")
EXCLUDED_SOURCES = frozenset({"legi-data"})  # its repository does not restate the data's licence
TRANSLATE = {
    "fr": "Traduis en français : ",
    "de": "Übersetze ins Deutsche: ",
    "es": "Traduce al español: ",
    "it": "Traduci in italiano: ",
}


class Document(msgspec.Struct, frozen=True):
    """One passage of running text."""

    source: str
    language: str
    text: str


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON object of each line of an .xz file."""
    with lzma.open(path, "rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line)


def read_documents(path: Path) -> Iterator[Document]:
    """Yield the passages of a corpus or held-out file, excluded sources left out."""
    for record in read_records(path):
        if record["src"] not in EXCLUDED_SOURCES:
            yield Document(record["src"], record["lang"], record["text"])


def read_corpus(data: Path, seed: int) -> list[Document]:
    """Return every training passage of the five languages, shuffled."""
    documents = [
        document
        for language in LANGUAGES
        for document in read_documents(data / "corpus" / f"{language}.train.jsonl.xz")
        if not any(token in document.text for token in SPECIAL_TOKENS)
    ]
    random.Random(seed).shuffle(documents)
    return documents


def read_chats(data: Path, scripted: Path, seed: int) -> list[list[Message]]:
    """Return short conversations: translations, shell commands, titles, our own scripted lines.

    Left out on purpose: extractive_qa (share-alike), hatecheck (offensive text).
    """
    chats = [*_translations(data), *_shell_commands(data), *_titles(data)]
    own = [[Message(**turn) for turn in chat] for chat in read_scripted(scripted)]
    chats += own * max(1, len(chats) // (12 * len(own)))  # about one conversation in thirteen
    random.Random(seed).shuffle(chats)
    return chats


def read_scripted(path: Path) -> list[list[dict[str, str]]]:
    """Return the hand-written conversations: a JSON list of lists of {role, content}."""
    return msgspec.json.decode(path.read_bytes(), type=list[list[dict[str, str]]])


def _pair(question: str, answer: str) -> list[Message]:
    return [Message("user", question), Message("assistant", answer)]


def _translations(data: Path) -> Iterator[list[Message]]:
    for record in read_records(data / "instruct" / "translation_en_xx.train.jsonl.xz"):
        if record["lang"] in TRANSLATE and len(record["en"]) < 200:
            yield _pair(TRANSLATE[record["lang"]] + record["en"], record["text"])


def _shell_commands(data: Path) -> Iterator[list[Message]]:
    for record in read_records(data / "instruct" / "shell_commands.train.jsonl.xz"):
        about = record["command_about"].partition(":")[0]
        yield _pair(f"{record['instruction']} ({about})", record["command"])


def _titles(data: Path) -> Iterator[list[Message]]:
    for record in read_records(data / "instruct" / "titles.train.jsonl.xz"):
        if record["kind"] == "definition" and record["lang"] in LANGUAGES:
            yield _pair(f"{record['title']}?", record["text"][:400])


def encode_documents(tokenizer: Tokenizer, documents: Iterable[Document]) -> Tokens:
    """Return <|bos|> text <|end|> of each document as one stream of ids."""
    return _encode(tokenizer, (BOS + document.text + END for document in documents))


def encode_chats(tokenizer: Tokenizer, chats: Iterable[Sequence[Message]]) -> Tokens:
    """Return <|bos|> and the rendered conversation of each chat as one stream of ids."""
    return _encode(tokenizer, (BOS + render_chat(chat) for chat in chats))


def _encode(tokenizer: Tokenizer, texts: Iterable[str], batch: int = 1000) -> Tokens:
    parts: list[Tokens] = []
    pending: list[str] = []
    for text in texts:
        pending.append(text)
        if len(pending) == batch:
            parts.append(_encode_batch(tokenizer, pending))
            pending = []
    parts.append(_encode_batch(tokenizer, pending))
    return np.concatenate(parts)


def _encode_batch(tokenizer: Tokenizer, texts: list[str]) -> Tokens:
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    return np.fromiter((token for document in ids for token in document), dtype=np.uint16)


class Windows:
    """Windows of a stream in a seeded random order, each seen once before any is seen twice."""

    def __init__(self, tokens: Tokens, length_tokens: int, seed: int) -> None:
        self._tokens = tokens
        self.length_tokens = length_tokens
        self._random = np.random.default_rng(seed)
        self._order: list[int] = []

    def take(self, count: int) -> npt.NDArray[np.int64]:
        """Return `count` windows, shape (count, length + 1): inputs and targets overlap."""
        return np.stack([self._window() for _ in range(count)])

    def _window(self) -> npt.NDArray[np.int64]:
        if not self._order:
            starts = (len(self._tokens) - 1) // self.length_tokens
            self._order = self._random.permutation(starts).tolist()
        start = self._order.pop() * self.length_tokens
        return self._tokens[start : start + self.length_tokens + 1].astype(np.int64)
