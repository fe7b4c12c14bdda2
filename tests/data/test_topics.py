"""The documentation is what `help` shows, each paragraph once, and names its licence."""

import pydoc
import sys
from pydoc_data.topics import topics

import pytest

from attn_helpers import data


@pytest.fixture(scope="module")
def docs():
    return data.documentation()


def test_topics_are_those_of_help(docs):
    assert docs.topics == topics and list(docs.topics) == sorted(topics)
    assert len(topics) > 70 and docs.release == sys.version.split()[0]
    label = pydoc.Helper.topics["ASSERTION"]  # what help("ASSERTION") looks up
    assert "Assert statements are a convenient way" in docs.topics[label]


def test_every_paragraph_is_there_once_and_in_order(docs):
    assert len(set(docs.paragraphs)) == len(docs.paragraphs)
    for text in topics.values():
        assert {part.strip("\n") for part in text.split("\n\n")} - {""} <= set(docs.paragraphs)
    blocks = [[part.strip("\n") for part in text.split("\n\n")] for text in docs.topics.values()]
    first = [next(i for i, block in enumerate(blocks) if part in block) for part in docs.paragraphs]
    assert first == sorted(first)


def test_the_text_is_that_of_the_paragraphs(docs):
    assert docs.text.split("\n\n") == list(docs.paragraphs)
    repeated = sum(map(len, topics.values()))
    assert 300_000 < len(docs.text) < 0.9 * repeated


def test_the_credit_names_owner_and_licence():
    assert "Python Software Foundation" in data.DOCUMENTATION_CREDIT
    assert "PSF License" in data.DOCUMENTATION_CREDIT


def test_a_python_without_documentation_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ImportError, match="without its documentation.*full Python package"):
        data.documentation()
