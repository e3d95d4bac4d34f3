"""One module per library: from its object to `Trees`."""
