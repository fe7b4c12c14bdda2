"""Twenty questions on Python, each asked twice, with the topics of the documentation that answer.

They test a search. The plain form has the words of the trade; the roundabout one is for somebody
who does not know them. The topics are those of `pydoc_data`, in every Python from 3.10 to 3.13.
English only.
"""

from typing import NamedTuple

__all__ = ["QUESTIONS", "Question"]


class Question(NamedTuple):
    """One thing to ask, in two ways.

    Attributes
    ----------
    plain, roundabout : str
    topics : tuple of str
        The topics that answer it, one or two.
    """

    plain: str
    roundabout: str
    topics: tuple[str, ...]


QUESTIONS = (
    Question(
        "How do I jump to the next iteration of a loop?",
        "How do I skip the rest of this round and go on with the next one?",
        ("continue",),
    ),
    Question(
        "How do I exit a loop early?",
        "How can I leave a loop before it has come to its end?",
        ("break",),
    ),
    Question(
        "How do I make sure that a file is closed at the end of a block?",
        "How can I be sure that a file gets closed, whatever happens?",
        ("with", "context-managers"),
    ),
    Question(
        "How do I check a condition while debugging?",
        "How do I check that something holds, only while I look for mistakes?",
        ("assert",),
    ),
    Question(
        "How do I write an anonymous function?",
        "How do I write a small function that has no name?",
        ("lambda",),
    ),
    Question(
        "How do I get a part of a list, from one index to another?",
        "How do I get the last three elements of a list?",
        ("slicings",),
    ),
    Question(
        "How do I compute the remainder of a division?",
        "How do I compute what remains after a division?",
        ("binary",),
    ),
    Question(
        "How do I shift the bits of a number to the left?",
        "How do I move the bits of a number to the left?",
        ("shifting",),
    ),
    Question(
        "Which operators are evaluated first?",
        "Which is done first, times or plus?",
        ("operator-summary",),
    ),
    Question(
        "How does an inner function rebind a variable of the enclosing function?",
        "How can an inner function change a variable of the outer one?",
        ("nonlocal",),
    ),
    Question(
        "How do I load a module?",
        "How do I use code from another file?",
        ("import",),
    ),
    Question(
        "How do I step through my program and set breakpoints?",
        "How do I run my program line by line to find a mistake?",
        ("debugger",),
    ),
    Question(
        "How do I catch an error?",
        "How do I keep my program from ending when something goes wrong?",
        ("try", "exceptions"),
    ),
    Question(
        "How do I format a number with two decimals?",
        "How do I print a number with two digits after the point?",
        ("formatstrings",),
    ),
    Question(
        "How do I escape a quote in a string?",
        "How do I put a line break or a quote into a text?",
        ("strings",),
    ),
    Question(
        "Which characters are allowed in a variable name?",
        "Which names may I give to my variables?",
        ("identifiers",),
    ),
    Question(
        "Which values count as false?",
        "Does an empty list count as yes or as no?",
        ("truth",),
    ),
    Question(
        "How do I remove whitespace from the ends of a string?",
        "How do I cut off the spaces at both ends of a text?",
        ("string-methods",),
    ),
    Question(
        "How do I write a generator function?",
        "How do I write a function that hands out its values one by one?",
        ("yield",),
    ),
    Question(
        "How do I overload the plus operator for my class?",
        "How do I make my own objects add up with a plus sign?",
        ("numeric-types",),
    ),
)
