"""Held-out bits per byte of a model and of two baselines that need no training of ours.

Knows nothing of how a model was trained.
"""

import lzma
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from tramontane.training.chat import BOS
from tramontane.training.llama import Llama


def bits_per_byte(model: Llama, tokenizer: Tokenizer, texts: Iterable[str]) -> float:
    """Return the model's bits per UTF-8 byte over whole texts.

    Each text starts with BOS. Windows overlap by half, so a token beyond a text's first window is
    predicted from at least half a context. The end of a text is not scored.
    """
    nats, size_bytes = 0.0, 0
    for text in texts:
        tokens = tokenizer.encode(BOS + text).ids
        nats += _nats(model, tokens)
        size_bytes += len(text.encode())
    return nats / math.log(2) / size_bytes


def _nats(model: Llama, tokens: Sequence[int]) -> float:
    context = model.config.context_tokens
    total, scored = 0.0, 1  # BOS itself is given
    while scored < len(tokens):
        start = 0 if scored == 1 else scored - context // 2
        window = torch.tensor([tokens[start : start + context + 1]])
        with torch.inference_mode():
            logits = model(window[:, :-1])[0, scored - start - 1 :].float()
        targets = window[0, scored - start :]
        total += functional.cross_entropy(logits, targets, reduction="sum").item()
        scored += len(targets)
    return total


def unigram_bits_per_byte(texts: Sequence[str]) -> float:
    """Return the entropy of single bytes, counted on the very texts: a lower bound of its kind."""
    counts = Counter(byte for text in texts for byte in text.encode())
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values())


def xz_bits_per_byte(texts: Sequence[str]) -> float:
    """Return the bits per byte after xz -9 of all texts joined by newlines."""
    joined = "\n".join(texts).encode()
    return 8 * len(lzma.compress(joined, preset=9 | lzma.PRESET_EXTREME)) / len(joined)
