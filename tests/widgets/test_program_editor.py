import json

import ipywidgets.embed
import numpy as np
import pytest
import torch

from attn_helpers import attention
from attn_helpers.programs import ProgramError, mask_from, per_head, program
from attn_helpers.programs.modes import MODES, mode
from attn_helpers.widgets import ProgramEditor

RNG = np.random.default_rng(3)
N_HEADS, N_Q, N_K, D_K, D_V = 2, 3, 5, 7, 4
TOKENS, KEYS = list("abc"), list("vwxyz")
Q, K, V = (RNG.normal(size=(N_HEADS, n, d)) for n, d in ((N_Q, D_K), (N_K, D_K), (N_K, D_V)))
CAUSAL, RECENT = mode("causal"), mode("recency")


def editor(**more):
    return ProgramEditor(TOKENS, KEYS, **({"q": Q, "k": K, "v": V} | more))


@pytest.mark.parametrize("q_start", [0, 2])
def test_weights_and_out_are_those_of_attention_and_of_torch(q_start):
    widget = editor(program=CAUSAL & RECENT, q_start=q_start)
    scores = torch.einsum("hid,hjd->hij", torch.tensor(Q), torch.tensor(K)) / D_K**0.5
    past = q_start + torch.arange(N_Q)[:, None] - torch.arange(N_K)
    scores = (scores - 0.5 * past.abs()).masked_fill(past < 0, -torch.inf)
    weights = torch.softmax(scores, -1)
    np.testing.assert_allclose(widget.weights, weights, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(widget.out, weights @ torch.tensor(V), rtol=1e-10)
    if q_start == 0:
        out, weights = attention(Q, K, V, program=CAUSAL & RECENT)
        np.testing.assert_allclose(widget.weights, weights, rtol=1e-12, atol=1e-300)
        np.testing.assert_allclose(widget.out, out, rtol=1e-12)


def test_without_anything_it_is_plain_attention_to_scores_of_zero():
    widget = ProgramEditor(["a", "b"])
    assert widget.program == program("s") and widget.compare is None
    assert widget.weights.tolist() == [[0.5, 0.5]] * 2 and widget.out is None
    scores = np.float32([[1, 2], [3, 4]])
    widget = ProgramEditor(["a", "b"], scores=scores, v=np.eye(2), program=mode("focus"))
    np.testing.assert_allclose(widget.out, torch.softmax(torch.tensor(scores) * 4, -1), rtol=1e-6)


def test_the_program_is_set_and_seen_as_a_program():
    widget, seen = editor(), []
    widget.observe(lambda change: seen.append(change.new), "program")
    widget.program = CAUSAL & RECENT
    wire = {"mask": "abs(i - j) <= width", "score": "s / tau", "numbers": {"width": 1, "tau": 2}}
    widget.set_state({"program": wire})
    made = program("abs(i - j) <= width", width=1) & program("s / tau", tau=2)
    assert seen == [CAUSAL & RECENT, made] and widget.program == made
    widget.set_state({"compare": {"score": "s"}})
    assert widget.compare == program("s")
    widget.compare = None
    assert widget.get_state(["compare"]) == {"compare": None}


@pytest.mark.parametrize("name", MODES)
def test_what_the_browser_sends_is_not_sent_back(name, monkeypatch):
    """Or it would come back late, and stand in the way of a reader who has typed on."""
    widget, sent = ProgramEditor(list("abcde")), []
    monkeypatch.setattr(widget, "send_state", lambda names: sent.append(names))
    wire = json.loads((mode(name) & CAUSAL).to_json())
    widget.set_state({"program": wire})
    assert widget.program == mode(name) & CAUSAL
    assert not [names for names in sent if "program" in names]


def test_programs_and_modes_cross_the_wire_as_json():
    keep = RNG.random((N_Q, N_K)) < 0.5
    widget = editor(
        program=mask_from(keep=keep) & RECENT, compare=per_head([CAUSAL, mode("local")])
    )
    state, paths, _ = ipywidgets.widgets.widget._remove_buffers(widget.get_state())
    assert {path[0] for path in paths} == {"scores", "v"}
    assert state["program"] == json.loads(widget.program.to_json())
    assert state["program"]["arrays"] == {"keep": (keep * 1).tolist()}
    assert state["compare"]["n_heads"] == N_HEADS
    modes = {one["name"]: one for one in state["_modes"]}
    assert list(modes) == list(MODES)
    for name, one in modes.items():
        assert one["sentence"] == MODES[name].sentence
        assert one["program"] == json.loads(mode(name).to_json())


GOOD = {"tokens": TOKENS, "key_tokens": KEYS, "q": Q, "k": K, "v": V}
BAD = [
    ("q", Q[:, :2], ValueError, r"q needs 3 rows.*q is \(2, 2, 7\), k is \(2, 5, 7\)"),
    ("k", None, ValueError, "give both q and k, or scores, or none of them"),
    ("scores", np.ones((3, 5)), ValueError, "give both q and k, or scores, or none of them"),
    ("v", V[:, :4], ValueError, r"v needs 5 rows.*v is \(2, 4, 4\)"),
    ("v", V[..., :0], ValueError, r"v needs 5 rows of at least one feature.*\(2, 5, 0\)"),
    ("v", np.ones((3, 5, 2)), ValueError, r"the same heads: .*v is \(3, 5, 2\)"),
    ("tokens", "abc", TypeError, "tokens must be a list of strings"),
    ("tokens", list("abcd"), ValueError, r"q needs 4 rows"),
    ("program", "j <= i", TypeError, r"made by program\(...\) or mode\(...\).*'j <= i'"),
    ("compare", 3, TypeError, r"made by program\(...\) or mode\(...\).*3"),
    ("program", mode("document", doc=[0, 1]), ValueError, r"doc\[i\] needs 3 entries.*scores is"),
    ("compare", per_head([CAUSAL] * 3), ValueError, "for 3 heads, not 2"),
    ("q_start", -1, ValueError, "q_start must be a whole number, 0 to 4096, but it is -1"),
    ("q_start", 5000, ValueError, "q_start must be a whole number, 0 to 4096, but it is 5000"),
    ("query", 3, ValueError, "query must be one of 0 to 2, but it is 3"),
    ("head", 2, ValueError, "head must be one of 0 to 1, but it is 2"),
    ("head", 0.5, TypeError, "head must be a position"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD)
def test_a_bad_argument_is_refused(name, value, error, message):
    with pytest.raises(error, match=message):
        ProgramEditor(**(GOOD | {name: value}))


BAD_TRAITS = [row for row in BAD if row[0] not in ("q", "k", "scores", "tokens")] + [
    ("scores", np.ones((2, 3, 4)), ValueError, r"scores needs.*scores is \(2, 3, 4\), v is"),
    ("scores", np.ones((13, 3, 5)), ValueError, r"1 to 12 heads: .*scores is \(13, 3, 5\)"),
    ("scores", np.full((3, 5), np.inf), ValueError, "scores must be finite"),
    ("scores", None, TypeError, "scores must be an array, but it is None"),
    ("program", None, TypeError, "a program is made by"),
    ("tokens", list("ab"), ValueError, r"scores needs a row for each of 2 tokens.*\(2, 3, 5\)"),
    ("tokens", [], ValueError, r"1 to 64 tokens.*tokens is \(0,\)"),
]


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_TRAITS)
def test_a_bad_trait_is_refused_and_changes_nothing(name, value, error, message):
    widget = editor(program=CAUSAL, compare=RECENT, query=1)
    before, seen = widget.get_state(), []
    widget.observe(seen.append, [name, "head"])
    with pytest.raises(error, match=message):
        setattr(widget, name, value)
    with pytest.raises(error, match=message):
        widget.set(**({"head": 1} | {name: value}))
    assert widget.get_state() == before and seen == []


def test_a_program_without_scores_may_stand_there_but_has_no_weights():
    widget = editor(program=program("log(-1 - s * s)"))
    with pytest.raises(ProgramError, match="gives a score of nan"):
        _ = widget.weights


def test_set_changes_the_sizes_at_once_and_stays_inside():
    widget = editor(query=2, head=1)
    widget.set(tokens=["a"], key_tokens=None, scores=[[0.5]], v=None, program=CAUSAL)
    assert (widget.query, widget.head, widget.weights.tolist()) == (0, 0, [[1.0]])


def test_repr_is_short_and_stable():
    assert repr(editor()) == "ProgramEditor(3 queries, 5 keys, 2 heads, program='s')"
    widget = ProgramEditor(["alone"], program=mode("local"), compare=mask_from(keep=[[True]]))
    assert repr(widget) == (
        "ProgramEditor(1 query, 1 key, 1 head, program='abs(i - j) <= width', "
        "compare='keep[i, j] == 1')"
    )
    assert widget._repr_mimebundle_()[0]["text/plain"] == repr(widget)
