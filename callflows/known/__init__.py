"""What is known of calls and transfers: pure functions of facts, and what asks the store and the platform for those.

`calls` and `progress` fold exchanges into states, `timeline` tells them in the order of time, `shapes` as JSON;
`story` reads the store and, through `lookups`, asks the platform about a leg that does not come.
"""
