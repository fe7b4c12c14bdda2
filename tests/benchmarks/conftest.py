"""The folder `benchmarks` comes before the script of that name in book/tools."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
