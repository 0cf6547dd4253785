"""What can be known of a text without a model: its words' stems, its sentences, its numbers.

Pure, in five languages. It does not know documents, tables or the guide, which stand on it.
"""
