"""A parallel corpus, Chinese and English, generated with its word alignment known.

Every sentence says who goes where, or does what where, and when: 我 昨天 去 公园 跑步, "yesterday I
went to the park to run". A Chinese sentence has exactly one English one, so that "translated
right" has a meaning. Where a person would have a choice, these conventions decide:

- A time word behind the subject comes first in English, and one that opens the Chinese sentence
  comes last: 昨天 我 去 了 商店, "I went to the store yesterday". In a question it is always last.
- The time word decides the tense: 昨天 went, 明天 will go, 冬天 (in winter) go or goes.
- The past is denied with 没, anything else with 不. Questions end in 吗.
- 了 stands in the past, after 去 where nothing more is done, and before 吗 in a question.
- English is in lower case, "I" and names apart, and has no full stop. Words are the tokens.

The alignment pairs an English word with every Chinese word that demands it: "the" and "park" with
公园; "went" with 去 and, where it stands, 了, but not with the time word, which asks for its form
alone; the "to" of "to run" with 跑步 and with 去, since after 在 there is none; "in", "at" and "on"
with 在 and the place, which decides among them, as 书 decides that 看 is "read" and not "watch"; an
auxiliary with what denies, asks, or lies in the future.

So that a word cannot be guessed from its neighbours, nearly every verb has several objects, every
object several verbs, every activity several places, and the article depends on the place.

Left out on purpose: sentences of more than one clause, and meanings with several wordings.
"""

from dataclasses import dataclass

from attn_helpers.data.translation_words import (
    ACTIVITIES,
    COMPANIONS,
    GO,
    HELD_OUT,
    PLACES,
    SUBJECTS,
    TIMES,
    TRAINED,
    TRANSPORT,
)

__all__ = ["SentencePair", "TranslationCorpus", "translation_corpus"]


