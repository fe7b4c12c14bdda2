"""The peers of the benchmarks compute what ours computes, once they have its weights."""

import pytest
import torch
from torch import nn

from attn_helpers.reference import torch_twin
from benchmarks import generation, gpt_training, layers
from tests.reference.gpt2_weights import gpt2_state

pytestmark = pytest.mark.filterwarnings("ignore")


def stirred(model):
    for p in model.parameters():
        nn.init.normal_(p, std=0.1)
    return model.eval()


def of_torch(ours):
    state = {f"encoder.{k}": v for k, v in torch_twin(ours.encoder).state_dict().items()}
    return state | {"tokens.weight": ours.tokens.weight, "places.weight": ours.places.weight}


def of_hugging_face(ours):
    state = {f"model.transformer.{name}": p for name, p in gpt2_state(ours).items()}
    return state | {"model.lm_head.weight": ours.tokens.weight}


def of_x_transformers(ours):
    width = ours.tokens.embedding_dim
    state = {
        "token_emb.emb.weight": ours.tokens.weight,
        "pos_emb.emb.weight": ours.places.weight * width**0.5,  # which it divides by
        "attn_layers.final_norm.gamma": ours.encoder.norm.weight - 1,  # to which it adds 1
    }
    for n, block in enumerate(ours.encoder.blocks):
        attention, feed_forward = block.attention, block.feed_forward
        first, second = f"attn_layers.layers.{2 * n}", f"attn_layers.layers.{2 * n + 1}"
        state[f"{first}.0.0.gamma"] = attention.norm.weight - 1
        for name, weight in zip("qkv", attention.step.w_qkv.weight.chunk(3), strict=True):
            state[f"{first}.1.to_{name}.weight"] = weight
        state[f"{first}.1.to_out.weight"] = attention.step.w_o.weight
        state[f"{second}.0.0.gamma"] = feed_forward.norm.weight - 1
        state[f"{second}.1.ff.0.0.weight"] = feed_forward.step[0].weight
        state[f"{second}.1.ff.2.weight"] = feed_forward.step[2].weight
    return state


WEIGHTS = {
    "nn.TransformerEncoder": of_torch,
    "transformers GPT-2": of_hugging_face,
    "x-transformers": of_x_transformers,
}
FAMILIES = gpt_training.families()
PAIRS = [(family, name) for family, models in FAMILIES.items() for name in models if name != "ours"]


@pytest.mark.parametrize("family, name", PAIRS)
def test_gpt_training(family, name):
    ours, theirs = stirred(FAMILIES[family]["ours"]), FAMILIES[family][name].eval()
    theirs.load_state_dict(WEIGHTS[name](ours), strict=True)
    tokens = torch.randint(gpt_training.N_TOKENS, (2, gpt_training.SEQ))
    torch.testing.assert_close(theirs(tokens), ours(tokens), rtol=1e-4, atol=1e-4)


def test_writers_have_as_many_parameters():
    models = generation.models()
    sizes = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    assert sizes["transformers GPT-2"] == sizes["ours"]
    assert sizes["x-transformers"] == pytest.approx(sizes["ours"], rel=0.01)  # fewer biases


def test_layers():
    models, x = layers.layers(), torch.randn(2, 9, layers.WIDTH)
    lean = models["lean"]
    w_q, w_k, w_v = lean.w_qkv.weight.chunk(3)
    b_q, b_k, b_v = lean.w_qkv.bias.chunk(3)
    states = {
        "ours": lean.state_dict(),
        "nn.MultiheadAttention": {
            "in_proj_weight": lean.w_qkv.weight,
            "in_proj_bias": lean.w_qkv.bias,
            "out_proj.weight": lean.w_o.weight,
            "out_proj.bias": lean.w_o.bias,
        },
        "transformers BERT": {
            "attention.query.weight": w_q,
            "attention.query.bias": b_q,
            "attention.key.weight": w_k,
            "attention.key.bias": b_k,
            "attention.value.weight": w_v,
            "attention.value.bias": b_v,
            "w_o.weight": lean.w_o.weight,
            "w_o.bias": lean.w_o.bias,
        },
    }
    for name, state in states.items():
        models[name].load_state_dict(state)
        torch.testing.assert_close(models[name](x), lean(x), rtol=1e-4, atol=1e-5)
    for p in (lean.w_qkv.bias, lean.w_o.bias):  # x-transformers has none
        nn.init.zeros_(p)
    of_x = {"to_q.weight": w_q, "to_k.weight": w_k, "to_v.weight": w_v}
    models["x-transformers"].load_state_dict(of_x | {"to_out.weight": lean.w_o.weight})
    theirs = models["x-transformers"](x)
    torch.testing.assert_close(theirs, lean(x), rtol=1e-4, atol=1e-5)
