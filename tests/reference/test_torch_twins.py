"""`torch_twin`: copies, not views; what torch has no counterpart for is refused."""

import pytest
import torch
from torch import nn

from attn_helpers.reference import (
    Decoder,
    DecoderBlock,
    Encoder,
    EncoderBlock,
    EncoderDecoder,
    MultiHeadAttention,
    torch_twin,
)

PAIRS = [
    (MultiHeadAttention(12, 4), nn.MultiheadAttention),
    (EncoderBlock(12, 4), nn.TransformerEncoderLayer),
    (DecoderBlock(12, 4), nn.TransformerDecoderLayer),
    (Encoder(12, 4, 2), nn.TransformerEncoder),
    (Decoder(12, 4, 2), nn.TransformerDecoder),
    (EncoderDecoder(5, 6, 12, 4, 2), nn.Transformer),
]


@pytest.mark.parametrize("ours, kind", PAIRS, ids=lambda x: getattr(x, "__name__", ""))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("training", [True, False])
def test_a_twin_is_torchs_own_and_shares_nothing(training, dtype, ours, kind):
    twin = torch_twin(ours.to(dtype).train(training))
    assert type(twin) is kind
    assert {module.training for module in twin.modules()} == {training}
    held = {weights.data_ptr() for weights in ours.parameters()}
    for weights in twin.parameters():
        assert weights.dtype == dtype and weights.requires_grad
        assert weights.data_ptr() not in held
    skipped = 2 * 12 * 5 + 12 * 6 + 6 * 12 - 12 * 5 if kind is nn.Transformer else 0
    count, theirs = (sum(w.numel() for w in m.parameters()) for m in (ours, twin))
    assert count - theirs == skipped


def test_a_twin_drops_nothing_in_training():
    ours, x = EncoderBlock(12, 4, dropout=0.5).train(), torch.randn(2, 5, 12)
    twin = torch_twin(ours)
    assert torch.equal(twin(x), twin(x))
    torch.testing.assert_close(twin(x), ours.eval()(x))


@pytest.mark.parametrize("options", [{"n_kv_heads": 2}, {"rope": True}])
def test_what_torch_lacks_is_refused(options):
    for ours in (MultiHeadAttention(16, 4, **options), Encoder(16, 4, 2, **options)):
        with pytest.raises(ValueError, match="n_heads=4, n_kv_heads=., rope="):
            torch_twin(ours)
    with pytest.raises(TypeError, match="no layer like Linear"):
        torch_twin(nn.Linear(2, 3))
