"""What a GPU makes of attention: kernels, programs, number formats, a training step, decoding.

    python -m benchmarks.gpu [kernels programs training decoding] [--json PATH]

Needs a GPU with CUDA (or ROCm); without one, nothing is measured or written. What is measured is
kept at once in _build/gpu_<card>.json. A run of all suites that ends well is written to
attn_helpers/data/measurements/gpu_<card>.json, from where chapter 05_7 shows it, and nothing less
is. A suite that fails is named, the others go on, and the program ends with 1.

Each call is timed from an empty queue to an empty queue, so a time includes handing the work over.
How much that is, the tables of attention and of decoding show. Short inputs may lie in the GPU's
cache.
"""

import argparse
import re
import sys
import traceback
from pathlib import Path

import torch

from benchmarks.gpu_attention import kernels, programs
from benchmarks.gpu_models import decoding, training
from benchmarks.record import record, versions, write

FOLDER = Path(__file__).resolve().parents[1] / "attn_helpers" / "data" / "measurements"
DRAFTS = Path("_build")
SUITES = {
    "kernels": kernels, "programs": programs, "training": training, "decoding": decoding,
}  # fmt: skip


def main(arguments=None):
    """Run the suites that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", allow_abbrev=False)
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(SUITES)}; all by default")
    parser.add_argument("--json", type=Path, help="where to write the record, if nothing fails")
    given = parser.parse_args(arguments)
    if unknown := set(given.suites) - set(SUITES):
        parser.error(f"no suite {min(unknown)}; there are {', '.join(SUITES)}")
    if not torch.cuda.is_available():
        print("no GPU that PyTorch can use through CUDA or ROCm: nothing measured")
        return
    device, names = torch.device("cuda"), given.suites or list(SUITES)
    card = re.sub(r"\W+", "_", torch.cuda.get_device_name(device)).strip("_").lower()
    draft = DRAFTS / f"gpu_{card}.json"
    packages = made_with()
    done, failed = measure(names, device, packages, draft)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; the rest is in {draft}")
    path = given.json or (FOLDER if set(names) == set(SUITES) else DRAFTS) / draft.name
    write(record(done, packages, "cuda"), path)
    print(f"written to {path}")


def measure(names, device, packages, draft):
    """Run suites, print and keep what they yield as it comes; return it, and the names that failed.

    A suite that fails does not end the others.
    """
    done, failed = [], []
    for name in names:
        try:
            for suite in SUITES[name](device):
                done.append(suite)
                print(suite, end="\n\n", flush=True)
                write(record(done, packages, "cuda"), draft)
        except Exception:
            traceback.print_exc()
            failed.append(name)
    return done, failed


def made_with():
    """Return the versions of what takes part."""
    found = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    found["cuDNN"] = torch.backends.cudnn.version()
    found |= versions(["numpy", "torch", "triton"])
    return {name: str(value) for name, value in found.items() if value is not None}


if __name__ == "__main__":
    main()
