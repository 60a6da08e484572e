"""Conditions on columns mean what Python means by them: random ones on random tables, whole numbers as Python's integers."""
import math
import random
import struct
import subprocess
import sys
import unittest
from fractions import Fraction

PROGRAM = sys.argv.pop(1)
ROWS = 60
LIMIT = 1 << 127
INT64 = (-(1 << 63), (1 << 63) - 1)
WORDS = ["STAR", "GALAXY", "", "QSO", "a b"]


class TooLarge(Exception):
    pass


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def interesting(rng):
    """A 64-bit integer where doubles, masks and signs matter."""
    near = rng.choice([0, 1 << 24, 1 << 31, 1 << 53, 1 << 62, 1237648720693755918, INT64[0], INT64[1], -(1 << 53)])
    kind = rng.random()
    value = near + rng.randint(-3, 3) if kind < 0.7 else rng.randint(-8, 8) if kind < 0.85 else rng.randint(*INT64)
    return min(max(value, INT64[0]), INT64[1])


class Columns:
    """A random table: a value per row and column, None for missing."""

    def __init__(self, rng):
        null = rng.choice([-1, INT64[0], 0, 99])
        self.types = {"id": ("i8", None), "big": ("i8", None), "part": ("i8", null), "flags": ("i4", -1), "n": ("i4", None),
                      "byte": ("u1", None), "x": ("f8", None), "mag": ("f4", None), "word": ("text", None)}
        self.rows = [self.row(rng) for _ in range(ROWS)]

    def row(self, rng):
        def real():
            return rng.choice([math.nan, float(interesting(rng)), interesting(rng) + 0.5, rng.uniform(-20, 20), round(rng.uniform(0, 30), 1), 0.0])
        row = {"id": 1237648720693755918 + rng.randint(-2, 2), "big": interesting(rng), "part": interesting(rng),
               "flags": rng.choice([-1, 0, 1, 4, 5, 6, rng.randint(0, (1 << 31) - 1)]), "n": rng.randint(-(1 << 31), (1 << 31) - 1),
               "byte": rng.randint(0, 255), "x": real(), "mag": float32(real()), "word": rng.choice(WORDS)}
        for name, (_, null) in self.types.items():
            if null is not None and row[name] == null:
                row[name] = None
        return row

    def text(self):
        lines = [f"{name} {kind} {'-' if null is None else null}" for name, (kind, null) in self.types.items()] + [""]
        for row in self.rows:
            cells = [self.types[name][1] if value is None else value for name, value in row.items()]
            lines.append("\t".join(repr(cell) if isinstance(cell, float) else str(cell) for cell in cells))
        return "\n".join(lines) + "\n\n"


def checked(value):
    if value is not None and not -LIMIT <= value < LIMIT:
        raise TooLarge
    return value


def whole_operation(sign, left, right):
    if left is None or right is None:
        return None
    operations = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "&": int.__and__, "|": int.__or__, "^": int.__xor__}
    return checked(operations[sign](left, right))


def real_operation(sign, left, right):
    left, right = real_of(left), real_of(right)
    try:
        return {"+": left + right, "-": left - right, "*": left * right}[sign] if sign != "/" else left / right
    except ZeroDivisionError:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1.0, right)


def real_of(value):
    return math.nan if value is None else float(value)


