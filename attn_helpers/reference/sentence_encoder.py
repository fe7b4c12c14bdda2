"""A real pretrained encoder on our own blocks: all-MiniLM-L6-v2, from text to sentence vectors.

Its architecture is BERT's with 6 layers of 12 heads: learnt positions, norms after each sum, GELU.
Weights are read with `safetensors` and text with `tokenizers`; `transformers` is not needed.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

from attn_helpers.arguments import shapes
from attn_helpers.reference.encoder_decoder import check_tokens, padding_mask
from attn_helpers.reference.transformer import Encoder

__all__ = ["SentenceEncoder"]

UNUSED = {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}
IN_A_LAYER = {  # our name: the file's, or several, one below the other
    "attention.step.w_qkv": [f"attention.self.{name}" for name in ("query", "key", "value")],
    "attention.step.w_o": ["attention.output.dense"],
    "attention.norm": ["attention.output.LayerNorm"],
    "feed_forward.step.0": ["intermediate.dense"],
    "feed_forward.step.2": ["output.dense"],
    "feed_forward.norm": ["output.LayerNorm"],
}


class SentenceEncoder(nn.Module):
    """BERT's encoder with the sentence vectors of Sentence-BERT: means of its token vectors.

    Parameters
    ----------
    vocab_size, d_model, n_heads, n_layers, d_ff : int
    n_positions : int, default 512
        The longest text in tokens.
    eps : float, default 1e-12
        Added to the variance in each norm.

    References
    ----------
    Devlin et al., "BERT", 2019; Reimers and Gurevych, "Sentence-BERT", 2019; Wang et al., "MiniLM",
    2020. Derived in 05_4.
    """

    def __init__(self, vocab_size, d_model, n_heads, n_layers, d_ff, *, n_positions=512, eps=1e-12):
        super().__init__()
        self.words = nn.Embedding(vocab_size, d_model)
        self.positions = nn.Embedding(n_positions, d_model)
        self.segments = nn.Embedding(2, d_model)  # first text, second text; ours are all first
        self.norm = nn.LayerNorm(d_model, eps)
        options = {"norm_first": False, "activation": nn.GELU, "eps": eps}
        self.encoder = Encoder(d_model, n_heads, n_layers, d_ff, **options)
        self.tokenizer = None

    @classmethod
    def pretrained(cls):
        """Return all-MiniLM-L6-v2, in eval mode, with its tokenizer.

        Raises
        ------
        EncoderMissingError
            If the weights or the libraries are not installed; it says how to get them.
        ValueError
            If the file's tensors are not those of this architecture: the message lists them.
        """
        from attn_helpers.data.encoder import encoder_folder, needs

        folder = encoder_folder()
        with needs("safetensors and tokenizers"):
            from safetensors.torch import load_file
            from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text())
        sizes = ("vocab_size", "hidden_size", "num_attention_heads", "num_hidden_layers")
        model = cls(*(config[name] for name in sizes), config["intermediate_size"])
        model.load_bert(load_file(folder / "model.safetensors"))
        model.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        model.tokenizer.enable_padding(pad_id=config["pad_token_id"])  # to the longest text
        model.tokenizer.no_truncation()  # too long a text is an error, not cut off in silence
        return model.eval()

    def load_bert(self, tensors):
        """Take over weights under BERT's names.

        Parameters
        ----------
        tensors : dict of str to Tensor
            A pooler is left aside: sentence vectors do without.

        Raises
        ------
        ValueError
            If tensors are missing, unknown, or of another shape: the message lists them.
        """
        wanted = self._bert_names()
        known = {name for names in wanted.values() for name in names}
        missing, unknown = known - tensors.keys(), tensors.keys() - known - UNUSED
        if missing or unknown:
            raise ValueError(
                f"these are not this encoder's tensors: missing {sorted(missing) or 'none'}, "
                f"unknown {sorted(unknown) or 'none'}"
            )
        found = {ours: torch.cat([tensors[name] for name in wanted[ours]]) for ours in wanted}
        own = self.state_dict()
        wrong = [
            f"{' + '.join(wanted[ours])} {tuple(t.shape)} for {tuple(own[ours].shape)}"
            for ours, t in found.items()
            if t.shape != own[ours].shape
        ]
        if wrong:
            raise ValueError("tensors of another shape: " + "; ".join(wrong))
        self.load_state_dict(found)

    def _bert_names(self):
        """Return the file's names, a list, for each of ours."""
        theirs = "word", "position", "token_type"
        ours = "words", "positions", "segments"
        names = {
            f"{a}.weight": [f"embeddings.{b}_embeddings.weight"]
            for a, b in zip(ours, theirs, strict=True)
        }
        for kind in ("weight", "bias"):
            names[f"norm.{kind}"] = [f"embeddings.LayerNorm.{kind}"]
            for layer in range(len(self.encoder.blocks)):
                for mine, parts in IN_A_LAYER.items():
                    names[f"encoder.blocks.{layer}.{mine}.{kind}"] = [
                        f"encoder.layer.{layer}.{part}.{kind}" for part in parts
                    ]
        return names

    def forward(self, tokens, *, keep=None):
        """Return a vector for each token.

        Parameters
        ----------
        tokens : Tensor of whole numbers, shape (batch, seq)
        keep : boolean Tensor of shape (batch, seq), optional
            False for padding.

        Returns
        -------
        Tensor of shape (batch, seq, d_model)
        """
        check_tokens(tokens)
        limit = self.positions.num_embeddings
        if tokens.shape[1] > limit:
            raise ValueError(f"the encoder reads {limit} tokens: {shapes(tokens=tokens)}")
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.words(tokens) + self.positions(places) + self.segments.weight[0]
        return self.encoder(self.norm(x), mask=padding_mask(keep, tokens=tokens))

    def read(self, texts):
        """Turn texts into tokens and keep, (batch, seq) each, padded to the longest text."""
        if isinstance(texts, str) or not len(texts):
            raise ValueError(f"texts must be a list of at least one text, but it is {texts!r}")
        read = self.tokenizer.encode_batch(list(texts))
        tokens, keep = ([getattr(one, name) for one in read] for name in ("ids", "attention_mask"))
        device = self.words.weight.device
        return torch.tensor(tokens, device=device), torch.tensor(keep, device=device).bool()

    @torch.no_grad()
    def embed(self, texts):
        """Return a vector of length 1 for each text, (n_texts, d_model): the mean of its tokens.

        The product of two of them is their similarity, between -1 and 1.
        """
        tokens, keep = self.read(texts)
        x = self(tokens, keep=keep) * keep[..., None]
        return F.normalize(x.sum(1) / keep.sum(1, keepdim=True), dim=-1)
