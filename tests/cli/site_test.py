"""The documents as a site: it builds without a warning, no link or anchor leads nowhere, the search knows the words, nothing comes from a network;
and the builder refuses what is wrong. The executable is not needed."""
import html.parser
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

BUILDER = support.SOURCE / "docs" / "site" / "build"
# Where readers are led by a link, in place of what the browser loads by itself.
LEADS = {("a", "href")}


class Page(html.parser.HTMLParser):
    """Places that a page has, where it leads, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src"):
                (self.links if (tag, name) in LEADS else self.loads).append(value)


class Site(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        needs = [name for name in ("sphinx", "myst_parser", "furo") if not importlib.util.find_spec(name)]
        if needs and os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
            raise AssertionError(f"missing: {needs} (./bootstrap test installs python3-sphinx, python3-myst-parser and furo)")
        if needs:
            raise unittest.SkipTest(f"missing: {needs} (Debian: python3-sphinx, python3-myst-parser, furo)")
        cls.site = cls.base / "site"
        done = cls.build(cls.site)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.pages = {path: Page(path) for path in cls.site.rglob("*.html")}

    @classmethod
    def build(cls, *words):
        return subprocess.run([sys.executable, str(BUILDER), *map(str, words)], capture_output=True, text=True, timeout=300)

    def test_no_link_and_no_anchor_leads_nowhere(self):
        followed, lost = 0, []
        for path, page in self.pages.items():
            for link in page.links:
                parts = urllib.parse.urlsplit(link)
                if parts.scheme:
                    continue
                target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
                followed += 1
                if not target.exists():
                    lost.append(f"{path.relative_to(self.site)}: {link}")
                elif parts.fragment and target.suffix == ".html" and urllib.parse.unquote(parts.fragment) not in self.pages[target].ids:
                    lost.append(f"{path.relative_to(self.site)}: {link} (no such anchor)")
        self.assertEqual(lost, [])
        self.assertGreater(followed, 2000)

    def test_whatever_a_page_loads_is_in_the_site(self):
        for path, page in self.pages.items():
            for load in page.loads:
                parts = urllib.parse.urlsplit(load)
                self.assertFalse(parts.scheme or parts.netloc or parts.path.startswith("/"), f"{path}: {load}")
                if parts.path:
                    self.assertTrue((path.parent / urllib.parse.unquote(parts.path)).exists(), f"{path}: {load}")
        for style in self.site.rglob("*.css"):
            for load in re.findall(r"(?:@import\s+)?url\(([^)]+)\)", style.read_text()):
                load = load.strip("\"'")
                self.assertTrue(load.startswith("data:") or (style.parent / load).exists(), f"{style}: {load}")
        for script in self.site.rglob("*.js"):
            self.assertIsNone(re.search(r"^import |^export ", script.read_text(), re.MULTILINE), f"{script} is a module, which browsers do not load from files")

    def test_every_document_is_a_page_in_the_menu_of_every_page(self):
        documents = {path.stem for path in (support.SOURCE / "docs").glob("*.md")}
        for name in ("index.html", "docs/nz.html", "docs/decisions/README.html"):
            path = self.site / name
            linked = {(path.parent / link).resolve() for link in self.pages[path].links if link and not link.startswith(("#", "http"))} | {path}
            self.assertEqual({name for name in documents if self.site / "docs" / f"{name}.html" not in linked}, set(), name)

    def test_the_search_knows_words_and_their_pages(self):
        index = json.loads((self.site / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
        for word, name in (("pofz", "docs/pofz"), ("lightcurv", "docs/lightcurve"), ("pdf", "docs/pdf"), ("slurm", "docs/batch"), ("contribut", "CONTRIBUTING")):
            found = [index[words].get(word, []) for words in ("terms", "titleterms")]
            pages = {number for numbers in found for number in (numbers if isinstance(numbers, list) else [numbers])}
            self.assertIn(index["docnames"].index(name), pages, word)

    def checkout(self, page, listed="[a](docs/a.md)"):
        root = self.folder / "checkout"
        (root / "docs").mkdir(parents=True, exist_ok=True)
        (root / "README.md").write_text(f"# x\n\n## Documents\n\n| | |\n|---|---|\n| all | {listed} |\n")
        (root / "docs/a.md").write_text(page)
        return root

    def test_what_is_wrong_is_said_and_nothing_is_written(self):
        for page, listed, message in (("# a\n\n[b](b.md)\n", "[a](docs/a.md)", "docs/a.md: b.md leads nowhere"),
                                      ("# a\n\n[b](../../../etc/passwd)\n", "[a](docs/a.md)", "docs/a.md: ../../../etc/passwd leads nowhere"),
                                      ("# a\n", "[c](CHANGELOG.md)", "README.md: CHANGELOG.md leads nowhere"),
                                      ("# a\n", "nothing", "README.md: no link to docs/a.md among the documents"),
                                      ("# a\n\n[b](#there) [c](../README.md#here)\n", "[a](docs/a.md)", "docs/a.md:3: WARNING: ")):
            done = self.build(self.path("out"), self.checkout(page, listed))
            self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
            self.assertIn(message, done.stderr)
            self.assertFalse(pathlib.Path(self.path("out")).exists())
        self.assertEqual(self.build().returncode, 2)


if __name__ == "__main__":
    support.main()