class Writer:
    """Writes random conditions, with the function of a row that gives their value beside."""

    def __init__(self, rng):
        self.rng = rng

    def whole_literal(self):
        value = self.rng.choice([interesting(self.rng), self.rng.randint(0, 9), self.rng.randint(0, 1 << 66)])
        text = hex(value) if value >= 0 and value < 1 << 64 and self.rng.random() < 0.2 else str(value)
        return (f"({text})" if value < 0 and self.rng.random() < 0.5 else text), lambda row: value

    def whole(self, depth):
        pick = self.rng.random()
        if depth == 0 or pick < 0.4:
            name = self.rng.choice(["id", "big", "part", "flags", "n", "byte"])
            return name, lambda row: row[name]
        left, f = self.whole(depth - 1)
        if pick < 0.5:
            return f"(-{left})", lambda row: None if f(row) is None else checked(-f(row))
        if pick < 0.55:
            return f"abs({left})", lambda row: None if f(row) is None else checked(abs(f(row)))
        if pick < 0.65:
            return f"(~{left})", lambda row: None if f(row) is None else ~f(row)
        if pick < 0.75:
            places, sign = self.rng.randint(0, 63), self.rng.choice(["<<", ">>"])
            return (f"({left} {sign} {places})",
                    lambda row: None if f(row) is None else checked(f(row) << places if sign == "<<" else f(row) >> places))
        right, g = self.whole(depth - 1) if pick < 0.9 else self.whole_literal()
        sign = self.rng.choice("+-*&|^")

        def value(row):
            a, b = f(row), g(row)
            return whole_operation(sign, a, b)
        return f"({left} {sign} {right})", value

    def decimal_literal(self):
        """The text, its nearest double, and its exact value."""
        digits = str(abs(interesting(self.rng)))
        text = self.rng.choice([f"{digits}.0", f"{digits}.5", f"{digits}.00000000001", f"{digits[0]}.{digits[1:]}1e{len(digits) - 1}",
                                f"{digits}e-2", f"{self.rng.uniform(0, 30):.3f}", "1e18", "1e30", ".5", "2."])
        if self.rng.random() < 0.3:
            text = "-" + text
        return text, float(text), Fraction(text.rstrip(".") if text.endswith(".") else text)

    def real(self, depth):
        pick = self.rng.random()
        if depth == 0 or pick < 0.4:
            name = self.rng.choice(["x", "mag"])
            return name, lambda row: row[name]
        left, f = self.real(depth - 1)
        if pick < 0.5:
            return f"(-{left})", lambda row: -f(row)
        if pick < 0.6:
            text, value, _ = self.decimal_literal()
            right, g = text, lambda row: value
        elif pick < 0.8:
            right, g = self.whole(1)
        else:
            right, g = self.real(depth - 1)
        sign = self.rng.choice("+-*/")
        if self.rng.random() < 0.5:
            left, f, right, g = right, g, left, f
        return f"({left} {sign} {right})", lambda row: real_operation(sign, f(row), g(row))

    def comparison(self):
        sign = self.rng.choice(["<", "<=", ">", ">=", "==", "!=", "="])
        kinds = self.rng.choice(["ww", "wl", "wd", "rr", "rl", "rd", "wr"])
        left, f = self.whole(2) if kinds[0] == "w" else self.real(2)
        if kinds[1] == "d":
            right, value, exact = self.decimal_literal()
            g = (lambda row: exact) if kinds[0] == "w" else (lambda row: value)
        else:
            right, g = {"w": lambda: self.whole(2), "r": lambda: self.real(2), "l": self.whole_literal}[kinds[1]]()
        if self.rng.random() < 0.5:
            left, f, right, g = right, g, left, f
        spaced = f" {sign} " if self.rng.random() < 0.9 or right.startswith(("-", "=")) else sign
        return f"{left}{spaced}{right}", lambda row: relate(sign, f(row), g(row))

    def lookup(self):
        is_whole = self.rng.random() < 0.6
        left, f = self.whole(1) if is_whole else self.real(1)
        texts, values = [], []
        for _ in range(self.rng.choice([1, 3, 12])):
            if self.rng.random() < 0.6:
                text, g = self.whole_literal()
                text = str(g(None))
                values.append(g(None))
            else:
                text, nearest, exact = self.decimal_literal()
                values.append(exact if is_whole else nearest)
            texts.append(text)
        return (f"{left} in ({', '.join(texts)})",
                lambda row: any(relate("==", v, w) for v in [f(row)] for w in values))

    def truth(self, depth):
        pick = self.rng.random()
        if depth == 0 or pick < 0.35:
            return self.comparison()
        if pick < 0.45:
            return self.lookup()
        if pick < 0.5:
            word = self.rng.choice(WORDS)
            sign = self.rng.choice(["==", "!="])
            return f"word {sign} '{word}'", lambda row: (row["word"] == word) == (sign == "==")
        if pick < 0.55:
            inner, f = self.whole(1) if self.rng.random() < 0.5 else self.real(1)
            return f"missing({inner})", lambda row: f(row) is None or f(row) != f(row)
        if pick < 0.62:
            inner, f = self.whole(1)
            mask = self.rng.randint(0, 255)
            return f"({inner} & {mask})", lambda row: bool(whole_operation("&", f(row), mask))
        left, f = self.truth(depth - 1)
        if pick < 0.75:
            return f"({self.rng.choice(['not', '!'])} ({left}))", lambda row: not f(row)
        right, g = self.truth(depth - 1)
        sign = self.rng.choice(["and", "or", "&&", "||", "AND", "&", "|", "^"])
        if sign in "&|^":  # those bind more strongly than comparisons, and want conditions, not numbers
            left, right = f"(not (not ({left})))", f"(not (not ({right})))"
        meaning = {"and": lambda a, b: a and b, "or": lambda a, b: a or b, "^": lambda a, b: a != b}
        operation = meaning[{"&&": "and", "AND": "and", "&": "and", "||": "or", "|": "or"}.get(sign, sign)]

        def value(row):
            a, b = f(row), g(row)   # both are looked at, also for what is too large
            return operation(a, b)
        return f"(({left}) {sign} ({right}))", value


