"""`minent tokenizer ...`: lines in, lines out."""

from __future__ import annotations

import json

from minent.tokenizer import Tokenizer
from tests.cli.terminal import Run, run
from tests.report.test_report import Page

TEXTS = "the film is good\ncafé 猫\n\n a\tb\x00c \n"


def test_encode_and_decode_are_inverse(tokenizer_folder):
    ids = run("tokenizer", "encode", tokenizer_folder, stdin=TEXTS)
    assert (ids.code, ids.err) == (0, "")
    known = Tokenizer.load(tokenizer_folder)
    assert ids.out.splitlines()[0].split() == [str(id) for id in known.encode("the film is good")]
    assert run("tokenizer", "decode", tokenizer_folder, stdin=ids.out) == Run(0, TEXTS, "")
    assert run("tokenizer", "decode", tokenizer_folder) == Run(0, "", "")


def test_encode_prints_pieces_and_draws(tokenizer_folder):
    pieces = run("tokenizer", "encode", tokenizer_folder, "--pieces", stdin="the film")
    assert "".join(json.loads(pieces.out)) == "the film"
    draw = ("tokenizer", "encode", tokenizer_folder, "--alpha", "0.1", "--add-bos", "--add-eos", "--seed")
    first = run(*draw, 1, stdin="the film\nthe film\n")
    assert first == run(*draw, 1, stdin="the film\nthe film\n") != run(*draw, 5, stdin="the film\nthe film\n")
    assert all(line.startswith("1 ") and line.endswith(" 2") for line in first.out.splitlines())
    assert run(*draw, 2, stdin="the film\n").out == first.out.splitlines(keepends=True)[1]


def test_decode_names_the_line(tokenizer_folder):
    assert run("tokenizer", "decode", tokenizer_folder, stdin="100\n1 x\n") == Run(
        2, "a\n", "minent: stdin, line 2: '1 x' is no row of ids. Write numbers, spaces between.\n"
    )
    endless = run("tokenizer", "decode", tokenizer_folder, stdin="9" * 5000 + "\n")
    assert (endless.code, endless.out) == (2, "")
    assert "is no row of ids" in endless.err
    outside = run("tokenizer", "decode", tokenizer_folder, stdin="9999\n")
    assert outside.code == 2
    assert outside.err.startswith("minent: stdin, line 1: ids[0] is 9999, but vocab_size is ")


def test_train_refuses_a_taken_folder_before_reading(tokenizer_folder):
    refused = run("tokenizer", "train", "no-such-file.txt", "-o", tokenizer_folder)
    assert refused.code == 2
    assert refused.err.startswith(f"minent: {tokenizer_folder}: the folder exists. Give --overwrite")


def test_train_from_stdin_and_empty_input(tmp_path):
    made = run("tokenizer", "train", "-", "--vocab-size", 300, "-o", tmp_path / "t", stdin="so it goes\n" * 30)
    assert made.code == 0
    assert made.out.startswith(f"{tmp_path / 't'}: ")
    again = run(
        "tokenizer", "train", "-", "--vocab-size", 300, "-o", tmp_path / "t", "--overwrite", stdin="so it\n" * 9
    )
    assert again.code == 0
    empty = run("tokenizer", "train", "-", "-o", tmp_path / "empty")
    assert empty == Run(2, "", "minent: stdin: is empty; at least one text is needed.\n")
    assert not (tmp_path / "empty").exists()


def test_stats_measures_texts(tokenizer_folder):
    known = Tokenizer.load(tokenizer_folder)
    shown = dict(
        line.split("\t") for line in run("tokenizer", "stats", tokenizer_folder, "-", stdin=TEXTS).out.splitlines()
    )
    size = sum(len(line.encode()) for line in TEXTS.splitlines())
    tokens = sum(known.count(line) for line in TEXTS.splitlines())
    assert shown["vocab_size"] == str(known.vocab_size)
    assert (shown["stdin: texts"], shown["stdin: bytes"], shown["stdin: tokens"]) == ("4", str(size), str(tokens))


