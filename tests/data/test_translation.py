"""The corpus is right in both languages, its alignment is known, and its splits do not leak."""

import numpy as np
import pytest

from attn_helpers.data import TRANSLATION_READINGS, translation_corpus
from attn_helpers.data.translation import Meaning, say

# Written by hand, read by people: the oracle of the grammar.
SAID = {
    "我 昨天 去 公园 跑步": "yesterday I went to the park to run",
    "昨天 我 去 了 商店": "I went to the store yesterday",
    "她 冬天 在 图书馆 看 书": "in winter she reads books in the library",
    "明天 我们 不 去 学校": "we will not go to school tomorrow",
    "你 昨天 去 公园 跑步 了 吗": "did you go to the park to run yesterday ?",
    "小明 周末 不 在 海边 唱歌": "on weekends Xiaoming does not sing on the beach",
    "上周 老师 没 和 朋友 一起 坐车 去 咖啡馆": (
        "the teacher did not go to a café with friends by bus last week"
    ),
    "今晚 他们 和 小红 一起 在 广场 看 电影 吗": (
        "will they watch films in the square with Xiaohong tonight ?"
    ),
    "你 夏天 不 去 市场 买 花 吗": "do you not go to a market to buy flowers in summer ?",
    "他 前天 在 学校 听 音乐": "the day before yesterday he listened to music at school",
}
TOGETHER = {"小红", "朋友"}


def meaning_of(chinese):
    """Read a sentence of SAID; it knows these ten alone."""
    words = chinese.split()
    time_first = words[1] in ("我", "我们", "老师", "他们")
    companion = next(iter(TOGETHER & set(words)), "")
    places = {"公园", "商店", "图书馆", "学校", "海边", "咖啡馆", "广场", "市场"}
    place = next(word for word in words if word in places)
    after = [word for word in words[words.index(place) + 1 :] if word not in ("了", "吗")]
    return Meaning(
        time=words[0] if time_first else words[1],
        time_first=time_first,
        subject=words[1] if time_first else words[0],
        negative=bool({"不", "没"} & set(words)),
        question=words[-1] == "吗",
        companion=companion,
        transport="坐车" if "坐车" in words else "",
        goes="去" in words,
        place=place,
        activity=" ".join(after),
    )


@pytest.fixture(scope="module")
def corpus():
    return translation_corpus(3000, 400, rng=np.random.default_rng(7))


def every_pair(corpus):
    return (*corpus.train, *corpus.combination, *corpus.longer)


@pytest.mark.parametrize("chinese", SAID)
def test_sentences_are_as_a_person_writes_them(chinese):
    pair = say(meaning_of(chinese))
    assert " ".join(pair.source) == chinese
    assert " ".join(pair.target) == SAID[chinese]


def test_running_example_has_the_alignment_made_by_hand():
    from attn_helpers.data import running_example

    pair = say(meaning_of("我 昨天 去 公园 跑步"))
    assert pair.source == running_example().source
    by_hand = set(enumerate(running_example().alignment.tolist()))
    assert set(pair.alignment) == by_hand | {(6, 2)}  # and "to" of "to run" with 去


def test_no_held_out_combination_is_trained(corpus):
    trained, held_out = ({p.combination for p in s} for s in (corpus.train, corpus.combination))
    assert len(held_out) > 10 and not trained & held_out
    assert {place for place, _ in held_out} <= {place for place, _ in trained}
    assert {activity for _, activity in held_out} <= {activity for _, activity in trained}


def test_the_held_out_pairs_do_not_occur_as_words_either(corpus):
    for place, activity in {pair.combination for pair in corpus.combination}:
        words = {place, *activity.split()}
        # a verb and its object stand side by side, so 买 书 is not seen in 买 花 ... 看 书
        assert not any(
            words <= set(p.source) and activity in " ".join(p.source) for p in corpus.train
        )


def test_longer_sentences_are_longer_and_of_trained_combinations(corpus):
    assert max(len(pair.source) for pair in corpus.train) == 9
    assert max(len(pair.source) for pair in corpus.combination) <= 9
    assert min(len(pair.source) for pair in corpus.longer) == 10
    assert {p.combination for p in corpus.longer} <= {p.combination for p in corpus.train}


@pytest.mark.parametrize("max_length", [6, 10])
def test_max_length_is_kept(max_length):
    corpus = translation_corpus(50, 40, max_length=max_length, rng=np.random.default_rng(1))
    assert max(len(p.source) for p in (*corpus.train, *corpus.combination)) <= max_length
    assert min(len(p.source) for p in corpus.longer) > max_length


def test_no_sentence_occurs_twice_and_each_has_one_translation(corpus):
    pairs = every_pair(corpus)
    assert len({pair.source for pair in pairs}) == len(pairs) == 3800
    again = translation_corpus(3000, 400, rng=np.random.default_rng(8))
    known = {pair.source: pair.target for pair in pairs}
    both = [pair for pair in every_pair(again) if pair.source in known]
    assert len(both) > 20 and all(known[pair.source] == pair.target for pair in both)


LEXICON = {
    "park": {"公园"}, "store": {"商店"}, "school": {"学校"}, "beach": {"海边"},
    "café": {"咖啡馆"}, "I": {"我"}, "she": {"她"}, "yesterday": {"昨天", "前天"},
    "winter": {"冬天"}, "tonight": {"今晚"}, "bike": {"骑车"}, "with": {"和", "一起"},
    "not": {"没", "不"}, "went": {"去", "了"}, "go": {"去"}, "tea": {"茶"}, "?": {"吗"},
    "run": {"跑步"}, "read": {"看", "书"}, "watch": {"看", "电影"}, "write": {"写"},
    "did": {"没", "吗", "了"}, "does": {"不", "吗"}, "on": {"在", "海边", "周末"},
}  # fmt: skip


def test_alignment_agrees_with_a_dictionary(corpus):
    seen = set()
    for pair in every_pair(corpus):
        for i, j in pair.alignment:
            word = pair.target[i]
            seen.add(word)
            assert pair.source[j] in LEXICON.get(word, {pair.source[j]}), (word, pair)
    assert seen >= LEXICON.keys()


def test_alignment_leaves_no_word_alone(corpus):
    for pair in every_pair(corpus):
        targets, sources = map(set, zip(*pair.alignment, strict=True))
        assert targets == set(range(len(pair.target)))
        assert sources == set(range(len(pair.source)))
        assert list(pair.alignment) == sorted(set(pair.alignment))


def test_every_word_has_a_reading(corpus):
    assert {w for pair in every_pair(corpus) for w in pair.source} <= TRANSLATION_READINGS.keys()


def test_the_generator_decides():
    first, again, other = (
        translation_corpus(20, 5, rng=np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert first == again != other


@pytest.mark.parametrize(
    "sizes", [{"n_train": 0}, {"n_test": 0}, {"n_train": 50_001}, {"max_length": 5},
              {"max_length": 11}],
)  # fmt: skip
def test_bad_sizes_are_named(sizes):
    (name, value), *_ = sizes.items()
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        translation_corpus(**sizes, rng=np.random.default_rng(0))
