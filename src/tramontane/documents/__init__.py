"""What people bring along: read in a limited child, cut into passages, searched and cited.

It does not know the assistant, which puts passages before a model, nor tables in SQL.
"""
