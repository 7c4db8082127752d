"""Two servers on one PostgreSQL, under load, while what they run on is taken away piece by piece.

`trial` puts everything up and holds what was asked for against what is in the store; `load` is who calls and who asks
for transfers; `relay` is what stands between processes and can fail; `postgres` a database server of one's own. The
short form is a test; `python -m tests.machines` the long one.
"""
