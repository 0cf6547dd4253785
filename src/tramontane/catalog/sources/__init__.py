"""The sources of the catalogue: one module each, a pure function from its files to readings.

To add one: such a module, a row in `table`, its place in `catalog.trust`. Where its files come
from, `catalog.building` knows.
"""
