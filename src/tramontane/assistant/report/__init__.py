"""A report: a conversation in Markdown, with its charts, as a page or as a Word file."""
