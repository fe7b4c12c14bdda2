"""Our multi-head layer and our encoder beside peers with the same mathematics, on one thread.

    python -m benchmarks.layers

float32, width 512, 8 heads, processor time. The lean layer is one fused projection, SDPA and the
output projection, with nothing checked; x-transformers' has no biases. The bar: forward, and
forward with backward, ours takes at most 1.05 times as long as the lean layer. Forward passes run
in evaluation mode, where PyTorch's own layers have a path of their own.
"""

import time
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEncoder, BertSelfAttention
from x_transformers import Attention

from attn_helpers.reference import Encoder, MultiHeadAttention
from benchmarks.record import Bar, finish, timed
from benchmarks.timing import interleaved

SIZES = {(8, 64): 60, (8, 256): 20, (1, 1024): 30}  # (batch, seq): how often each runs
BAR = 1.05
WIDTH, HEADS, LAYERS = 512, 8, 4
BERT = BertConfig(
    hidden_size=WIDTH, num_attention_heads=HEADS, num_hidden_layers=LAYERS,
    intermediate_size=4 * WIDTH, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    attn_implementation="sdpa", layer_norm_eps=1e-5,
)  # fmt: skip


class Lean(nn.Module):
    def __init__(self):
        super().__init__()
        self.w_qkv, self.w_o = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, seq, _ = x.shape
        q, k, v = self.w_qkv(x).view(batch, seq, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v)  # (batch, n_heads, seq, d_k)
        return self.w_o(heads.transpose(1, 2).reshape(batch, seq, WIDTH))


class OfTorch(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x, need_weights=False)[0]


class OfBert(nn.Module):
    """The self-attention of transformers' BERT, with the projection that its next module has."""

    def __init__(self):
        super().__init__()
        self.attention, self.w_o = BertSelfAttention(BERT), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.w_o(self.attention(x)[0])


def layers():
    """Return multi-head layers by name."""
    lean, ours = Lean(), MultiHeadAttention(WIDTH, HEADS)
    ours.load_state_dict(lean.state_dict())
    return {
        "lean": lean,
        "ours": ours,
        "nn.MultiheadAttention": OfTorch(WIDTH, HEADS, batch_first=True),
        "transformers BERT": OfBert(),
        "x-transformers": Attention(dim=WIDTH, heads=HEADS, dim_head=WIDTH // HEADS, flash=True),
    }


class EncoderOfBert(BertEncoder):
    def forward(self, x):
        return super().forward(x).last_hidden_state


def encoders():
    """Return encoders as BERT has them, norms after the sum, by name."""
    layer = nn.TransformerEncoderLayer(
        WIDTH, HEADS, 4 * WIDTH, 0.0, activation="gelu", batch_first=True
    )
    return {
        "ours": Encoder(WIDTH, HEADS, LAYERS, norm_first=False, activation=nn.GELU),
        "nn.TransformerEncoder": nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False),
        "transformers BERT": EncoderOfBert(BERT),
    }


def forward(layer, x):
    with torch.no_grad():
        return layer(x)


def backward(layer, x):
    return torch.autograd.grad(layer(x).sum(), [x, *layer.parameters()])


def measure():
    """Yield the suites: layers, then encoders."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for make, title, base, sizes in (
        (layers, "Multi-head layer", "lean", SIZES),
        (encoders, f"Encoder of {LAYERS} layers", "ours", {(8, 64): 15}),
    ):
        models = make()
        for (batch, seq), rounds in sizes.items():
            x = torch.randn(batch, seq, WIDTH, requires_grad=True)
            for run, passes in ((forward, "forward"), (backward, "forward and backward")):
                for model in models.values():
                    model.train(run is backward)
                calls = {name: partial(run, model, x) for name, model in models.items()}
                if make is layers:
                    close = partial(torch.testing.assert_close, atol=1e-4, rtol=1e-4)
                    close(calls["ours"](), calls["lean"]())
                seconds = interleaved(calls, rounds=rounds, clock=time.process_time)
                setting = f"batch {batch}, seq {seq}, width {WIDTH}"
                suite = timed(f"{title}, {passes}", setting, seconds, base)
                if make is layers:
                    bar = Bar("ours, times the lean layer", suite.times("ours"), "at most", BAR)
                    suite = suite._replace(bars=[bar])
                yield suite


if __name__ == "__main__":
    finish(measure())
