"""A tiny BERT written as GGUF by the `gguf` package: a model that gives vectors, and no text.

Its weights are random. Words that it does not know it spells by letters.
"""

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, "▁hello", "▁world", "▁the", "▁sea", *("▁" + c for c in LETTERS), *LETTERS]
WIDTH, HEADS = 32, 4

Matrix = npt.NDArray[np.float32]


def write_tiny_bert(path: Path, *, context_tokens: int = 128) -> Path:
    """Write the model to `path` and return it; it takes the vector of `[CLS]` for a text's."""
    kinds = gguf.TokenType
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(WORDS)
    normal = len(WORDS) - len(SPECIAL)
    writer.add_token_types([kinds.CONTROL] * len(SPECIAL) + [kinds.NORMAL] * normal)
    writer.add_token_type_count(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_eos_token_id(3)
    writer.add_mask_token_id(4)
    for name, tensor in _weights(context_tokens).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _weights(context_tokens: int) -> dict[str, Matrix]:
    random = np.random.default_rng(0)

    def draw(*shape: int) -> Matrix:
        return random.normal(0, 0.5, shape).astype(np.float32)

    tensors = {
        "token_embd.weight": draw(len(WORDS), WIDTH),
        "token_types.weight": draw(2, WIDTH),
        "position_embd.weight": draw(context_tokens, WIDTH),
    }
    for norm in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        tensors[f"{norm}.weight"] = np.ones(WIDTH, dtype=np.float32)
        tensors[f"{norm}.bias"] = np.zeros(WIDTH, dtype=np.float32)
    shapes = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (WIDTH, WIDTH))
    shapes |= {"ffn_up": (2 * WIDTH, WIDTH), "ffn_down": (WIDTH, 2 * WIDTH)}
    for name, shape in shapes.items():
        tensors[f"blk.0.{name}.weight"] = draw(*shape)
        tensors[f"blk.0.{name}.bias"] = np.zeros(shape[0], dtype=np.float32)
    return tensors
