#!/usr/bin/env python3
"""Every class has a name of its own: two classes of one name in one program are undefined behaviour that no linker reports
(their inline members are merged: the wrong destructor runs). Names in anonymous namespaces and in functions are free.
Usage: class_names.py SOURCE_DIR"""
import collections
import pathlib
import re
import sys

NOISE = re.compile(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#[^\n]*|\btemplate\s*<[^<>]*(?:<[^<>]*>[^<>]*)*>', re.S | re.M)
SEPARATORS = re.compile(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])")   # of digits, as in 1'000
TOKEN = re.compile(r"\bnamespace\b(?P<space>[^;{}=]*)\{|"
                   r"\b(?:class|struct|union|enum(?:\s+class)?)\s+(?:\[\[[^\]]*\]\]\s*|alignas\([^)]*\)\s*)*"
                   r"(?P<name>[A-Za-z_][\w:]*)[^;{}()=]*\{|[{}]")


def classes(text):
    """Qualified names of the classes that a file defines where other files could define them too."""
    scopes, names = [], []   # of scopes: their names, None for those whose content is nobody else's
    for token in TOKEN.finditer(NOISE.sub(" ", SEPARATORS.sub("", text))):
        if token[0] == "}":
            if scopes:
                scopes.pop()
            continue
        scope = token["name"] or (token["space"] or "").strip() or None
        if token["name"] and None not in scopes:
            names.append("::".join(scopes + [scope]))
        scopes.append(scope)
    return names


def main(source):
    where = collections.defaultdict(set)
    for folder in ("include", "src", "tests", "bench"):
        for file in sorted((source / folder).rglob("*.[ch]pp")):
            for name in classes(file.read_text()):
                where[name].add(str(file.relative_to(source)))
    shared = {name: files for name, files in where.items() if len(files) > 1}
    for name, files in shared.items():
        print(f"{name} is defined in {' and '.join(sorted(files))} (the linker would merge their members)")
    if len(where) < 100:
        print(f"only {len(where)} classes found in {source} (is this the checkout?)")
    return 1 if shared or len(where) < 100 else 0


if __name__ == "__main__":
    assert classes("namespace a { struct B { class C { }; }; namespace { struct D {}; } void f() { struct E {}; } }") == ["a::B", "a::B::C"]
    assert classes("struct A::B : C { int x = 1'000; char c = '{'; };  enum class D : int { e };") == ["A::B", "D"]
    assert classes("template <class T> class A { }; template <class T, template <class> class U> struct B { };") == ["A", "B"]
    sys.exit(main(pathlib.Path(sys.argv[1])))
