"""Anthropic's Messages dialect, both sides. Facts from the published types of its maker's own
client library.
"""
