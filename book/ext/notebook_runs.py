"""Sphinx extension: run the notebooks several at a time, before their pages are read.

MyST-NB runs a notebook when it reads its page, one page after the other, unless the notebook is in
its cache with its outputs. So this extension fills that cache first. A notebook that fails stays
out of it: MyST-NB runs it again, and says what is wrong.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import kernel_replies  # noqa: F401  (for the clients here and in the workers)
from jupyter_cache import get_cache
from jupyter_cache.executors import load_executor
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 4  # more of them disturb each other's measurements, and each needs up to 1 GB of memory


def key_cache_by_package(app: Sphinx, config) -> None:
    """Give executed notebooks a cache for each state of `attn_helpers`.

    jupyter-cache knows a notebook by its own code alone; without this a page would keep the
    output, and the widget module, of a package that has changed since.
    """
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for path in sorted((ROOT / "attn_helpers").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    cache = Path(app.outdir).parent / ".jupyter_cache" / digest.hexdigest()[:12]
    config.nb_execution_cache_path = str(cache)


def share_cores(workers: int) -> None:
    """Give each of the workers, and so its kernels, its share of the processor's cores."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


def run(path: str, cache_path: str, timeout: int) -> bool:
    """Run a notebook and keep its outputs in the cache; say whether it went through."""
    cache = get_cache(cache_path)
    record = cache.add_nb_to_project(path)
    executor = load_executor("local-serial", cache)
    return bool(executor.run_and_cache(filter_pks=[record.pk], timeout=timeout).succeeded)


def run_notebooks(app: Sphinx, env, names: list[str]) -> None:
    """Run those of the pages about to be read that are notebooks, and not in the cache."""
    if env.config.nb_execution_mode != "cache":
        return
    cache_path = env.config.nb_execution_cache_path
    cache = get_cache(cache_path)
    paths = [path for path in map(env.doc2path, names) if Path(path).suffix == ".ipynb"]
    records = [cache.add_nb_to_project(str(path)) for path in paths]
    missing = cache.list_unexecuted(filter_pks=[record.pk for record in records])
    if not missing:
        return
    began, workers = time.monotonic(), min(AT_ONCE, os.cpu_count() or 1, len(missing))
    LOGGER.info("notebooks to run: %d, %d at a time", len(missing), workers)
    # The long ones stand at the end of the course: begin with them.
    uris = sorted((record.uri for record in missing), reverse=True)
    with ProcessPoolExecutor(workers, get_context("spawn"), share_cores, [workers]) as pool:
        timeout = env.config.nb_execution_timeout
        runs = {pool.submit(run, uri, cache_path, timeout): Path(uri).stem for uri in uris}
        for done in as_completed(runs):
            error = done.exception()
            fine = f"failed: {error!r}" if error else "ran" if done.result() else "failed"
            LOGGER.info("%5.0f s  %s %s", time.monotonic() - began, runs[done], fine)


def setup(app: Sphinx) -> dict:
    app.connect("config-inited", key_cache_by_package)
    app.connect("env-before-read-docs", run_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
