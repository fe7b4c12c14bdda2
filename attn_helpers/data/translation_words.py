"""The words of the parallel corpus: Chinese, reading, English, and what fits together.

`translation.py` builds sentences of them.
"""

# Chinese: (pinyin, English, tense)
TIMES = {
    "昨天": ("zuótiān", "yesterday", "past"),
    "前天": ("qiántiān", "the day before yesterday", "past"),
    "昨晚": ("zuówǎn", "last night", "past"),
    "上周": ("shàngzhōu", "last week", "past"),
    "冬天": ("dōngtiān", "in winter", "habit"),
    "夏天": ("xiàtiān", "in summer", "habit"),
    "周末": ("zhōumò", "on weekends", "habit"),
    "明天": ("míngtiān", "tomorrow", "future"),
    "后天": ("hòutiān", "the day after tomorrow", "future"),
    "今晚": ("jīnwǎn", "tonight", "future"),
    "下周": ("xiàzhōu", "next week", "future"),
}
# Chinese: (pinyin, English, whether third person singular)
SUBJECTS = {
    "我": ("wǒ", "I", False),
    "我们": ("wǒmen", "we", False),
    "你": ("nǐ", "you", False),
    "他": ("tā", "he", True),
    "她": ("tā", "she", True),
    "他们": ("tāmen", "they", False),
    "老师": ("lǎoshī", "the teacher", True),
    "小明": ("Xiǎomíng", "Xiaoming", True),
    "小红": ("Xiǎohóng", "Xiaohong", True),
}
COMPANIONS = {
    "老师": ("lǎoshī", "the teacher"),
    "小明": ("Xiǎomíng", "Xiaoming"),
    "小红": ("Xiǎohóng", "Xiaohong"),
    "朋友": ("péngyou", "friends"),
    "同学": ("tóngxué", "classmates"),
}
TRANSPORT = {
    "骑车": ("qíchē", "by bike"),
    "坐车": ("zuòchē", "by bus"),
    "开车": ("kāichē", "by car"),
}
# Chinese: (pinyin, English, preposition)
PLACES = {
    "公园": ("gōngyuán", "the park", "in"),
    "学校": ("xuéxiào", "school", "at"),
    "海边": ("hǎibiān", "the beach", "on"),
    "图书馆": ("túshūguǎn", "the library", "in"),
    "广场": ("guǎngchǎng", "the square", "in"),
    "咖啡馆": ("kāfēiguǎn", "a café", "in"),
    "市场": ("shìchǎng", "a market", "at"),
    "商店": ("shāngdiàn", "the store", "in"),
}
# Chinese verb and object: (verb, past, third person singular, object)
ACTIVITIES = {
    "": ("", "", "", ""),  # one goes there, and no more is said
    "跑步": ("run", "ran", "runs", ""),
    "唱歌": ("sing", "sang", "sings", ""),
    "跳舞": ("dance", "danced", "dances", ""),
    "工作": ("work", "worked", "works", ""),
    "看 书": ("read", "read", "reads", "books"),
    "看 电影": ("watch", "watched", "watches", "films"),
    "看 花": ("look at", "looked at", "looks at", "flowers"),
    "拍 电影": ("make", "made", "makes", "films"),
    "喝 茶": ("drink", "drank", "drinks", "tea"),
    "喝 咖啡": ("drink", "drank", "drinks", "coffee"),
    "吃 面条": ("eat", "ate", "eats", "noodles"),
    "吃 饺子": ("eat", "ate", "eats", "dumplings"),
    "学 中文": ("study", "studied", "studies", "Chinese"),
    "学 音乐": ("study", "studied", "studies", "music"),
    "听 音乐": ("listen to", "listened to", "listens to", "music"),
    "听 故事": ("listen to", "listened to", "listens to", "stories"),
    "写 故事": ("write", "wrote", "writes", "stories"),
    "写 中文": ("write", "wrote", "writes", "Chinese"),
    "写 书": ("write", "wrote", "writes", "books"),
    "买 书": ("buy", "bought", "buys", "books"),
    "买 花": ("buy", "bought", "buys", "flowers"),
    "买 茶": ("buy", "bought", "buys", "tea"),
    "买 咖啡": ("buy", "bought", "buys", "coffee"),
    "买 面条": ("buy", "bought", "buys", "noodles"),
}
GO = ("go", "went", "goes")
# What one does where. The two tables have no pair in common: that is what splits the corpus.
TRAINED = {
    "公园": ", 唱歌, 跳舞, 看 书, 看 花, 看 电影, 拍 电影, 喝 茶, 听 音乐, 听 故事, 写 故事",
    "学校": ", 跑步, 唱歌, 工作, 看 书, 看 电影, 拍 电影, 吃 面条, 吃 饺子, 学 中文, 学 音乐, "
    "写 中文",
    "海边": ", 跑步, 跳舞, 看 书, 拍 电影, 喝 咖啡, 听 音乐, 听 故事, 写 书",
    "图书馆": ", 工作, 看 电影, 听 音乐, 听 故事, 学 中文, 学 音乐, 写 故事, 写 书",
    "广场": ", 跑步, 唱歌, 跳舞, 看 电影, 看 花, 喝 茶, 吃 面条, 听 音乐, 买 书, 买 花, 买 面条",
    "咖啡馆": ", 唱歌, 工作, 看 书, 喝 茶, 喝 咖啡, 吃 面条, 学 中文, 写 故事, 写 中文, 买 咖啡",
    "市场": ", 唱歌, 工作, 看 花, 喝 茶, 吃 饺子, 买 书, 买 花, 买 茶, 买 面条",
    "商店": ", 工作, 听 音乐, 喝 咖啡, 买 花, 买 茶, 买 咖啡, 买 面条",
}
HELD_OUT = {
    "公园": "跑步, 喝 咖啡",
    "学校": "跳舞, 听 故事",
    "海边": "唱歌",
    "图书馆": "看 书, 写 中文",
    "广场": "拍 电影",
    "咖啡馆": "吃 饺子, 听 音乐, 写 书",
    "市场": "吃 面条, 买 咖啡",
    "商店": "买 书",
}
OTHERS = {
    "没": ("méi", "not, past"),
    "不": ("bù", "not"),
    "和": ("hé", "with"),
    "一起": ("yìqǐ", "together"),
    "去": ("qù", "go"),
    "在": ("zài", "at"),
    "了": ("le", "done"),
    "吗": ("ma", "question"),
    "跑步": ("pǎobù", "run"),
    "唱歌": ("chànggē", "sing"),
    "跳舞": ("tiàowǔ", "dance"),
    "工作": ("gōngzuò", "work"),
    "喝": ("hē", "drink"),
    "茶": ("chá", "tea"),
    "看": ("kàn", "look at"),
    "书": ("shū", "book"),
    "电影": ("diànyǐng", "film"),
    "听": ("tīng", "listen to"),
    "音乐": ("yīnyuè", "music"),
    "学": ("xué", "study"),
    "中文": ("Zhōngwén", "Chinese"),
    "吃": ("chī", "eat"),
    "面条": ("miàntiáo", "noodles"),
    "买": ("mǎi", "buy"),
    "花": ("huā", "flower"),
    "拍": ("pāi", "shoot"),
    "咖啡": ("kāfēi", "coffee"),
    "饺子": ("jiǎozi", "dumpling"),
    "故事": ("gùshi", "story"),
    "写": ("xiě", "write"),
}
# character(s): (pinyin, English gloss), for `attn_helpers.plots.label`
TRANSLATION_READINGS = OTHERS | {
    word: entry[:2]
    for table in (TIMES, SUBJECTS, COMPANIONS, TRANSPORT, PLACES)
    for word, entry in table.items()
}
