"""Flows under test: callflows as the web application behind a `phone`, a pytest plugin, and what the tests covered.

The plugin is loaded by pytest in every project that has callflows installed; this file must stay light.
"""
