"""A real photograph: china.jpg, as scikit-learn ships it."""

import numpy as np

__all__ = ["PHOTOGRAPH_CREDIT", "photograph"]

PHOTOGRAPH_CREDIT = "Photograph: danielbuechele (Flickr), CC BY 2.0, from scikit-learn's samples"


def photograph():
    """Return the photograph of a pagoda by a lake.

    Returns
    -------
    ndarray of shape (427, 640, 3)
        Red, green and blue between 0 and 1. Name `PHOTOGRAPH_CREDIT` where you show it.

    Raises
    ------
    ImportError
        If scikit-learn or pillow, which carry and read it, are not installed.
    """
    try:
        from sklearn.datasets import load_sample_image

        return load_sample_image("china.jpg") / np.float64(255)
    except ImportError as error:
        raise ImportError(
            f"The photograph needs scikit-learn and pillow ({error}): "
            "pip install 'attn_helpers[images]'."
        ) from error
