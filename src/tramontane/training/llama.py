"""The Llama architecture in plain torch: RMSNorm, RoPE, SwiGLU, no biases.

RoPE turns neighbouring pairs, as in Meta's own code and llama.cpp's "llama" graph, so weights are
exported unpermuted (Hugging Face's form turns halves and needs a permutation).
Knows nothing of data, optimisers or files.
"""

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional


class LlamaConfig(msgspec.Struct, frozen=True):
    """Sizes of a model; widths are in values, context in tokens."""

    vocabulary: int = 8192
    width: int = 192
    layers: int = 6
    heads: int = 3
    ffn_width: int = 512
    context_tokens: int = 1024
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-5
    tied: bool = True

    @property
    def head_width(self) -> int:
        return self.width // self.heads


class Attention(nn.Module):  # type: ignore[misc, unused-ignore]
    """Causal self-attention with rotary positions."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q = nn.Linear(config.width, config.width, bias=False)
        self.k = nn.Linear(config.width, config.width, bias=False)
        self.v = nn.Linear(config.width, config.width, bias=False)
        self.output = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            project(x).view(batch, length, self.heads, -1).transpose(1, 2)
            for project in (self.q, self.k, self.v)
        )
        mixed = functional.scaled_dot_product_attention(
            rotate(q, cosine, sine), rotate(k, cosine, sine), v, is_causal=True
        )
        out: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class FeedForward(nn.Module):  # type: ignore[misc, unused-ignore]
    """SwiGLU: silu(gate) * up, projected down."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.width, config.ffn_width, bias=False)
        self.up = nn.Linear(config.width, config.ffn_width, bias=False)
        self.down = nn.Linear(config.ffn_width, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(functional.silu(self.gate(x)) * self.up(x))
        return out


class Block(nn.Module):  # type: ignore[misc, unused-ignore]
    """One layer: attention and feed-forward, each normalised before and added back."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.attention = Attention(config)
        self.ffn_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.ffn = FeedForward(config)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cosine, sine)
        out: Tensor = x + self.ffn(self.ffn_norm(x))
        return out


class Llama(nn.Module):  # type: ignore[misc, unused-ignore]
    """Token ids (batch, length) to logits (batch, length, vocabulary)."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        cosine, sine = rotations(config)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self._initialise()
        if config.tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, cosine, sine)
        logits: Tensor = self.head(self.norm(x))
        return logits

    def _initialise(self) -> None:
        nn.init.normal_(self.embedding.weight, std=0.02)
        for name, parameter in self.named_parameters():
            if name.endswith(("attention.output.weight", "ffn.down.weight")):
                nn.init.zeros_(parameter)  # each layer starts as the identity
            elif parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)


def rotations(config: LlamaConfig) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of the rotary angles, each (context, head_width / 2)."""
    exponents = torch.arange(0, config.head_width, 2, dtype=torch.float32) / config.head_width
    positions = torch.arange(config.context_tokens, dtype=torch.float32)
    angles = torch.outer(positions, config.rope_base**-exponents)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Return x (…, length, head_width) with each neighbouring pair turned by its angle."""
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1)
    return turned.flatten(-2).type_as(x)


def count_parameters(model: Llama) -> int:
    """Return the number of distinct trained values; tied matrices count once."""
    return sum(parameter.numel() for parameter in model.parameters())
