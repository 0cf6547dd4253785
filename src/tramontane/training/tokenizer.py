"""Byte-level BPE for our own models, in the exact form llama.cpp reads back from a GGUF file.

Knows: the GPT-2 split (llama.cpp's pre-tokenizer "gpt-2") and that special tokens come first.
Does not know: models, training, files other than tokenizer.json.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tramontane.training.chat import SPECIAL_TOKENS


def train_tokenizer(texts: Iterable[str], vocabulary_size: int) -> Tokenizer:
    """Return a byte-level BPE tokenizer of exactly `vocabulary_size` tokens, specials first.

    No normaliser and no prefix space, as llama.cpp has neither for this type.
    """
    tokenizer = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def tokenizer_of(pieces: Sequence[str], merges: Sequence[str]) -> Tokenizer:
    """Return the tokenizer with these pieces, in the order of their ids, and these merges."""
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    pairs = [tuple(merge.split(" ")) for merge in merges]
    tokenizer = _byte_level(models.BPE(vocabulary, pairs))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def _byte_level(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def merges_of(tokenizer: Tokenizer) -> list[str]:
    """Return the merges in rank order, in GGUF's form: two pieces and one space between."""
    merges = msgspec.json.decode(tokenizer.to_str())["model"]["merges"]
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]


def load_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer stored in a tokenizer.json."""
    return Tokenizer.from_file(str(path))
