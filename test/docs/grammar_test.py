#!/usr/bin/env python3
"""docs/editors/vir.tmLanguage.json has every word of the language and no other, and the examples
come apart by it as the lexer takes them apart."""
import json
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = ROOT / "host/vir/text"
GRAMMAR = json.loads((ROOT / "docs/editors/vir.tmLanguage.json").read_text(encoding="utf-8"))
# Axes stand behind a dot only, and the parser knows `mut` to say that there is none.
NOT_ALONE = {"x", "y", "z", "mut"}


def source(name):
    return (TEXT / name).read_text(encoding="utf-8")


def strings(text):
    return re.findall(r'"(\w+)"', text)


def list_of(text, begin, end="};"):
    at = text.index(begin) + len(begin)
    return text[at:text.index(end, at)]


def words_of_the_parser():
    words = set()
    table = (ROOT / "host/vir/program/vocabulary.def").read_text(encoding="utf-8")
    prefixes = {"BINOP": "", "UNOP": "", "ATOMICOP": "atomic_", "DATATYPE": "", "ORDERING": "",
                "COLLECTIVEOP": "", "ACCESS": "", "MEMORYKIND": "", "LOCALITY": "",
                "REDUCEOP": "subgroup_"}
    for kind, word in re.findall(r'^VYRE_(\w+)\(\w+, 0x\w+, "(\w+)"', table, re.M):
        if kind in prefixes:
            words.add(prefixes[kind] + word)
    for name in ("kReserved[]{", "kOtherFunctions[]{"):
        words.update(strings(list_of(source("words.cpp"), name)))
    words.update(strings(list_of(source("words.cpp"), "kPredicates{{", "}};")))
    words.update(strings(list_of(source("words.hpp"), "kLinearTypes[]{")))
    words.update(strings(list_of(source("parse_node.cpp"), "kRows[]{")))
    quant = list_of(source("parse_program.cpp"), "QuantParam Parser::quant_param", ";\n  Q")
    words.update(strings(quant))
    for path in TEXT.glob("parse_*.cpp"):
        words.update(re.findall(r'(?:at_word|accept_word)\("(\w+)"\)', path.read_text()))
        words.update(re.findall(r'attribute\.text == "(\w+)"', path.read_text()))
    words.add("hex")
    return words - NOT_ALONE


def patterns():
    return [GRAMMAR["repository"][rule["include"][1:]] for rule in GRAMMAR["patterns"]]


def words_of_the_grammar():
    """The alternatives of \\b(...)\\b in every rule, and the word of hex"..."."""
    words = set()
    for rule in patterns():
        for key in ("match", "begin"):
            for group in re.findall(r"\\b\(([a-z0-9_|]+)\)\\b", rule.get(key, "")):
                words.update(group.split("|"))
            words.update(re.findall(r'\\b(hex)"', rule.get(key, "")))
    return words


def scopes_of(text):
    """[(text, scope)] as an editor finds them: the rule that matches earliest, line by line."""
    found = []
    for line in text.splitlines():
        at = 0
        while at < len(line):
            best = None
            for rule in patterns():
                match = re.compile(rule.get("match") or rule["begin"]).search(line, at)
                if match and match.end() > at and (best is None or match.start() < best[1].start()):
                    best = (rule, match)
            if best is None:
                break
            rule, match = best
            end = match.end()
            if "end" in rule:  # on one line, as strings of the language are
                inside = re.compile(r"(?:\\.|[^\"\\])*\"").match(line, end)
                end = inside.end() if inside else len(line)
            found.append((line[match.start():end], rule["name"]))
            at = end
    return found


class Grammar(unittest.TestCase):
    def test_it_has_every_word_of_the_language_and_no_other(self):
        parser, grammar = words_of_the_parser(), words_of_the_grammar()
        self.assertEqual(sorted(parser - grammar), [], "words without a colour")
        self.assertEqual(sorted(grammar - parser), [], "words that the language does not have")
        self.assertGreater(len(parser), 150)

    def test_it_is_a_grammar_of_this_language(self):
        self.assertEqual(GRAMMAR["scopeName"], "source.vir")
        self.assertEqual(GRAMMAR["fileTypes"], ["vir"])
        for rule in patterns():
            self.assertTrue(rule["name"].endswith(".vir"))

    def test_a_line_comes_apart(self):
        scopes = scopes_of('let word = text[gid.x] + 0xFFu; // let "it" be')
        self.assertEqual(
            [(text, scope.split(".")[0]) for text, scope in scopes if "punctuation" not in scope],
            [("let", "keyword"), ("=", "keyword"), ("gid.x", "variable"), ("+", "keyword"),
             ("0xFFu", "constant"), ('// let "it" be', "comment")])
        self.assertEqual(scopes_of('trap(0, "a // \\" b");')[-1],
                         ('"a // \\" b"', "string.quoted.double.vir"))
        self.assertEqual(scopes_of("f('\\n', 'a')")[0][1], "constant.character.vir")
        self.assertEqual([s for s in scopes_of("fn is_digit(c) {") if "entity" in s[1]],
                         [("is_digit", "entity.name.function.vir")])

    def test_the_examples_come_apart(self):
        words = words_of_the_parser()
        examples = sorted((ROOT / "docs/examples").glob("*.vir"))
        self.assertGreater(len(examples), 5)
        for path in examples:
            text = path.read_text(encoding="utf-8")
            scopes = scopes_of(text)
            comments = [t for t, scope in scopes if scope.startswith("comment")]
            self.assertEqual(comments, re.findall(r"//.*", text), path)
            code = re.sub(r"""//.*|"[^"]*"|'(?:\\.|.)'""", " ", text)
            numbers = {t for t, scope in scopes if scope == "constant.numeric.vir"}
            coloured = {t.split(".")[0] for t, scope in scopes if not scope.startswith("comment")}
            for word in set(re.findall(r"\b[a-z_]\w*", code)):
                self.assertEqual(word in words, word in coloured, f"{path}: {word}")
            for number in re.findall(r"(?<![\w.])\d\w*", code):
                self.assertIn(number, numbers, path)


if __name__ == "__main__":
    unittest.main()
