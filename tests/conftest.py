"""What all tests share: the stand-ins of tests/fakes and the test ground of tests/e2e, by their plain names."""

import sys
from pathlib import Path

for folder in ("fakes", "e2e"):
    path = str(Path(__file__).parent / folder)
    if path not in sys.path:
        sys.path.insert(0, path)
