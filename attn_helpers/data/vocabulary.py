"""The words of a set of sentences, and the numbers that stand for them."""

import numpy as np

__all__ = ["Vocabulary"]


class Vocabulary:
    """Words in alphabetical order, after three marks: `PAD` fills up, `START` starts, `END` ends.

    Parameters
    ----------
    sentences : iterable of sequences of str
        Their words, each once, make the vocabulary.

    Examples
    --------
    >>> english = Vocabulary([["I", "run"], ["I", "drink", "tea"]])
    >>> len(english), english.encode([["I", "run"]]).tolist()
    (7, [[3, 5, 2]])
    """

    PAD, START, END = 0, 1, 2

    def __init__(self, sentences):
        found = sorted({word for sentence in sentences for word in sentence})
        self.words = ("<pad>", "<start>", "<end>", *found)
        self._number = {word: number for number, word in enumerate(self.words)}

    def __len__(self):
        return len(self.words)

    def encode(self, sentences, *, end=True):
        """Turn sentences into rows of numbers, filled up with `PAD` to the longest.

        Parameters
        ----------
        sentences : sequence of sequences of str
        end : bool, default True
            Whether `END` follows the last word.

        Returns
        -------
        ndarray of int64, of shape (n_sentences, longest)

        Raises
        ------
        ValueError
            If a word is not in the vocabulary; the error names it.
        """
        unknown = {word for sentence in sentences for word in sentence} - self._number.keys()
        if unknown:
            raise ValueError(f"not in the vocabulary: {', '.join(sorted(unknown))}")
        rows = [[self._number[word] for word in s] + [self.END] * end for s in sentences]
        numbers = np.full((len(rows), max(map(len, rows), default=0)), self.PAD)
        for row, filled in zip(rows, numbers, strict=True):
            filled[: len(row)] = row
        return numbers

    def decode(self, row):
        """Turn one row of numbers back into words, up to the first `END` or `PAD`."""
        words = []
        for number in row:
            if number in (self.END, self.PAD):
                break
            words.append(self.words[number])
        return tuple(words)
