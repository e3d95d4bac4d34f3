"""Settings of all tests."""

import os

# Tests run side by side: libraries that start a thread per core, and wait for them in a loop, slow one another down.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Nothing of a test is kept; the tests of saved work have folders of their own.
os.environ["FAULTLINE_KEEP_DAYS"] = "0"
