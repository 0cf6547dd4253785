"""Conversations in and out: files of other assistants read, our own written."""
