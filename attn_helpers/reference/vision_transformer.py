"""ViT: an image cut into patches, read by an encoder like a sentence.

Shapes: batch, channels, side pixels, size pixels of a patch, seq = (side / size)^2 patches and the
class token, d_model features, n_classes. Left out on purpose: training, which chapter 05_6 writes
out, and images of another size than the one the positions were learnt for.
"""

import torch
from torch import nn

from attn_helpers.arguments import shapes
from attn_helpers.reference.transformer import Encoder

__all__ = ["VisionTransformer"]


class VisionTransformer(nn.Module):
    """A classifier: images in, a score for each class out.

    Each patch becomes a token by one linear map, gets its learnt position, and an encoder lets the
    tokens look at each other. The answer is read from one more token, which stands before the
    patches and holds no picture.

    Parameters
    ----------
    side, size : int
        Sides of an image and of a patch in pixels, both square; `size` divides `side`.
    n_classes, d_model, n_heads, n_layers : int
    d_ff : int, optional
    channels : int, default 3
        Colours of an image; 1 if it is grey.
    dropout : float, default 0.0
        Also of the embeddings.
    activation : Module class, default `nn.GELU`
    **options
        As for `EncoderBlock`.

    Raises
    ------
    ValueError
        If `size` does not divide `side`.

    References
    ----------
    Dosovitskiy et al., "An image is worth 16x16 words", 2021, section 3.1.
    Derived in 05_6.

    Examples
    --------
    >>> model = VisionTransformer(8, 2, n_classes=10, d_model=16, n_heads=2, n_layers=1, channels=1)
    >>> model(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        side,
        size,
        n_classes,
        d_model,
        n_heads,
        n_layers,
        d_ff=None,
        *,
        channels=3,
        dropout=0.0,
        activation=nn.GELU,
        **options,
    ):
        super().__init__()
        if min(side, size) < 1 or side % size:
            raise ValueError(f"size must divide side, so that patches tile it: {side=}, {size=}")
        self.side = side
        self.patches = nn.Conv2d(channels, d_model, size, stride=size)
        self.token = nn.Parameter(0.02 * torch.randn(d_model))
        seq = (side // size) ** 2 + 1
        self.places = nn.Parameter(0.02 * torch.randn(seq, d_model))
        self.dropout = nn.Dropout(dropout)
        options |= {"activation": activation, "dropout": dropout}
        self.encoder = Encoder(d_model, n_heads, n_layers, d_ff, **options)
        self.head = nn.Linear(d_model, n_classes)

    def forward(self, images):
        """Return the scores of each class, before softmax.

        Parameters
        ----------
        images : Tensor of shape (batch, channels, side, side)

        Returns
        -------
        Tensor of shape (batch, n_classes)

        Raises
        ------
        ValueError
            If the images have other sides, channels or another dtype than the weights.
        """
        wanted = (self.patches.in_channels, self.side, self.side)
        if images.ndim != 4 or images.shape[1:] != wanted:
            raise ValueError(
                "images must be (batch, channels={}, side={}, side={})".format(*wanted)
                + f", but {shapes(images=images)}{_remedy(tuple(images.shape), wanted)}"
            )
        if images.dtype != self.head.weight.dtype:
            raise ValueError(
                f"the weights are {self.head.weight.dtype} and the images {images.dtype}: "
                "images.float() makes them float32 (and bytes want / 255)"
            )
        patches = self.patches(images).flatten(2).mT  # (batch, (side / size)^2, d_model)
        token = self.token.expand(len(images), 1, -1)
        tokens = torch.cat([token, patches], 1) + self.places
        return self.head(self.encoder(self.dropout(tokens))[:, 0])


def _remedy(found, wanted):
    """Return what would help: images of the shape `found` in place of (batch, *wanted)."""
    if found == wanted:
        return "; images[None] adds the batch"
    if len(found) == 3 and (1, *found[1:]) == wanted:
        return "; images[:, None] adds the channel"
    if len(found) == 4 and (found[3], *found[1:3]) == wanted:
        return "; images.movedim(-1, 1) puts the channels first"
    return ""
