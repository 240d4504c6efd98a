"""What all tests share: the stand-ins of tests/fakes and the test ground of tests/e2e, by their plain names."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

for folder in ("fakes", "e2e"):
    path = str(Path(__file__).parent / folder)
    if path not in sys.path:
        sys.path.insert(0, path)

# The same examples each time and no stop-watch: a run fails because of the code, never because the machine was busy.
# `pytest --hypothesis-profile=search tests/properties` looks for new ones.
settings.register_profile(
    "steady", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
