"""Saved work on disk: subjects with their files, and what people and debuggers found out about them."""
