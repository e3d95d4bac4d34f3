"""Settings of the tests of tables."""

from hypothesis import settings

# Time is measured in benchmarks; a busy machine must not fail a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
