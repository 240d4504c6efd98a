"""What all tests share: the stand-ins of tests/fakes, by their plain names."""

import sys
from pathlib import Path

FAKES = str(Path(__file__).parent / "fakes")
if FAKES not in sys.path:
    sys.path.insert(0, FAKES)
