"""Make the golden files of this folder with bytepiece 0.6.3, in an environment of its own.

    AHOCORASICK_BYTES=1 pip install --no-binary pyahocorasick pyahocorasick bytepiece==0.6.3
    python make.py [SHARED_DATA]

`text.txt` is ours. With SHARED_DATA, the folder that holds `bytepiece-models` and `corpora`, `published.json` is made
too: ids of the strings in full, and only digests of the ids of texts that are not ours to ship. The sentences under
`subjectivity` are from "Subjectivity dataset v1.0, Bo Pang and Lillian Lee, ACL 2004", CC BY 4.0.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
import sys
import tempfile
import zipfile
from array import array
from base64 import b64encode
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
WORDS = """
the a an of to and river stone window light morning never always under over between walked said thought blue old
la le les des rivière pierre fenêtre lumière matin jamais toujours très élève naïf où cœur garçon
河 石头 窗户 光 早上 从来 总是 之间 走路 说 想 蓝色 旧 的 了 在 是 我们 你们 他们
def return if else for in range len self None True import x = y == 1 += 2 ( ) [ ] : # { }
река камень окно свет утро 川 石 窓 ひかり 강 돌 창문 빛 נהר אבן نهر حجر
12 345 2024 ٣٤ ४२ 👍 👩\u200d👩\u200d👧 café cafe\u0301
"""
STRINGS = [
    "",
    "a",
    "The cat sat on the mat.",
    "今天天气很好，我们去公园吧。",
    "L'élève naïf a mangé un œuf près du château.",
    "def f(x):\n    return [i ** 2 for i in range(10) if i % 3 == 0]\n",
    "\n\n\n\nfour line ends\n\n\nthen three",
    "\r\nwindows\r\nlines\r\n\rand\rold\u2028ones\u2029",
    "NUL \0 and \x01\x02\x1f\x7f controls",
    "\ufeffBOM, \u200bzero width, \u00a0no break, \u3000wide",
    "e\u0301 is é, \u212b is Å, ﬁ stays, 가 is 가, \u1100\u1161 joins",
    "𝒳𝒴𝒵 🀄 👩‍👩‍👧‍👦 🇫🇷 🏳️‍🌈 \U0010ffff \ue000 \ufffd \ufffe",
    "====================" * 5 + "----------" * 7,
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "啊啊啊啊啊啊啊啊啊啊啊啊哈哈哈哈哈哈哈哈哈",
    "3.14159 2,718,281 ٣٤٥ ४२ １２３ Ⅻ ² ½",
    "<pad><bos><eos></s><unk>[MASK] ▁▁ ##ing Ġthe",
    "עברית العربية हिन्दी ไทย 한국어 日本語 ქართული Ελληνικά",
    "mixed混合мешанина1a2b3c—“引号”‘q’…",
    "\t\ttabs \t and   spaces    \t\n \n  \n",
]
CASES = [
    {"vocab_size": [900]},
    {"vocab_size": [700, 350], "isolate_digits": True, "order": 4, "min_count": 3},
    {"vocab_size": [500], "ensure_unicode": False, "max_piece_length": 7},
    {"vocab_size": [2000], "order": 3, "min_count": 5, "isolate_digits": True, "ensure_unicode": False},
]
CORPORA, CHARACTERS = ("zh", "en", "fr", "code", "multilingual-udhr"), 300_000


def sentences() -> str:
    draw = random.Random(0)
    words = WORDS.split()
    vocabulary = draw.choices(words, weights=[1 / (1 + i % 29) for i in range(len(words))], k=2_000)
    lines = []
    while vocabulary:
        size = draw.randint(3, 14)
        lines.append(draw.choice([" ", " ", " ", ""]).join(vocabulary[:size]) + draw.choice([".", "。", "!", ""]))
        vocabulary = vocabulary[size:]
    return "".join(line + draw.choice(["\n", "\n", "\n\n"]) for line in lines)


def train(text: str, case: dict) -> dict:
    from bytepiece import Trainer

    names = dict(case)
    trainer = Trainer(max_vocab_size=names.pop("vocab_size"), **names)
    trainer.train([text])
    counts = [{b64encode(piece).decode(): count for piece, count in sorted(found.items())} for found in trainer.pieces]
    if case is CASES[0]:
        trainer.save(str(HERE / "small.model"))
    return {"config": case, "pieces": counts}


def convert(text: str) -> dict:
    """The words of the text and their counts, and what `convert_to_bytepiece` keeps of them."""
    from bytepiece.bytepiece import convert_to_bytepiece

    words = dict(sorted(Counter(text.split()).items()))
    with tempfile.TemporaryDirectory() as folder:
        convert_to_bytepiece(words, f"{folder}/converted.model")
        entries = json.loads(Path(f"{folder}/converted.model").read_text(encoding="utf-8"))
    return {"words": words, "pieces": {piece: count for piece, (_, _, count) in entries.items()}}


def digest(ids: list[int]) -> str:
    return hashlib.sha256(array("i", ids).tobytes()).hexdigest()


def published(data: Path) -> dict:
    from bytepiece import Tokenizer

    with lzma.open(data / "fewshot/subjectivity/unlabeled.txt.xz", "rt", encoding="utf-8") as file:
        subjectivity = [file.readline().rstrip("\n") for _ in range(20)]
    made: dict = {"strings": STRINGS, "subjectivity": subjectivity, "characters": CHARACTERS, "models": {}}
    made["licence"] = "subjectivity: Subjectivity dataset v1.0, Bo Pang and Lillian Lee, ACL 2004, CC BY 4.0"
    for archive in sorted((data / "bytepiece-models").glob("*.zip")):
        with zipfile.ZipFile(archive) as opened, tempfile.TemporaryDirectory() as folder:
            (name,) = [name for name in opened.namelist() if name.endswith(".model")]
            tokenizer = Tokenizer(opened.extract(name, folder))
        corpora = {}
        for corpus in CORPORA:
            with lzma.open(data / f"corpora/{corpus}.txt.xz", "rt", encoding="utf-8", newline="") as file:
                ids = tokenizer.encode(file.read(CHARACTERS))
            corpora[corpus] = {"tokens": len(ids), "sha256": digest(ids)}
        made["models"][archive.name] = {
            "ids": [tokenizer.encode(text) for text in STRINGS + subjectivity],
            "corpora": corpora,
        }
    return made


def write(name: str, value: object) -> None:
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    from bytepiece import Tokenizer

    text = sentences()
    (HERE / "text.txt").write_text(text, encoding="utf-8")
    write("converted.json", convert(text))
    write("trained.json", [train(text, case) for case in CASES])
    small = Tokenizer(str(HERE / "small.model"))
    write("small-ids.json", {string: small.encode(string) for string in STRINGS})
    if len(sys.argv) > 1:
        write("published.json", published(Path(sys.argv[1])))
