"""Which requests a step is tried with: what its template can tell apart, read from the template itself."""
