"""What `import attn_helpers` costs beyond `import numpy`, each in a fresh Python.

    python -m benchmarks.import_time

The bar is 50 ms; the script exits 1 above it.
"""

import statistics
import subprocess
import sys

BAR = 0.050
ROUNDS = 15
CLOCK = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module):
    """Import a module in a new Python and return what its own clock says."""
    code = CLOCK.format(module)
    return float(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    )


def main():
    """Print both medians and their difference, and hold it to the bar."""
    seconds("attn_helpers")  # compiles and warms the disk cache
    pairs = [(seconds("numpy"), seconds("attn_helpers")) for _ in range(ROUNDS)]
    numpy, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = ours - numpy
    print(f"import numpy {1e3 * numpy:.0f} ms, import attn_helpers {1e3 * ours:.0f} ms")
    verdict = "met" if more <= BAR else "MISSED"
    print(f"bar: at most {1e3 * BAR:.0f} ms more: {1e3 * more:.1f} ms, {verdict}")
    return int(more > BAR)


if __name__ == "__main__":
    sys.exit(main())
