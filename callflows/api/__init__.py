"""The HTTP API under /api/v1: JSON in, JSON out, a bearer token. Its manual is docs/api.md.

`door` is the Flask side and the order of things: address, token, share of the threads, query, body, endpoint.
`endpoints` is the table that routing and the OpenAPI document are both made from; `transfers`, `calls` and `flows`
fill it, and know no Flask.
"""
