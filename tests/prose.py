#!/usr/bin/env python3
"""Sources can be read from the top: every .cpp in src/ opens with what it is for, every layer, every science and every large command
has a README.md, and every function fits a screen. Functions are told by their layout, which the test `style` keeps: the closing brace
of one stands alone below its first line (a class ends in "};", a namespace in "}  // namespace").
Usage: prose.py SOURCE_DIR"""
import pathlib
import re
import sys

LONGEST = 60   # lines of a function, from its first line to its closing brace
MANY = 8       # files: a command of more has a README of its own
# What may stand at the margin within a function: texts of several lines, and lines for the preprocessor.
NOISE = re.compile(r'R"(\w*)\(.*?\)\1"|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', re.S | re.M)


def long_functions(text):
    """First line, from 1, and number of lines of each function that is too long."""
    lines = NOISE.sub(lambda hit: "\n" * hit[0].count("\n"), text).split("\n")
    begin, found = {}, []   # by margin: the last line that began there
    for number, line in enumerate(lines):
        margin = len(line) - len(line.lstrip())
        if line.strip() == "}" and number - begin.get(margin, number) + 1 > LONGEST:
            found.append((begin[margin] + 1, number - begin[margin] + 1))
        if line.strip():
            begin[margin] = number
    return found


def folders_to_explain(src):
    """Folders that say in a README.md what is in them and how to add one more."""
    yield from (folder for folder in src.iterdir() if folder.is_dir())
    yield from (folder for folder in (src / "kernels").iterdir() if folder.is_dir())
    yield from (folder for folder in (src / "commands").iterdir() if len(list(folder.glob("*.[ch]pp"))) > MANY)


def complaints(source):
    for file in sorted((source / "src").rglob("*.[ch]pp")):
        text, name = file.read_text(), file.relative_to(source)
        if file.suffix == ".cpp" and not text.startswith("// "):
            yield f"{name}:1: begins without a comment that says what the file is for"
        for line, length in long_functions(text):
            yield f"{name}:{line}: {length} lines from here to the end of the function (at most {LONGEST})"
    for folder in sorted(folders_to_explain(source / "src")):
        if not (folder / "README.md").exists():
            yield f"{folder.relative_to(source)}: no README.md that says what is in here, where to start and how to add one more"


def check_itself():
    body = "  if (a) {\n    b();\n  }\n#if C\n" + "  d();\n" * 54
    assert long_functions("int f(int a,\n      int b) {\n" + body + "}\n") == [(1, 61)]
    assert long_functions("int f(int a) {\n" + body + "}\n") == []                                       # 60 lines
    deeper = re.sub("^  ", "    ", body, flags=re.M) + "    e();\n"
    assert long_functions("class C {\n  void f() {\n" + deeper + "  }\n};\n") == [(2, 61)]
    assert long_functions("namespace n {\n" + "f();\n" * 70 + "}  // namespace n\nclass C {\n" + "  int i;\n" * 70 + "};\n") == []


if __name__ == "__main__":
    check_itself()
    found = list(complaints(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(1 if found else 0)
