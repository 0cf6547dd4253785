"""The Mistral dialect: chat, fill in the middle and embeddings, for clients and for providers."""
