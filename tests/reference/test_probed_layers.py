"""Probes on `MultiHeadAttention`: green on ours, red on each planted fault."""

import pytest
import torch

from attn_helpers import probes, program
from attn_helpers.reference import KeyValueCache, MultiHeadAttention

D_MODEL, N_HEADS = 20, 5
CAUSAL, ONE_AHEAD = program("j <= i"), program("j <= i + 1")


def findings(kind=MultiHeadAttention, cache=KeyValueCache, dtype=torch.float64, n_kv_heads=N_HEADS):
    """Try every law on a layer and, where each head has its own keys, on attention alone."""
    torch.manual_seed(0)
    layer, causal = (
        kind(D_MODEL, N_HEADS, n_kv_heads=n_kv_heads, program=one).to(dtype)
        for one in (None, CAUSAL)
    )
    some, x = torch.zeros(2, 4, D_MODEL, dtype=dtype), torch.zeros(2, 7, D_MODEL, dtype=dtype)

    def cross(q, k, v):
        return layer(q, k)

    def in_chunks(x):
        kept = cache()
        return torch.cat([causal(part, cache=kept) for part in x.split(3, 1)], 1)

    def heads(q, k, v, mask=None):
        return layer.attend(q, k, v, mask=mask)

    def last(q, k, v):
        return causal.attend(q, k, v, q_start=k.shape[-2] - q.shape[-2])

    future = torch.ones(7, 7).tril().bool()
    found = {
        "causal program": probes.future_leak(causal, x),
        "causal mask": probes.future_leak(lambda x: layer(x, mask=future), x),
        "causal chunks": probes.future_leak(in_chunks, x),
        "padding": probes.padding_leak(lambda x, keep: layer(x, mask=keep[:, None, None]), x),
        "batch": probes.batch_mixing(layer, x),
        "order": probes.permutation(lambda q, k, v: layer(q), x, x, x),
        "order of memory": probes.permutation(cross, some, x, x),
        "query alone": probes.query_order(cross, some, x, x),
        "in place": probes.in_place(layer, x + 1),
    }
    if n_kv_heads == N_HEADS:
        q, k = (torch.zeros(2, N_HEADS, n, 4, dtype=dtype) for n in (4, 7))
        found["masked rows"] = probes.masked_rows(heads, q, k, k)
        found["scale"] = probes.missing_scale(heads, q, k, k)
        found["cached query"] = probes.cached_query(last, q, k, k)
    return found


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n_kv_heads", [5, 1])
def test_every_probe_passes_on_ours(n_kv_heads, dtype):
    found = findings(n_kv_heads=n_kv_heads, dtype=dtype)
    assert all(finding.passed for finding in found.values()), found


# ---- planted faults ----
class NoScale(MultiHeadAttention):
    def attend(self, q, k, v, **options):
        return super().attend(q * self.d_k**0.5, k, v, **options)


class InvertedMask(MultiHeadAttention):
    def attend(self, q, k, v, *, mask=None, q_start=0):
        return super().attend(q, k, v, mask=None if mask is None else ~mask, q_start=q_start)


class SplitWithoutTranspose(MultiHeadAttention):
    def _projected(self, x, memory, cache):
        *qkv, start = super()._projected(x, memory, cache)
        return *(a.transpose(1, 2).reshape(a.shape) for a in qkv), start


class JoinedWithoutTranspose(MultiHeadAttention):
    def attend(self, q, k, v, **options):
        out = super().attend(q, k, v, **options)
        return out.reshape(out.transpose(1, 2).shape).transpose(1, 2)


class BatchMixing(MultiHeadAttention):
    def forward(self, x, memory=None, **options):
        out = super().forward(x, memory, **options)
        return out - out.mean(0)


class UniformWhereNothingIsAllowed(MultiHeadAttention):
    def attend(self, q, k, v, *, mask=None, q_start=0):
        mask = None if mask is None else mask | ~mask.any(-1, keepdim=True)
        return super().attend(q, k, v, mask=mask, q_start=q_start)


class TopLeft(MultiHeadAttention):
    """Forgets where the queries start, as `is_causal` of SDPA does."""

    def attend(self, q, k, v, *, mask=None, q_start=0):
        return super().attend(q, k, v, mask=mask)


class SeesOneAhead(MultiHeadAttention):
    def __init__(self, *sizes, program=None, **options):
        super().__init__(*sizes, program=None if program is None else ONE_AHEAD, **options)


class AddsPositions(MultiHeadAttention):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, rope=True, **options)


class WritesIntoX(MultiHeadAttention):
    def forward(self, x, memory=None, **options):
        x *= 2
        return super().forward(x, memory, **options)


class CountsOneTooMany(KeyValueCache):
    @property
    def length(self):
        return super().length and super().length + 1


LEAKS = {"causal program", "causal mask", "causal chunks", "padding"}
ORDER = {"order", "order of memory", "query alone"}
FAULTS = {  # the laws that see it, and no other does
    NoScale: {"scale"},
    InvertedMask: {"causal mask", "padding", "masked rows"},
    SplitWithoutTranspose: LEAKS | ORDER,
    JoinedWithoutTranspose: LEAKS | ORDER | {"masked rows", "cached query"},
    BatchMixing: {"batch"},
    UniformWhereNothingIsAllowed: {"masked rows"},
    TopLeft: {"cached query"},
    SeesOneAhead: {"causal program", "causal chunks"},
    AddsPositions: ORDER,
    WritesIntoX: {"in place"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(fault):
    found = {law for law, finding in findings(fault).items() if not finding.passed}
    assert found == FAULTS[fault]


def test_a_cache_that_counts_wrong_is_found():
    found = findings(cache=CountsOneTooMany)
    assert [law for law, finding in found.items() if not finding.passed] == ["causal chunks"]
