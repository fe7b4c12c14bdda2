"""The key-value cache: what a generator remembers of the tokens before the next one."""

import torch

from attn_helpers.arguments import shapes

__all__ = ["KeyValueCache"]


class KeyValueCache:
    """The keys and values of the tokens seen so far, so that no step computes them again.

    Attributes
    ----------
    k, v : Tensor of shape (batch, n_kv_heads, length, d_k), or None while it is empty
    """

    def __init__(self):
        self.k = self.v = None

    @property
    def length(self):
        """How many tokens it holds: the position of the next one."""
        return 0 if self.k is None else self.k.shape[-2]

    def extend(self, k, v):
        """Append the keys and values of new tokens, and return all of them."""
        if self.k is not None:
            if self.k.shape[:2] != k.shape[:2] or self.k.shape[-1] != k.shape[-1]:
                raise ValueError(
                    "a cache goes on with the batch and the layer that it began with: "
                    f"{shapes(cached=self.k, new=k)}, (batch, n_kv_heads, seq, d_k)"
                )
            k, v = torch.cat([self.k, k], -2), torch.cat([self.v, v], -2)
        self.k, self.v = k, v
        return k, v
