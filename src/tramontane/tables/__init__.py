"""Tables: loaded from files or found at a connection, profiled, asked by SQL in a locked child.

It does not know who may see a table, nor how a question in words becomes SQL (`guide.tables`).
"""
