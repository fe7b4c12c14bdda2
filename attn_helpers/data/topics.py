"""Python's own documentation: real English text that every Python carries.

`pydoc_data.topics` holds what `help("LISTS")` and its like show, most of it from the Python
Language Reference. It is read from the running Python, so its text, and every figure that depends
on it, differs by release.
"""

import platform
from dataclasses import dataclass

__all__ = ["DOCUMENTATION_CREDIT", "Documentation", "documentation"]

DOCUMENTATION_CREDIT = (
    "Text: Python's documentation, © Python Software Foundation, under the PSF License Agreement"
)


@dataclass(frozen=True)
class Documentation:
    """The topics of Python's built-in help.

    Attributes
    ----------
    release : str
        The Python whose text this is, "3.11.7".
    topics : dict of str to str
        The text of each topic by name: "assert", "assignment" and so on.
    paragraphs : tuple of str
        The paragraphs of all topics in order, each once: topics share about a fifth of their text.
    """

    release: str
    topics: dict[str, str]
    paragraphs: tuple[str, ...]

    @property
    def text(self):
        """The paragraphs as one text of some 370,000 characters, a blank line between them."""
        return "\n\n".join(self.paragraphs)


def documentation():
    """Return the documentation of the running Python.

    Returns
    -------
    Documentation
        Name `DOCUMENTATION_CREDIT` where you show the text.

    Raises
    ------
    ImportError
        If this Python came without its documentation, as stripped-down ones do.

    Examples
    --------
    >>> documentation().topics["assert"].splitlines()[0]
    'The "assert" statement'
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise ImportError(
            f"This Python came without its documentation ({error}). Use one from python.org, "
            "conda, pyenv or uv, or install your system's full Python package."
        ) from error
    topics = {name: topics[name] for name in sorted(topics)}
    parts = (part.strip("\n") for text in topics.values() for part in text.split("\n\n"))
    paragraphs = dict.fromkeys(part for part in parts if part.strip())
    return Documentation(platform.python_version(), topics, tuple(paragraphs))
