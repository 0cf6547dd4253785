"""Tiny llamas written as GGUF by the `gguf` package, to load into a real llama.cpp.

`write_tiny` has random weights and babbles one byte a token; with `script` it has weights that
make it say those pieces, one a token, then stop. Neither owes anything to our own exporter, so
that what reads them is tested against an independent writer.
"""

from collections.abc import Sequence
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
EOS = 2
TEMPLATE = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
HEADS = 4

Matrix = npt.NDArray[np.float32]


def write_tiny(
    path: Path,
    *,
    script: Sequence[str] = (),
    context_tokens: int = 4096,
    template: str | None = TEMPLATE,
    seed: int = 0,
    layers: int = 1,
    width: int = 32,
    fills_in: bool = False,
) -> Path:
    """Write the model to `path` and return it; the same arguments give the same bytes.

    `fills_in`: some of its tokens mean what is before and after a place to be filled in.
    """
    vocabulary = [*SPECIAL, *BYTES, *script]
    writer = gguf.GGUFWriter(path, "llama")
    _add_shape(writer, context_tokens, layers, width)
    _add_vocabulary(writer, vocabulary)
    if fills_in:
        for token, meaning in enumerate(("pre", "suf", "mid"), start=len(SPECIAL)):
            writer.add_uint32(f"tokenizer.ggml.fim_{meaning}_token_id", token)
    if template is not None:
        writer.add_chat_template(template)
    for name, tensor in _weights(len(vocabulary), len(script), seed, layers, width).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _weights(vocabulary: int, script: int, seed: int, layers: int, width: int) -> dict[str, Matrix]:
    random = np.random.default_rng(seed)
    scale = 0.0 if script else 0.5

    def draw(*shape: int) -> Matrix:
        return (random.normal(0, 1, shape) * scale).astype(np.float32)

    ones = np.ones(width, dtype=np.float32)
    tensors = {"token_embd.weight": draw(vocabulary, width)}
    for block in (f"blk.{layer}" for layer in range(layers)):
        tensors[f"{block}.attn_norm.weight"] = ones
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors[f"{block}.{name}.weight"] = draw(width, width)
        tensors[f"{block}.ffn_norm.weight"] = ones
        tensors[f"{block}.ffn_gate.weight"] = draw(2 * width, width)
        tensors[f"{block}.ffn_up.weight"] = draw(2 * width, width)
        tensors[f"{block}.ffn_down.weight"] = draw(width, 2 * width)
    tensors["output_norm.weight"] = ones
    tensors["output.weight"] = draw(vocabulary, width)
    if script:
        _chain(tensors["token_embd.weight"], tensors["output.weight"], script)
    return tensors


def _chain(embedding: Matrix, output: Matrix, script: int) -> None:
    """Make every ordinary token lead to the first piece, each piece to the next, the last to EOS.

    Axis 0 says "ordinary", axis k "piece k"; so there are at most width - 1 pieces.
    """
    first = len(SPECIAL) + len(BYTES)
    embedding[:first, 0] = 1.0
    output[first, 0] = 10.0
    for piece in range(1, script + 1):
        embedding[first + piece - 1, piece] = 1.0
        output[first + piece if piece < script else EOS, piece] = 10.0


def _add_shape(writer: gguf.GGUFWriter, context_tokens: int, layers: int, width: int) -> None:
    writer.add_name("tiny")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // HEADS)


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: list[str]) -> None:
    kinds = gguf.TokenType
    pieces = len(vocabulary) - len(SPECIAL) - len(BYTES)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(vocabulary)
    writer.add_token_scores([0.0] * len(vocabulary))
    writer.add_token_types(
        [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
        + [kinds.BYTE] * len(BYTES)
        + [kinds.NORMAL] * pieces
    )
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)
