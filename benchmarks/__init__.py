"""Speed beside peers; each file runs alone, `python -m benchmarks.attention`.

All of them run on one thread, which is set here, before any numerical library loads.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
