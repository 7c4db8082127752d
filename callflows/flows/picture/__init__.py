"""A flow as a picture: the model, Mermaid text, SVG."""
