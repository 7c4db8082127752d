"""Making a flow from another: its files under a new name, values in its flow.toml, all of it put in place at once."""
