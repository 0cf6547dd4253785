"""The child that loads a file: `python -m tramontane.tables.loading`, a job as one line on stdin.

Each reader (delimited, sheets, records) makes `Sheet`s: rows of text in a file of one form.
`typing` finds out what the columns are, `making` writes them as tables with their profile.
"""
