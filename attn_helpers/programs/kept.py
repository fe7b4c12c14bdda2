"""What the torch back ends keep of a program from one call to the next."""

from collections import OrderedDict

import torch

__all__ = ["KEPT", "Kept"]


class Kept:
    """What programs need anew for each shape, the most recently used `most` bytes of it."""

    def __init__(self, most):
        self.most, self.size, self.entries = most, 0, OrderedDict()

    def get(self, program, key, make):
        """Return what `make` has made for a program and a key; made once while it is kept."""
        key = (id(program), *key)
        if key in self.entries:
            self.entries.move_to_end(key)
            return self.entries[key][0]
        with torch.inference_mode(False):  # or it could not serve training later
            made = make()
        size = 1000 + sum(x.nbytes for x in made or () if isinstance(x, torch.Tensor))
        if size <= self.most:
            self.entries[key] = made, size, program  # holding the program keeps its id from reuse
            self.size += size
        while self.size > self.most:
            self.size -= self.entries.popitem(last=False)[1][1]
        return made


KEPT = Kept(128 * 2**20)
