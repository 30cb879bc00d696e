"""The index: what has happened on the chain, arranged for questions. It stands beside the ledger.

The store keeps each block's events as one piece, because rules never ask for them again. People do: what did
this hotspot earn last week, who heard it, why was that report refused? The index takes blocks and their
events, in order, into tables (`schema`), by `rows` and `taking_in`; `find_*` answer, each with a page and the
position where the next one begins (`cursors`). The height it stands at is written in the transaction of the
rows that belong to it: killed at any moment it goes on where it was, and dropped it is the same again from
the blocks (`follower`).

SQLite in the node's folder by default, PostgreSQL by URL (`database`): the same tables and questions.
May enter: questions about history. May not: any rule, anything that the blocks don't say.
"""
