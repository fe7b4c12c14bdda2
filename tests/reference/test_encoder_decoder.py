"""`EncoderDecoder` against `nn.Transformer` with its weights, and as a model that learns."""

import math

import pytest
import torch
from torch import nn

from attn_helpers.reference import EncoderDecoder, sinusoidal_positions, torch_twin

BATCH, N_SOURCE, N_TARGET = 3, 7, 5
KEEP = torch.arange(N_SOURCE) < torch.tensor([7, 4, 5])[:, None]
FUTURE = torch.ones(N_TARGET, N_TARGET).triu(1).bool()


def drawn(n, most, seed=0):
    return torch.randint(most, (BATCH, n), generator=torch.Generator().manual_seed(seed))


SOURCE, TARGET = drawn(N_SOURCE, 10), drawn(N_TARGET, 12, seed=1)


def made(dtype=torch.float64, **options):
    torch.manual_seed(0)
    return EncoderDecoder(10, 12, d_model=8, n_heads=2, n_layers=2, **options).to(dtype)


@pytest.mark.parametrize("dtype, close", [(torch.float32, 1e-5), (torch.float64, 1e-10)])
@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_equals_nn_transformer(tied, norm_first, dtype, close):
    ours = made(dtype, tied=tied, norm_first=norm_first, d_ff=24)
    twin = torch_twin(ours)
    assert type(twin) is nn.Transformer
    source, target = (
        table.table.weight[tokens] * math.sqrt(8)
        + torch.from_numpy(sinusoidal_positions(range(tokens.shape[1]), 8)).to(dtype)
        for table, tokens in ((ours.source, SOURCE), (ours.target, TARGET))
    )
    out = twin(
        source,
        target,
        tgt_mask=FUTURE,
        src_key_padding_mask=~KEEP,
        memory_key_padding_mask=~KEEP,
    )
    last = ours.target.table if tied else ours.logits
    expected = out @ last.weight.T
    torch.testing.assert_close(ours(SOURCE, TARGET, keep=KEEP), expected, rtol=0, atol=close)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_its_weights_fit_nn_transformer_made_by_hand():
    ours, (source, target) = made(), torch.randn(2, BATCH, 5, 8, dtype=torch.float64)
    by_hand = nn.Transformer(8, 2, 2, 2, 32, 0.0, norm_first=True, batch_first=True).double()
    by_hand.load_state_dict(torch_twin(ours).state_dict())
    expected = by_hand(source, target, tgt_mask=FUTURE)
    torch.testing.assert_close(ours.decoder(target, ours.encoder(source)), expected)


def test_tied_weights_are_one_parameter():
    tied, apart = made(tied=True), made()
    assert tied.logits.weight is tied.target.table.weight
    count = [sum(w.numel() for w in model.parameters()) for model in (tied, apart)]
    assert count[1] - count[0] == 12 * 8
    assert made(tied=True)(SOURCE, TARGET).std() < 3  # no logit begins far from the others


def test_padding_does_not_leak():
    model = made()
    other = torch.where(KEEP, SOURCE, (SOURCE + 3) % 10)
    torch.testing.assert_close(model(SOURCE, TARGET, keep=KEEP), model(other, TARGET, keep=KEEP))
    assert (model(SOURCE, TARGET) - model(other, TARGET))[1:].abs().min() > 1e-6


def test_the_future_does_not_leak():
    model, later = made(), TARGET.clone()
    later[:, 3:] = (later[:, 3:] + 1) % 12
    before, after = model(SOURCE, TARGET), model(SOURCE, later)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert (before[:, 3:] - after[:, 3:]).abs().min() > 1e-6


def test_dropout_is_in_embeddings_and_blocks_and_for_training_alone():
    model = made(dropout=0.5)
    torch.testing.assert_close(model.eval()(SOURCE, TARGET), made()(SOURCE, TARGET))
    model.train()
    for vectors in (model.source(SOURCE), model.target(TARGET)):
        assert 0.3 < (vectors == 0).double().mean() < 0.7
    shares = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    assert shares == [0.5] * (2 + 2 * 2 + 2 * 3)


def test_order_matters():
    model = made()
    assert (model(SOURCE.flip(1), TARGET) - model(SOURCE, TARGET)).abs().max() > 0.01


@pytest.mark.parametrize("sizes", [[1] * 5, [2, 3]])
def test_decoding_in_steps_equals_the_whole(sizes):
    model = made()
    memory, caches = model.encode(SOURCE, keep=KEEP), model.decoder.new_caches()
    steps = [
        model.decode(part, memory, keep=KEEP, caches=caches) for part in TARGET.split(sizes, 1)
    ]
    torch.testing.assert_close(torch.cat(steps, 1), model(SOURCE, TARGET, keep=KEEP))


@pytest.mark.parametrize("options", [{}, {"tied": True, "n_kv_heads": 1, "dropout": 0.05}])
def test_learns_to_reverse(options):
    """Sequences it has not seen: 10 ** 6 there are, and it sees 25,000."""
    torch.manual_seed(0)
    model = EncoderDecoder(10, 11, d_model=32, n_heads=4, n_layers=1, **options)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    start = torch.full((100, 1), 10)
    for _ in range(250):
        source = torch.randint(10, (100, 6))
        target = source.flip(1)
        logits = model(source, torch.cat([start, target[:, :-1]], 1))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    source, written = torch.randint(10, (100, 6)), start
    with torch.no_grad():
        memory, caches = model.encode(source), model.decoder.new_caches()
        for _ in range(6):
            logits = model.decode(written[:, -1:], memory, caches=caches)
            written = torch.cat([written, logits.argmax(-1)], 1)
    assert (written[:, 1:] == source.flip(1)).double().mean() > 0.95


@pytest.mark.parametrize(
    "source, keep, words",
    [
        (SOURCE[0], None, r"tokens is \(7,\), torch.int64"),
        (SOURCE.float(), None, r"tokens is \(3, 7\), torch.float32"),
        (SOURCE, KEEP[:, :6], r"keep is \(3, 6\), source is \(3, 7\)"),
        (SOURCE, KEEP[:, None, None], r"keep is \(3, 1, 1, 7\)"),
        (SOURCE[:2], None, r"x is \(3, 5, 8\), memory is \(2, 7, 8\)"),
    ],
)
def test_bad_input_is_named(source, keep, words):
    with pytest.raises(ValueError, match=words):
        made()(source, TARGET, keep=keep)
