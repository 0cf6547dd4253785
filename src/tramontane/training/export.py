"""A trained Llama and its tokenizer to one GGUF file (Q8_0), and back again.

The way back (`read_gguf`) gives the very weights an engine computes with, so that held-out figures
can be measured on the exported file. Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md.
Knows nothing of training or data.
"""

from collections.abc import Iterator
from pathlib import Path

import gguf
import msgspec
import numpy as np
import numpy.typing as npt
import torch
from gguf.quants import dequantize, quantize
from tokenizers import Tokenizer

from tramontane.training.chat import BOS, CHAT_TEMPLATE, END, SPECIAL_TOKENS
from tramontane.training.llama import Llama, LlamaConfig
from tramontane.training.tokenizer import merges_of, tokenizer_of

# our module names → llama.cpp's tensor names; a layer's are prefixed with blk.N.
LAYER_TENSORS = {
    "attention_norm": "attn_norm",
    "attention.q": "attn_q",
    "attention.k": "attn_k",
    "attention.v": "attn_v",
    "attention.output": "attn_output",
    "ffn_norm": "ffn_norm",
    "ffn.gate": "ffn_gate",
    "ffn.up": "ffn_up",
    "ffn.down": "ffn_down",
}


class Identity(msgspec.Struct, frozen=True):
    """What the file says about itself."""

    name: str
    description: str
    author: str
    licence: str
    languages: tuple[str, ...]


def tensor_names(config: LlamaConfig) -> Iterator[tuple[str, str]]:
    """Yield (our parameter name, GGUF tensor name) for every matrix and norm."""
    yield "embedding.weight", "token_embd.weight"
    for layer in range(config.layers):
        for ours, theirs in LAYER_TENSORS.items():
            yield f"blocks.{layer}.{ours}.weight", f"blk.{layer}.{theirs}.weight"
    yield "norm.weight", "output_norm.weight"
    if not config.tied:  # without output.weight the engine uses token_embd.weight
        yield "head.weight", "output.weight"


def write_gguf(path: Path, model: Llama, tokenizer: Tokenizer, identity: Identity) -> None:
    """Write the model as GGUF: matrices in Q8_0, norms in F32."""
    writer = gguf.GGUFWriter(path, "llama")
    _add_identity(writer, identity)
    _add_architecture(writer, model.config)
    _add_tokenizer(writer, tokenizer)
    state = model.state_dict()
    for ours, theirs in tensor_names(model.config):
        values = state[ours].float().numpy()
        if values.ndim == 1:
            writer.add_tensor(theirs, values)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(theirs, quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_identity(writer: gguf.GGUFWriter, identity: Identity) -> None:
    writer.add_name(identity.name)
    writer.add_description(identity.description)
    writer.add_author(identity.author)
    writer.add_license(identity.licence)
    writer.add_languages(list(identity.languages))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _add_architecture(writer: gguf.GGUFWriter, config: LlamaConfig) -> None:
    writer.add_context_length(config.context_tokens)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.ffn_width)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.heads)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_rope_dimension_count(config.head_width)
    writer.add_vocab_size(config.vocabulary)


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    pieces = [tokenizer.id_to_token(token) for token in range(tokenizer.get_vocab_size())]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(pieces)
    writer.add_token_types(
        [
            gguf.TokenType.CONTROL if piece in SPECIAL_TOKENS else gguf.TokenType.NORMAL
            for piece in pieces
        ]
    )
    writer.add_token_merges(merges_of(tokenizer))
    writer.add_bos_token_id(tokenizer.token_to_id(BOS))
    writer.add_eos_token_id(tokenizer.token_to_id(END))
    writer.add_eot_token_id(tokenizer.token_to_id(END))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def read_gguf(path: Path) -> Llama:
    """Return the model with the weights an engine would use, Q8_0 turned back into floats.

    Only for files written by `write_gguf`.
    """
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    def field(name: str) -> float:
        return float(reader.fields[f"llama.{name}"].contents())

    config = LlamaConfig(
        vocabulary=int(field("vocab_size")),
        width=int(field("embedding_length")),
        layers=int(field("block_count")),
        heads=int(field("attention.head_count")),
        ffn_width=int(field("feed_forward_length")),
        context_tokens=int(field("context_length")),
        rope_base=field("rope.freq_base"),
        norm_epsilon=round(field("attention.layer_norm_rms_epsilon"), 9),  # a float32 in the file
        tied="output.weight" not in tensors,
    )
    model = Llama(config)
    state = {
        ours: _floats(tensors[theirs], model.state_dict()[ours].shape)
        for ours, theirs in tensor_names(config)
    }
    model.load_state_dict(
        state | ({"head.weight": state["embedding.weight"]} if config.tied else {})
    )
    model.eval()
    return model


def read_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer made again from the file's own pieces and merges."""
    fields = gguf.GGUFReader(path).fields
    return tokenizer_of(
        fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.merges"].contents()
    )


def _floats(tensor: gguf.ReaderTensor, shape: torch.Size) -> torch.Tensor:
    values: npt.NDArray[np.float32] = dequantize(tensor.data, tensor.tensor_type)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))
