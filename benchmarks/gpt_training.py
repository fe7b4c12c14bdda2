"""A training step of a GPT: ours beside peers with the same parameters and mathematics.

    python -m benchmarks.gpt_training

float32, one thread, processor time; learnt positions, tied weights, AdamW (fused) for all. The bar:
at least 0.97 times the tokens per second of the fastest peer.
"""

import time
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel
from x_transformers import Decoder, TransformerWrapper

from attn_helpers.reference import GPT
from benchmarks.record import Bar, finish, timed
from benchmarks.timing import interleaved

N_TOKENS, WIDTH, HEADS, LAYERS, BATCH, SEQ = 256, 128, 4, 4, 16, 128
BAR = 0.97


class TorchGPT(nn.Module):
    """GPT on PyTorch's own encoder."""

    def __init__(self, activation, bias):
        super().__init__()
        self.tokens, self.places = nn.Embedding(N_TOKENS, WIDTH), nn.Embedding(SEQ, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 4 * WIDTH, 0.0, activation, batch_first=True, norm_first=True, bias=bias
        )
        norm = nn.LayerNorm(WIDTH, bias=bias)
        self.encoder = nn.TransformerEncoder(layer, LAYERS, norm, enable_nested_tensor=False)
        self.mask = nn.Transformer.generate_square_subsequent_mask(SEQ)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.places.weight
        return F.linear(self.encoder(x, self.mask, is_causal=True), self.tokens.weight)


class HuggingFaceGPT(nn.Module):
    """GPT-2 of transformers, on SDPA and torch's own GELU."""

    def __init__(self):
        super().__init__()
        config = GPT2Config(
            vocab_size=N_TOKENS, n_positions=SEQ, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, use_cache=False,
            activation_function="gelu_pytorch_tanh", bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
        self.model = GPT2LMHeadModel(config)

    def forward(self, tokens):
        return self.model(tokens).logits


def families():
    """Return models that compute the same, by family and name."""
    ours = partial(GPT, N_TOKENS, WIDTH, HEADS, LAYERS, context=SEQ)
    x_transformers = TransformerWrapper(
        num_tokens=N_TOKENS, max_seq_len=SEQ, tie_embedding=True, tie_embedding_scale=1.0,
        attn_layers=Decoder(
            dim=WIDTH, depth=LAYERS, heads=HEADS, attn_dim_head=WIDTH // HEADS,
            attn_flash=True, ff_no_bias=True,
        ),
    )  # fmt: skip
    return {
        "with biases": {
            "ours": ours(),
            "nn.TransformerEncoder": TorchGPT(partial(F.gelu, approximate="tanh"), bias=True),
            "transformers GPT-2": HuggingFaceGPT(),
        },
        "without biases": {
            "ours": ours(bias=False, activation=nn.GELU),
            "nn.TransformerEncoder": TorchGPT(F.gelu, bias=False),
            "x-transformers": x_transformers,
        },
    }


def step(model, optimiser, tokens):
    """Move one step towards the next tokens."""
    logits = model(tokens[:, :-1])
    F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
    optimiser.step()
    optimiser.zero_grad()


def measure(rounds=30):
    """Yield a suite for each family."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokens = torch.randint(N_TOKENS, (BATCH, SEQ + 1))
    for family, models in families().items():
        (size,) = {sum(p.numel() for p in model.parameters()) for model in models.values()}
        steps = {
            name: partial(step, model, torch.optim.AdamW(model.parameters(), fused=True), tokens)
            for name, model in models.items()
        }
        seconds = interleaved(steps, rounds=rounds, clock=time.process_time)
        setting = f"{size:,} parameters {family}, batch {BATCH} x {SEQ}"
        suite = timed("GPT, a training step", setting, seconds, "ours")
        fastest = min(row.times for row in suite.rows if row.name != "ours")
        bar = Bar("our tokens per second, times the fastest peer's", fastest, "at least", BAR)
        yield suite._replace(bars=[bar])


if __name__ == "__main__":
    finish(measure())
