"""The debug twin of a flow's environment: where each character of a document comes from, and all that is wrong."""
