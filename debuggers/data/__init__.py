"""Tables: reading them, their schemas, and the built-in demos."""
