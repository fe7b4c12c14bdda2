"""The GPU's benchmark, on the processor with tiny sizes: all of it but what needs CUDA."""

import functools
import json
import warnings
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch.nn.attention import sdpa_kernel

from attn_helpers.data import as_text, measurements
from attn_helpers.reference import GPT
from benchmarks import gpu, gpu_attention, gpu_models
from benchmarks.record import record, timed, versions, write

CPU = torch.device("cpu")
TINY = {
    "kernels": partial(gpu_attention.kernels, lengths=(48, 64), tokens=192, heads=2, rounds=3),
    "programs": partial(
        gpu_attention.programs, n=256, batch=1, dtype=torch.float32, heads=2, rounds=3
    ),
    "training": partial(
        gpu_models.training, width=16, heads=2, layers=1, batch=2, seq=8, n_tokens=11, rounds=3,
        compiled=False,
    ),
    "decoding": partial(
        gpu_models.decoding, batches=(1, 3), width=16, heads=2, layers=1, new=4, n_tokens=11,
        rounds=3,
    ),
}  # fmt: skip
TIMED = {  # titles of what is timed, and the contenders that a processor has
    "kernels": {
        f"SDPA in {dtype}, {passes}": {
            f"{gpu_attention.CHOSEN}: Flash",
            "flash",
            "math, in float32",
            "written out",
            gpu_attention.IDLE,
        }
        for dtype in ("float32", "bfloat16")
        for passes in gpu_attention.PASSES
    },
    "programs": {"Programs in float32, forward": None},
    "training": {"GPT, a training step": {"float32", "autocast"}},
    "decoding": {
        "Decoding, one of 4 tokens": {
            "float32",
            "bfloat16",
            "float32, without a cache",
            "reading float32 weights",
            "reading bfloat16 weights",
        }
    },
}


@functools.cache
def measured(name):
    return list(TINY[name](CPU))


@pytest.mark.parametrize("name", gpu.SUITES)
def test_every_suite_runs_without_a_gpu(name):
    suites = measured(name)
    assert all(suite.times(suite.base) == 1 for suite in suites)
    assert all(row.value > 0 for suite in suites if suite.unit == "ms" for row in suite.rows)
    found = {suite.title: suite for suite in suites if suite.unit == "ms"}
    assert found.keys() == TIMED[name].keys()
    for title, contenders in TIMED[name].items():
        assert contenders is None or contenders == {row.name for row in found[title].rows}


def test_programs_are_measured_by_share_of_blocks():
    suites = measured("programs")
    shares = {suite.setting.split(";")[0] for suite in suites}
    # 256 tokens are 2 x 2 blocks; only the upper right one may be skipped
    assert shares == {f"every key, {100}% of the blocks"} | {
        f"{name}, 75% of the blocks" for name in ("causal", "a window", "recency")
    } | {"documents, 50% of the blocks"}  # fmt: skip


def test_a_program_stands_beside_the_same_by_hand():
    (recency,) = (suite for suite in measured("programs") if suite.setting.startswith("recency"))
    assert {row.name for row in recency.rows} >= {recency.base, gpu_attention.BY_HAND}


def test_refused_kernels_are_recorded_with_the_reason():
    for suite in measured("kernels"):
        if suite.unit == "ms":
            assert suite.left_out.keys() == {"memory-efficient", "cuDNN"}
            assert all(
                reason.startswith(gpu_attention.REFUSALS) for reason in suite.left_out.values()
            )
            assert "left out: cuDNN (No " in str(suite)


def test_who_is_refused_is_left_out_and_who_is_wrong_or_broken_is_an_error():
    def failing(error, *told):
        def call():
            for text in told:
                warnings.warn(text, stacklevel=1)
            raise error

        return call

    def usable(b):
        return gpu_attention.usable({"a": right, "b": b}, right(), torch.float32)

    right = lambda: (torch.ones(2),)  # noqa: E731
    none = RuntimeError("No available kernel. Aborting execution.")
    because = ("Flash kernel not used because:", "It was too odd. (Triggered internally at x.cpp)",
               "cuDNN has been runtime disabled.")  # fmt: skip
    assert usable(right) == ({"a": right, "b": right}, {})
    assert usable(failing(none)) == ({"a": right}, {"b": str(none)})
    assert usable(failing(none, *because)) == ({"a": right}, {"b": "It was too odd."})
    full = usable(failing(torch.OutOfMemoryError("CUDA out of memory")))
    assert full == ({"a": right}, {"b": "more memory than there is"})
    for wrong in (0.0, float("nan")):
        with pytest.raises(ArithmeticError, match="^b: "):
            usable(lambda wrong=wrong: (torch.full((2,), wrong),))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        usable(failing(RuntimeError("CUDA error: an illegal memory access was encountered")))


