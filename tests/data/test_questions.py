"""Twenty things to ask, each in two ways, each with a topic that this Python has."""

from attn_helpers.data import QUESTIONS, documentation


def test_every_answer_is_a_topic():
    topics = documentation().topics
    assert all(q.topics and set(q.topics) <= topics.keys() for q in QUESTIONS)
    assert len({q.topics for q in QUESTIONS}) == len(QUESTIONS) == 20


def test_a_question_is_one_english_line_and_stands_once():
    asked = [text for q in QUESTIONS for text in (q.plain, q.roundabout)]
    assert len(set(asked)) == 40
    assert all(text.isascii() and text.isprintable() and text.endswith("?") for text in asked)
