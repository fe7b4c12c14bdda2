"""NumPy arrays and torch tensors side by side, without importing torch.

Whoever passes a tensor has imported torch, so we find it among the loaded modules.
"""

import sys

import numpy as np

__all__ = ["as_numpy", "is_tensor", "like", "namespace"]


def is_tensor(array):
    """Tell whether `array` is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def namespace(array):
    """Return the module whose functions take `array`: torch or NumPy."""
    return sys.modules["torch"] if is_tensor(array) else np


def like(array, numbers):
    """Turn a NumPy array into the kind, dtype and device of `array`; truth values keep their dtype.

    Parameters
    ----------
    array : ndarray or Tensor
    numbers : ndarray

    Returns
    -------
    ndarray or Tensor of the shape of `numbers`
    """
    dtype = None if numbers.dtype == bool else array.dtype
    if is_tensor(array):
        return namespace(array).as_tensor(numbers, dtype=dtype, device=array.device)
    return numbers.astype(dtype or bool)


def as_numpy(array):
    """Turn numbers, also bfloat16 on a GPU, into a NumPy array of float64."""
    if is_tensor(array):
        array = array.detach().cpu().double().numpy()
    return np.asarray(array).astype(np.float64)
