"""Tables: loaded from files or reached at a connection, profiled, and asked by SQL in a locked child.

It does not know who may see a table, nor how a question in words becomes SQL (`guide.tables`).
"""
