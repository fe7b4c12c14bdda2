"""A program whose numbers are learnt."""

import torch
from torch import nn

from attn_helpers.programs.dispatch import attend
from attn_helpers.programs.expr import ProgramError

__all__ = ["ProgramModule"]


class ProgramModule(nn.Module):
    """Attention with a program whose numbers are parameters, named as in the program.

    A comparison has no slope, so a number that stands only in a mask gets no gradient. Arrays stay
    with the program, in float64, whatever the module is cast to; they go where q is.

    Parameters
    ----------
    program : Program
        Its numbers are where learning starts; `per_head` gives each head its own.

    Examples
    --------
    >>> from attn_helpers import program
    >>> module = ProgramModule(program("s - slope * abs(i - j)", slope=0.25))
    >>> [name for name, _ in module.named_parameters()]
    ['slope']
    >>> module.program
    program("s - slope * abs(i - j)", slope=0.25)
    """

    def __init__(self, program):
        super().__init__()
        self._program = program
        for name, value in program.numbers.items():
            if name in dir(self):
                raise ProgramError(f"modules have an attribute {name}: call the number otherwise")
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))

    @property
    def program(self):
        """The program with its numbers as they are now, in the shortest form of their float32."""
        numbers = {name: getattr(self, name).detach() for name in self._program.numbers}
        return self._program.replace(
            **{name: float(str(x.cpu().float().numpy())) for name, x in numbers.items()}
        )

    def forward(self, q, k, v, *, mask=None, q_start=0, scale=None, backend="auto"):
        """Return out, of shape (..., n_q, d_v), as `torch_attention` does."""
        numbers = {name: getattr(self, name) for name in self._program.numbers}
        return attend(q, k, v, mask, self._program, numbers, backend, q_start, scale)[0]
