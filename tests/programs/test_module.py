"""`ProgramModule`: numbers that are learnt, and kept."""

import copy

import pytest
import torch

from attn_helpers import ProgramError, program
from attn_helpers.programs import ProgramModule, per_head, program_from_json, torch_attention

TAUGHT = program("s / tau - slope * abs(i - j)", tau=0.6, slope=0.8)


def qkv(*leading, n=12, d=8, dtype=torch.float32):
    return torch.randn(3, *leading, n, d, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("mask", [None, program("j <= i"), program("abs(i - j) <= width", width=5)])
def test_learns_the_numbers_that_made_its_targets(mask):
    q, k, v = qkv(4, 2)
    taught = TAUGHT if mask is None else mask & TAUGHT
    targets = torch_attention(q, k, v, program=taught)
    module = ProgramModule(taught.replace(tau=1, slope=0))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (module(q, k, v) - targets).square().mean().backward()
        optimizer.step()
    assert module.tau.item() == pytest.approx(0.6, abs=0.01)
    assert module.slope.item() == pytest.approx(0.8, abs=0.01)
    assert module.program.numbers == pytest.approx(taught.numbers, abs=0.01)


def test_each_head_learns_numbers_of_its_own():
    head = program("s - slope * abs(i - j)", slope=0.1)
    module = ProgramModule(per_head([head, head, program("s")]))
    assert dict(module.named_parameters()).keys() == {"slope", "slope_2"}
    q, k, v = qkv(2, 3)
    module(q, k, v)[:, 1].sum().backward()
    assert module.slope.grad == 0 and module.slope_2.grad != 0


def test_the_profile_is_kept_as_text_and_gives_the_same_numbers():
    module = ProgramModule(program("j <= i") & TAUGHT)
    with torch.no_grad():
        module.slope.fill_(0.1)
    assert module.program.numbers == {"tau": 0.6, "slope": 0.1}  # not 0.10000000149
    kept = program_from_json(module.program.to_json())
    q, k, v = qkv(2)
    for backend in ("eager", "sdpa", "auto"):
        out = torch_attention(q, k, v, program=kept, backend=backend, q_start=1)
        torch.testing.assert_close(module(q, k, v, backend=backend, q_start=1), out)
        torch.testing.assert_close(module(q / 2, k, v, q_start=1, scale=2 / 8**0.5), out)
    with torch.no_grad():
        torch.testing.assert_close(module(q, k, v, backend="flex", q_start=1), out)
    with pytest.raises(NotImplementedError, match="numbers"):
        module(q, k, v, backend="flex")


def test_is_a_module_as_others_are():
    module = ProgramModule(TAUGHT)
    assert module.state_dict().keys() == {"tau", "slope"}
    assert all(x.dtype == torch.float32 and x.ndim == 0 for x in module.parameters())
    other = ProgramModule(TAUGHT.replace(tau=3))
    other.load_state_dict(module.state_dict())
    assert other.program == module.program == copy.deepcopy(module).program
    mask = torch.ones(12, 12).tril().bool()
    q, k, v = qkv(2)
    expected = torch_attention(q, k, v, mask=mask, program=TAUGHT)
    torch.testing.assert_close(module(q, k, v, mask=mask), expected)


def test_numbers_of_a_mask_and_arrays_do_not_change():
    doc = [0] * 300 + [2050] * 299 + [2051]  # float16 would round 2051
    module = ProgramModule(program("doc[i] == doc[j] and abs(i - j) <= width", doc=doc, width=700))
    q, k, v = qkv(n=600, dtype=torch.float16)
    out = module.half()(q, k, v)
    torch.testing.assert_close(out[-1], v[-1])  # it sees itself alone
    q.requires_grad_()
    module(q, k, v).sum().backward()
    assert module.width.grad is None


def test_a_name_that_modules_use_is_refused():
    for name in ("half", "program", "training"):
        with pytest.raises(ProgramError, match=f"have an attribute {name}"):
            ProgramModule(program(f"s * {name}", **{name: 0.5}))
