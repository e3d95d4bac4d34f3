"""Model files and the worker processes that hold them."""
