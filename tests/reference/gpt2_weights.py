"""The weights of our `GPT` under the names that transformers' GPT-2 gives them."""


def gpt2_state(ours):
    """Return what ``GPT2LMHeadModel.transformer`` loads."""
    state = {"wte.weight": ours.tokens.weight, "wpe.weight": ours.places.weight}
    state |= {f"ln_f.{name}": p for name, p in ours.encoder.norm.named_parameters()}
    for layer, block in enumerate(ours.encoder.blocks):
        attention, feed_forward = block.attention, block.feed_forward
        norms = {"ln_1": attention.norm, "ln_2": feed_forward.norm}
        turned = {"attn.c_attn": attention.step.w_qkv, "attn.c_proj": attention.step.w_o}
        turned |= {"mlp.c_fc": feed_forward.step[0], "mlp.c_proj": feed_forward.step[2]}
        for name, part in (norms | turned).items():
            state[f"h.{layer}.{name}.weight"] = part.weight.T if name in turned else part.weight
            state[f"h.{layer}.{name}.bias"] = part.bias
    return state