def test_export_and_import_go_round(tokenizer_folder, tmp_path):
    model = tmp_path / "pieces.model"
    export = ("tokenizer", "export", tokenizer_folder, "-o", model, "--format", "bytepiece")
    refused = run(*export)
    assert refused.code == 2
    assert refused.err.startswith(
        f"minent: {model}: bytepiece may give other ids than this tokenizer (bytepiece always"
    )
    assert not model.exists()
    known = Tokenizer.load(tokenizer_folder)
    made = run(*export, "--accept-differences")
    assert (made.code, made.out) == (0, f"{model}: {known.vocab_size} ids\n")
    assert made.err.startswith("bytepiece: bytepiece always brings texts to NFC\n")
    assert run(*export).err.endswith("or choose another.\n")
    back = run("tokenizer", "import", model, "-o", tmp_path / "back")
    assert back.out == f"{tmp_path / 'back'}: {known.vocab_size} ids\n"
    assert Tokenizer.load(tmp_path / "back").pieces == known.pieces


def test_export_to_huggingface_keeps_what_else_is_in_the_folder(tokenizer_folder, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    export = ("tokenizer", "export", tokenizer_folder, "-o", tmp_path)
    known = Tokenizer.load(tokenizer_folder)
    assert run(*export) == Run(0, f"{tmp_path}: {known.vocab_size} ids\n", "")
    assert run(*export).err == (
        f"minent: {tmp_path / 'tokenizer.json'}: the file exists. Give --overwrite to replace it, or choose another.\n"
    )
    assert run(*export, "--overwrite").code == 0
    names = ["config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_import_of_counts_takes_a_size_and_texts(tmp_path):
    (tmp_path / "words.tsv").write_text("the film \t30\nis good\t20\nnever seen\t90\n")
    (tmp_path / "texts.txt").write_text("the film is good\n" * 9)
    made = run("tokenizer", "import", tmp_path / "words.tsv", "-o", tmp_path / "plain")
    assert made == Run(0, f"{tmp_path / 'plain'}: 262 ids\n", "")
    counted = ("--text", tmp_path / "texts.txt", "--vocab-size", 261)
    assert run("tokenizer", "import", tmp_path / "words.tsv", "-o", tmp_path / "new", *counted).code == 0
    assert set(Tokenizer.load(tmp_path / "new").pieces[256:]) == {b"the film ", b"is good"}
    refused = run("tokenizer", "import", tmp_path / "texts.txt", "-o", tmp_path / "none")
    assert refused == Run(
        2,
        "",
        f"minent: {tmp_path / 'texts.txt'}, line 1: 'the film is good' is no piece, a tab and a count of 1 or more. "
        "Mend or delete the line.\n",
    )
    assert not (tmp_path / "none").exists()
    wrong = run("tokenizer", "import", tmp_path / "words.tsv", "-o", tmp_path / "none", "--format", "hugingface")
    assert wrong.err.endswith("Did you mean 'huggingface'?\n")


def test_export_names_what_is_wrong_and_leaves_nothing(tokenizer_folder, tmp_path):
    wrong = run("tokenizer", "export", tokenizer_folder, "-o", tmp_path / "x", "--format", "ggml")
    assert (wrong.code, wrong.err.startswith("minent: format is 'ggml'; there is ")) == (2, True)
    nowhere = run(
        "tokenizer", "export", tokenizer_folder, "-o", tmp_path / "no" / "x.model", "--format", "sentencepiece"
    )
    assert nowhere.code == 2
    assert "cannot be written (No such file or directory)" in nowhere.err
    assert not list(tmp_path.iterdir())


def test_train_takes_the_options_of_the_trainer(tmp_path):
    text = "def f(x):\n    return x + 12\n\n" * 40 + "the cat sat on the mat\n" * 40
    made = run(
        *("tokenizer", "train", "-", "--vocab-size", 320, "--vocab-size", 280, "--whole-files", "--isolate-digits"),
        *("--force", "mat\u00e9", "--block", "the ", "--balance", 0.5, "--objective", "mixed", "-o", tmp_path / "t"),
        stdin=text,
    )
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[0].startswith(f"{tmp_path / 't-320'}: ")
    large, small = (Tokenizer.load(tmp_path / f"t-{size}") for size in (320, 280))
    assert set(small.pieces) <= set(large.pieces)
    assert "mat\u00e9".encode() in small.pieces
    assert b"the " not in large.pieces
    assert not any(b"12" in piece for piece in large.pieces)
    assert not (tmp_path / "t.partial").exists()


def test_train_leaves_a_foreign_partial_folder_alone(tmp_path):
    (tmp_path / "t.partial").mkdir()
    (tmp_path / "t.partial" / "mine.txt").write_text("mine")
    refused = run("tokenizer", "train", "-", "-o", tmp_path / "t", stdin="so it goes\n")
    assert refused.code == 2
    assert "t.partial: unfinished work goes there, but it holds 'mine.txt'" in refused.err
    assert (tmp_path / "t.partial" / "mine.txt").exists()


def test_what_a_kill_left_half_replaced_is_no_foreign_file(tmp_path):
    left = tmp_path / "t.partial" / ".draft.writing-old-999999999"
    left.mkdir(parents=True)
    made = run(
        "tokenizer", "train", "-", "--vocab-size", 300, "--resume", "-o", tmp_path / "t", stdin="so it goes\n" * 99
    )
    assert (made.code, made.err) == (0, "")
    assert not left.parent.exists()


def test_stats_describes_pieces_and_each_file(tokenizer_folder, tmp_path):
    (tmp_path / "a.txt").write_text("the film 猫\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("the film\n", encoding="utf-8")
    made = run("tokenizer", "stats", tokenizer_folder, tmp_path / "a.txt", tmp_path / "b.txt")
    shown = dict(line.split("\t") for line in made.out.splitlines())
    known = Tokenizer.load(tokenizer_folder)
    assert shown["length bytes"] == "128"
    assert int(shown["script Latin"]) > 100
    assert len(json.loads(shown["longest 1"])) > 3
    assert shown[f"{tmp_path / 'a.txt'}: characters_of_bytes"] == "1"
    assert shown[f"{tmp_path / 'b.txt'}: coverage"] == "1.0"
    assert shown[f"{tmp_path / 'b.txt'}: tokens"] == str(known.count("the film"))


def test_stats_stand_on_a_page_too(tokenizer_folder, tmp_path):
    (tmp_path / "a.txt").write_text("the film 猫\n", encoding="utf-8")
    stats = ("tokenizer", "stats", tokenizer_folder, tmp_path / "a.txt")
    made = run(*stats, "--report", tmp_path / "stats.html")
    assert (made.code, made.err) == (0, f"report: {tmp_path / 'stats.html'}\n")
    assert made.out == run(*stats).out
    shown = dict(line.split("\t") for line in made.out.splitlines())
    page = Page((tmp_path / "stats.html").read_text(encoding="utf-8"))
    assert page.ids == ["summary", "files", "lengths", "scripts", "longest", "wasteful"]
    lengths, place = Tokenizer.load(tokenizer_folder).vocab_size, f"{tmp_path / 'a.txt'}: "
    for said in (
        f"{lengths:,} ids, {float(shown['bytes_per_token']):.2f} bytes per token in training.",
        str(tmp_path / "a.txt"),
        f"{float(shown[place + 'bytes_per_token']):.3f}",
        f"{100 * float(shown[place + 'coverage']):.2f}",
        "Latin",
        f"{int(shown['script Latin']):,}",
        f"{int(shown['holds a digit']):,} hold a digit.",
        json.loads(shown["longest 1"]).rpartition(" (")[0].replace(" ", "␣")[:39],
        json.loads(shown["wasteful 10"]).rpartition(" (")[0].replace(" ", "␣")[:39],
    ):
        assert said in page.text, said
    (tmp_path / "mine.html").write_text("mine")
    assert "is no report, so it is not replaced" in run(*stats, "--report", tmp_path / "mine.html").err


def test_special_tokens_are_an_error_their_id_or_text(tokenizer_folder, tmp_path):
    known = Tokenizer.load(tokenizer_folder).with_specials(["<a>", "<b>"])
    known.save(tmp_path / "special")
    text, first = "so\n<a> is <b>\n", known.vocab_size - 2
    encode = ("tokenizer", "encode", tmp_path / "special")
    refused = run(*encode, "--allow-special", "<b>", stdin=text)
    assert refused == Run(
        2,
        "",
        "minent: text 2[0] begins the special token '<a>'. Give --allow-special '<a>' to make it one id, or "
        "--special-as-text to take it as text.\n",
    )
    for flags, specials in (
        (("--allow-special", "all"), {first, first + 1}),
        (("--allow-special", "<b>", "--special-as-text"), {first + 1}),
        (("--special-as-text",), set()),
        (("--special-as-text", "--add-eos"), set()),
    ):
        made = run(*encode, *flags, stdin=text)
        assert (made.code, {int(id) for id in made.out.split() if int(id) >= first}) == (0, specials)
    unknown = run(*encode, "--allow-special", "<c>", stdin=text)
    assert unknown.err.startswith(
        "minent: --allow-special holds '<c>', which is no special token; there is '<a>', '<b>'"
    )
    stats = run("tokenizer", "stats", tmp_path / "special", "-", stdin=text)
    assert (stats.code, "stdin: texts\t2" in stats.out) == (0, True)
