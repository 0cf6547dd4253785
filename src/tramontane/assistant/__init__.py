"""The assistant: conversations, answers that run on the server, and the way to tokens."""
