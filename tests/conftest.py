"""Settings of all tests."""

import os

# Tests run side by side: libraries that start a thread per core, and wait for them in a loop, slow one another down.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
