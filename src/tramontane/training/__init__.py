"""Training our own models: corpus to tokenizer to weights to a GGUF file and its card.

An extra (`train`): nothing that serves imports the modules that need torch. `card` and `chat`
need none of it.
"""