@dataclass(frozen=True)
class SentencePair:
    """A Chinese sentence, its English translation, and which word comes from which.

    Attributes
    ----------
    source : tuple of str, n_source words
        Chinese, 4 to 13 words.
    target : tuple of str, n_target words
        English.
    alignment : tuple of (int, int)
        Pairs (target position, source position), in order. Every target word has at least one.
    combination : (str, str)
        The place, and what is done there ("" for nothing): what defines the splits.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: tuple[tuple[int, int], ...]
    combination: tuple[str, str]


@dataclass(frozen=True)
class TranslationCorpus:
    """Three sets of sentence pairs that have no sentence in common.

    Attributes
    ----------
    train : tuple of SentencePair
    combination : tuple of SentencePair
        As long as in `train`, but of places and activities that `train` never has together.
    longer : tuple of SentencePair
        Combinations of `train`, in sentences longer than any there.
    """

    train: tuple[SentencePair, ...]
    combination: tuple[SentencePair, ...]
    longer: tuple[SentencePair, ...]


def translation_corpus(n_train=10_000, n_test=1_000, *, max_length=9, rng):
    """Draw a corpus whose splits cannot leak: no sentence twice, no held-out pair in `train`.

    Parameters
    ----------
    n_train : int, default 10_000
        Sentence pairs to train on.
    n_test : int, default 1_000
        Sentence pairs in each of the two other sets.
    max_length : int, default 9
        Longest Chinese sentence of `train` and `combination`, in words, from 6 to 10; those of
        `longer` have at least one word more and go up to 13.
    rng : numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    TranslationCorpus

    Raises
    ------
    ValueError
        If a size is below 1 or above 50,000, or `max_length` is not from 6 to 10.

    Examples
    --------
    >>> import numpy as np
    >>> pair = translation_corpus(1, 1, rng=np.random.default_rng(0)).train[0]
    >>> " ".join(pair.source), " ".join(pair.target)  # doctest: +SKIP
    ('她 明天 不 去 市场 买 花', 'tomorrow she will not go to a market to buy flowers')
    """
    if not (1 <= n_train <= 50_000 and 1 <= n_test <= 50_000 and 6 <= max_length <= 10):
        raise ValueError(
            "n_train and n_test must be from 1 to 50000 and max_length from 6 to 10: "
            f"n_train is {n_train}, n_test is {n_test}, max_length is {max_length}"
        )
    return TranslationCorpus(
        _distinct(n_train, TRAINED, range(4, max_length + 1), rng),
        _distinct(n_test, HELD_OUT, range(4, max_length + 1), rng),
        _distinct(n_test, TRAINED, range(max_length + 1, 14), rng),
    )


def _distinct(n, combinations, lengths, rng):
    """Draw sentence pairs of these combinations and lengths until there are n different ones."""
    found = {}
    while len(found) < n:
        pair = _draw(combinations, rng)
        if len(pair.source) in lengths:
            found.setdefault(pair.source, pair)
    return tuple(found.values())


@dataclass(frozen=True)
class Meaning:
    """What a sentence says, before it is put into either language; "" where there is nothing."""

    time: str
    time_first: bool  # in Chinese
    subject: str
    negative: bool
    question: bool
    companion: str
    transport: str
    goes: bool  # somewhere; else does something somewhere
    place: str
    activity: str

    @property
    def tense(self):
        return TIMES[self.time][2]

    @property
    def done(self):
        """Whether 了 stands."""
        told = self.question or (self.goes and not self.activity)
        return self.tense == "past" and not self.negative and told


def _draw(combinations, rng):
    """Draw a meaning, each part of it alone, and put it into words."""

    def one_of(options):
        return options[rng.integers(len(options))]

    place = one_of(list(combinations))
    activity = one_of(combinations[place].split(", "))
    question = rng.random() < 0.3
    subject = one_of([s for s in SUBJECTS if not (question and s in ("我", "我们"))])
    # 在 tells where an activity lasts; buying is over too soon
    goes = not activity or activity.startswith("买") or rng.random() < 0.6
    companion = one_of([c for c in COMPANIONS if c != subject]) if rng.random() < 0.3 else ""
    meaning = Meaning(
        time=one_of(list(TIMES)),
        time_first=rng.random() < 0.5,
        subject=subject,
        negative=rng.random() < 0.3,
        question=question,
        companion=companion,
        transport=one_of(list(TRANSPORT)) if goes and rng.random() < 0.3 else "",
        goes=goes,
        place=place,
        activity=activity,
    )
    return say(meaning)


def say(meaning):
    """Put a Meaning into both languages, and keep book of what comes from what."""
    chinese = [(part, word) for part, word in _chinese(meaning) if word]
    where = {part: position for position, (part, _) in enumerate(chinese)}
    target, alignment = [], []
    for words, parts in _english(meaning):
        for word in words.split():
            alignment += sorted((len(target), where[part]) for part in parts if part in where)
            target.append(word)
    source = tuple(word for _, word in chinese)
    return SentencePair(source, tuple(target), tuple(alignment), (meaning.place, meaning.activity))


def _chinese(m):
    """List (part of the sentence, word) in Chinese order."""
    verb, _, thing = m.activity.partition(" ")
    opening = [("time", m.time), ("subject", m.subject)]
    return [
        *(opening if m.time_first else opening[::-1]),
        ("not", ("没" if m.tense == "past" else "不") if m.negative else ""),
        ("with", "和" if m.companion else ""),
        ("companion", m.companion),
        ("together", "一起" if m.companion else ""),
        ("transport", m.transport),
        ("motion", "去" if m.goes else "在"),
        ("done", "了" if m.done and not m.question else ""),
        ("place", m.place),
        ("verb", verb),
        ("object", thing),
        ("done", "了" if m.done and m.question else ""),
        ("question", "吗" if m.question else ""),
    ]


def _english(m):
    """List (words, parts of the Chinese sentence that demand them) in English order."""
    when = [(TIMES[m.time][1], ["time"])]
    who = [(SUBJECTS[m.subject][1], ["subject"])]
    denial = [("not", ["not"])] if m.negative else []
    rest = _predicate(m)
    if m.question:
        return [*_auxiliary(m), *who, *denial, *rest, *when, ("?", ["question"])]
    rest = [*who, *_auxiliary(m), *denial, *rest]
    return rest + when if m.time_first else when + rest


def _auxiliary(m):
    if m.tense == "future":
        return [("will", ["time", "question"])]
    if not (m.negative or m.question):
        return []
    does = "did" if m.tense == "past" else "does" if SUBJECTS[m.subject][2] else "do"
    return [(does, ["not", "question", "done"])]


def _predicate(m):
    if m.tense == "future" or m.negative or m.question:
        form = 0  # the auxiliary is inflected, the verb is not
    else:
        form = 1 if m.tense == "past" else 2 if SUBJECTS[m.subject][2] else 0
    # 看 alone does not say whether to read, to watch or to look at
    doing = ["verb", "object"] if m.activity.startswith("看") else ["verb"]
    place = (PLACES[m.place][1], ["place"])
    *verb, thing = ACTIVITIES[m.activity]
    thing = (thing, ["object"])

    phrases = []
    if m.goes:
        went = ["motion"] if m.question else ["motion", "done"]
        phrases += [(GO[form], went), ("to", ["motion"]), place]
    else:
        phrases += [(verb[form], doing), thing, (PLACES[m.place][2], ["motion", "place"]), place]
    if m.companion:
        phrases += [("with", ["with", "together"]), (COMPANIONS[m.companion][1], ["companion"])]
    if m.transport:
        phrases.append((TRANSPORT[m.transport][1], ["transport"]))
    if m.goes and m.activity:
        phrases += [("to", ["motion", "verb"]), (verb[0], doing), thing]
    return phrases