def relate(sign, left, right):
    if left is None or right is None or left != left or right != right:
        return False
    if isinstance(left, Fraction) and isinstance(right, float) or isinstance(right, Fraction) and isinstance(left, float):
        raise AssertionError("a decimal beside a double is a double")
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right, "==": left == right, "=": left == right,
            "!=": left != right}[sign]


def answers(columns, conditions):
    done = subprocess.run([PROGRAM], input=columns.text() + "\n".join(conditions) + "\n", capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def expected(function, rows):
    try:
        return "".join("1" if function(row) else "0" for row in rows)
    except TooLarge:
        return "too large"


class RandomConditions(unittest.TestCase):
    def test_hold_where_python_says_so(self):
        rng = random.Random(20261126)
        some, mixed, too_large = 0, 0, 0
        for _ in range(8):
            columns, writer = Columns(rng), Writer(rng)
            conditions = [writer.truth(2) for _ in range(400)]
            for (text, function), answer in zip(conditions, answers(columns, [text for text, _ in conditions]), strict=True):
                wanted = expected(function, columns.rows)
                if wanted == "too large":
                    self.assertIn("beyond 2^127", answer, text)
                    too_large += 1
                    continue
                self.assertEqual(answer, wanted, f"{text}\n{[r for r, a, b in zip(columns.rows, answer, wanted) if a != b][:1]}")
                some += 1
                mixed += 0 < wanted.count("1") < ROWS
        self.assertGreater(mixed, some // 3)       # the conditions are no trivial ones
        self.assertGreater(too_large, 10)

    def test_bind_as_in_python(self):
        rng = random.Random(7)
        names, binary = ["id", "big", "n", "byte"], ["+", "-", "*", "&", "|", "^"]

        def whole():
            return rng.choice([rng.choice(names), rng.choice(names), str(rng.randint(0, 300)), "~" + rng.choice(names), "-" + rng.choice(names),
                               f"({rng.choice(names)} {rng.choice(binary)} {rng.randint(0, 9)})", f"{rng.choice(names)} >> {rng.randint(0, 40)}"])

        def chain():
            parts = [whole()]
            for _ in range(rng.randint(0, 2)):
                parts += [rng.choice("&|^" if ">>" in parts[-1] else binary), whole()]   # what is behind >> must stay a number of places
            return " ".join(parts)

        def condition():
            test = rng.choice([lambda: f"{chain()} {rng.choice(['<', '<=', '>', '>=', '==', '!='])} {chain()}",
                               lambda: f"{whole()} & {rng.randint(0, 99)}", lambda: f"{whole()} in (1, 2, {1237648720693755918})"])()
            return "not " + test if rng.random() < 0.3 else test

        columns = Columns(rng)
        conditions = []
        for _ in range(1500):
            parts = [condition()]
            for _ in range(rng.randint(0, 3)):
                parts += [rng.choice(["and", "or"]), condition()]
            conditions.append(" ".join(parts))
        for text, answer in zip(conditions, answers(columns, conditions), strict=True):
            if text.count("*") >= 2 and "beyond 2^127" in answer:
                continue
            code = compile(text, "", "eval")
            self.assertEqual(answer, "".join("1" if eval(code, {}, row) else "0" for row in columns.rows), text)


if __name__ == "__main__":
    unittest.main()
