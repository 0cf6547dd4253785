"""What an engine's refusals mean, in words for whoever asked.

llama.cpp's server says what happened inside it; a caller wants to know what to change. It does not
know which request was refused.
"""

from collections.abc import Mapping

from tramontane.errors import InvalidRequest
from tramontane.wire.canonical import Operation

TOO_LARGE = "is too large to process"
_PREFIX = "Unable to generate parser for this template. Automatic parser generation failed:"
_TEMPLATE = "Jinja Exception: "
_SCHEMA = ("JSON schema error at ", "JSON schema conversion failed:", "failed to parse grammar")


_PROMPTS: dict[str, tuple[str, str]] = {
    "chat": ("messages", "these messages have"),
    "embeddings": ("input", "an input has"),
}


def explain_refusal(said: Mapping[str, object], operation: Operation = "chat") -> InvalidRequest:
    """Return the client's error for the engine's `error` object of a 400 to `operation`."""
    param, these = _PROMPTS.get(operation, ("prompt", "this prompt has"))
    if said.get("type") == "exceed_context_size_error":
        return _too_long(said.get("n_prompt_tokens"), said.get("n_ctx"), param, these)
    if said.get("type") == "not_supported_error":  # a 501: the model lacks the tokens for it
        return InvalidRequest(
            "This model was not made to fill in the middle: leave out 'suffix', or choose one that"
            " was.",
            code="unsupported_operation",
            param="suffix",
        )
    message = said.get("message")
    if isinstance(message, str) and TOO_LARGE in message:
        return _too_long(None, None, param, these)
    text = message.removeprefix(_PREFIX).strip()[:2000] if isinstance(message, str) else ""
    if _TEMPLATE in text:
        reason = text.rpartition(_TEMPLATE)[2].rstrip(".")
        return InvalidRequest(
            f"The model's chat template refuses these messages: {reason}.",
            code="invalid_value",
            param="messages",
        )
    if any(words in text for words in _SCHEMA):
        return InvalidRequest(
            f"A schema of this request cannot be used: {_without_end(text)}."
            " Look at 'response_format' and at the parameters of 'tools'.",
            code="invalid_schema",
        )
    return InvalidRequest(text or "The model refused this request as invalid.")


def _too_long(
    prompt_tokens: object, context_tokens: object, param: str, these: str
) -> InvalidRequest:
    if isinstance(prompt_tokens, int) and isinstance(context_tokens, int):
        text = (
            f"The model's context holds {context_tokens} tokens, prompt and answer together;"
            f" {these} {prompt_tokens}. Shorten {'them' if param == 'messages' else 'it'} by"
            f" {prompt_tokens - context_tokens + 1} tokens or more."
        )
    else:
        text = f"What '{param}' holds does not fit into the model's context. Shorten it."
    return InvalidRequest(text, code="context_length_exceeded", param=param)


def _without_end(text: str) -> str:
    return text.replace("Failed to initialize samplers: ", "").replace("\n", " ").rstrip(".")
