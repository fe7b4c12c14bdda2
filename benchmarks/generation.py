"""Generating 256 tokens: ours beside peers with the same parameters, with caches and without.

    python -m benchmarks.generation

float32, one text, one thread, processor time; 4 layers, 4 heads, width 128, tokens drawn with
temperature 1. The bars, for our NumPy form: 2.5 times as fast as transformers' GPT-2 with its
cache, 5 times as fast as ours without one.
"""

import time
from functools import partial

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from x_transformers import AutoregressiveWrapper, Decoder, TransformerWrapper

from attn_helpers.reference import GPT, NumpyGPT, generate
from benchmarks.record import Bar, finish, timed
from benchmarks.timing import interleaved

N_TOKENS, WIDTH, HEADS, LAYERS, CONTEXT, NEW = 256, 128, 4, 4, 512, 256


def models():
    """Return three generators of one size, by name."""
    torch.manual_seed(0)
    ours = GPT(N_TOKENS, WIDTH, HEADS, LAYERS, context=CONTEXT)
    config = GPT2Config(
        vocab_size=N_TOKENS, n_positions=CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS,
        activation_function="gelu_pytorch_tanh", bos_token_id=0, eos_token_id=None, pad_token_id=1,
    )  # fmt: skip
    hugging_face = GPT2LMHeadModel(config)
    hugging_face.generation_config.eos_token_id = None  # it is to write all of the tokens
    layers = Decoder(
        dim=WIDTH, depth=LAYERS, heads=HEADS, attn_dim_head=WIDTH // HEADS, attn_flash=True
    )
    x_transformers = TransformerWrapper(
        num_tokens=N_TOKENS, max_seq_len=CONTEXT, tie_embedding=True, attn_layers=layers
    )
    named = {
        "ours": ours,
        "transformers GPT-2": hugging_face,
        "x-transformers": AutoregressiveWrapper(x_transformers),
    }
    return {name: model.eval() for name, model in named.items()}


def contenders():
    """Return functions that write `NEW` tokens each, by name."""
    ours, hugging_face, x_transformers = models().values()
    start, rng = torch.zeros(1, 1, dtype=torch.long), np.random.default_rng(0)
    return {
        "ours, NumPy": lambda: NumpyGPT(ours, NEW + 1).generate([0], NEW, rng=rng),
        "ours, torch": partial(generate, ours, start, NEW),
        "ours, torch, without a cache": partial(generate, ours, start, NEW, cached=False),
        "transformers GPT-2": partial(
            hugging_face.generate, start, attention_mask=torch.ones_like(start),
            max_new_tokens=NEW, do_sample=True, top_k=0,
        ),
        "x-transformers": partial(
            x_transformers.generate, start, NEW, cache_kv=True,
            filter_logits_fn=lambda logits: logits,  # by default it keeps a tenth of the tokens
        ),
    }  # fmt: skip


def measure(rounds=7):
    """Yield the suite."""
    torch.set_num_threads(1)
    writers = contenders()
    for name, write in writers.items():
        made = np.asarray(write()).size
        assert made in (NEW, NEW + 1), f"{name} wrote {made} tokens"
    seconds = interleaved(writers, rounds=rounds, clock=time.process_time)
    setting = f"{LAYERS} layers, width {WIDTH}, batch 1, one thread"
    suite = timed(f"Generating {NEW} tokens", setting, seconds, "ours, NumPy")
    cached, uncached = (
        suite.times("transformers GPT-2"),
        suite.times("ours, torch, without a cache"),
    )
    yield suite._replace(
        bars=[
            Bar("speed, times transformers' GPT-2", cached, "at least", 2.5),
            Bar("speed, times ours without a cache", uncached, "at least", 5),
        ]
    )


if __name__ == "__main__":
    finish(measure())