@pytest.mark.parametrize("broken", ["written out", gpu_attention.CHOSEN])
def test_kernels_are_compared_with_the_table_in_float32(broken, monkeypatch):
    def unscaled(q, k, v):
        return (q @ k.mT).softmax(-1) @ v

    def of_kernel(kernel, *inputs):
        with sdpa_kernel(kernel):
            return torch.nn.functional.scaled_dot_product_attention(*inputs)

    if broken == "written out":
        monkeypatch.setattr(gpu_attention, "written_out", unscaled)
    else:
        monkeypatch.setattr(gpu_attention, "of_kernel", of_kernel)
        wrong = SimpleNamespace(scaled_dot_product_attention=unscaled)
        monkeypatch.setattr(gpu_attention, "F", wrong)
    with pytest.raises(ArithmeticError, match=f"^{broken}.*: off by"):
        next(iter(TINY["kernels"](CPU)))


def test_the_kernel_that_ran_is_named():
    q = torch.randn(1, 2, 4, 8, requires_grad=True)
    assert gpu_attention.chosen(q, q, q) == "Flash"
    assert gpu_attention.chosen(q[0], q[0], q[0]) == "math"  # without a batch axis


def test_a_step_in_bfloat16_moves_the_weights_as_one_in_float32_does():
    def moved(**options):
        torch.manual_seed(0)
        model = GPT(11, 16, 2, 1, context=8)
        before = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()
        optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
        gpu_models.training_step(model, optimiser, torch.arange(18).reshape(2, 9) % 11, **options)
        return torch.nn.utils.parameters_to_vector(model.parameters()).detach() - before

    exact, mixed = moved(), moved(autocast=torch.bfloat16)
    assert exact.norm() > 0 and not torch.equal(exact, mixed)
    assert (exact - mixed).norm() < 0.05 * exact.norm()
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_record_is_what_the_package_reads(tmp_path, monkeypatch):
    first, second = measured("decoding")
    suites = [first, second._replace(left_out={"b": "too odd"})]
    made = record(suites, gpu.made_with(), "cuda")
    made["machine"]["GPU"] = "a card"
    write(made, tmp_path / "gpu_none.json")
    found = measurements(tmp_path)
    assert list(found) == ["gpu_none"]
    kept = found["gpu_none"]
    assert kept["machine"]["PyTorch"] == torch.__version__ and kept["date"]
    assert [suite["title"] for suite in kept["suites"]] == ["Decoding, one of 4 tokens"] * 2
    assert [suite["left_out"] for suite in kept["suites"]] == [{}, {"b": "too odd"}]
    assert "left out: b (too odd)" in as_text(kept) and as_text(kept).startswith("a card, ")
    assert json.loads(json.dumps(kept)) == kept


def test_a_peer_that_is_missing_is_left_out_with_a_line(capsys):
    assert versions(["torch", "sorcery"]).keys() == {"torch"}
    assert "sorcery is not installed" in capsys.readouterr().out


@pytest.fixture
def card(monkeypatch, tmp_path):
    """A GPU in name, with suites that run on the processor, and folders of its own."""

    def suite(device):
        yield timed("Title", "small", {"a": [0.001] * 3}, "a")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A Card (9)")
    monkeypatch.setattr(gpu, "record", lambda suites, packages, device: {
        "suites": [suite.title for suite in suites], "device": device
    })  # fmt: skip
    monkeypatch.setattr(gpu, "SUITES", {"one": suite, "other": suite})
    for name, folder in (("FOLDER", tmp_path / "kept"), ("DRAFTS", tmp_path / "drafts")):
        monkeypatch.setattr(gpu, name, folder)
        folder.mkdir()
    (tmp_path / "kept" / "gpu_a_card_9.json").write_text('"old"')
    return lambda place: json.loads((tmp_path / place / "gpu_a_card_9.json").read_text())


def test_only_a_run_of_all_suites_becomes_the_record(card, tmp_path):
    gpu.main(["one"])
    assert card("kept") == "old" and card("drafts")["suites"] == ["Title"]
    gpu.main(["other", "--json", str(tmp_path / "here.json")])
    assert card("kept") == "old" and (tmp_path / "here.json").exists()
    gpu.main([])
    assert card("kept")["suites"] == ["Title", "Title"]


def test_a_suite_that_fails_is_named_and_does_not_end_the_others(card, tmp_path, monkeypatch):
    def broken(device):
        yield from gpu.SUITES["one"](device)
        raise RuntimeError("no compiler")

    monkeypatch.setitem(gpu.SUITES, "broken", broken)
    names = ["broken", "one", "other", "--json", str(tmp_path / "here.json")]
    for arguments in (names, ["broken", "one", "other"]):
        with pytest.raises(SystemExit, match="failed: broken; ") as end:
            gpu.main(arguments)
        assert isinstance(end.value.code, str)  # Python prints it and ends with 1
        assert card("kept") == "old" and card("drafts")["suites"] == ["Title"] * 3
    assert not (tmp_path / "here.json").exists()


def test_without_a_gpu_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    gpu.main(["decoding", "--json", str(tmp_path / "none.json")])
    assert "nothing measured" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit):
        gpu.main(["sorcery"])
