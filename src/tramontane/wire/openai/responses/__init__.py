"""OpenAI's Responses, towards clients: `asking` reads, `answering` and `streaming` write.

Nothing is kept: every request holds its whole conversation, and every answer says so
(`"store": false`).
"""
