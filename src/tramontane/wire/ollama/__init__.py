"""Ollama's dialect, towards clients: chat, generate, embeddings, and what models there are.

The facts are those of its API page (github.com/ollama/ollama, docs/api.md) and of its official
Python client's types.
"""
