"""Dialects as pure functions: bytes and frozen structs in, bytes and frozen structs out."""
