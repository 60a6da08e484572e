"""The notebook of examples/phat: its cells run from first to last, by jupyter-nbconvert where it is there, else one after the other in one
process of Python."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support


class Notebook(support.SkyfoldTest):
    def test_the_cells_of_phat_run(self):
        parquet_tools.require_library(support.binary())
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            if os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
                raise AssertionError("missing: matplotlib (./bootstrap test installs python3-matplotlib)")
            raise unittest.SkipTest("no matplotlib (python3-matplotlib)")
        if "photometry" not in self.skyfold("mock", "--help").out:
            raise unittest.SkipTest("mock has no --kind photometry")
        notebook = support.SOURCE / "examples" / "phat" / "phat.ipynb"
        environment = dict(support.environment(self.folder), PYTHONPATH=str(support.SOURCE / "python"), SKYFOLD=support.binary(),
                           PHAT_FOLDER=str(self.folder), PHAT_OBJECTS="12000", MPLBACKEND="Agg", MPLCONFIGDIR=str(self.folder))
        if shutil.which("jupyter-nbconvert"):
            command = ["jupyter-nbconvert", "--to", "notebook", "--execute", "--output-dir", str(self.folder), str(notebook)]
        else:
            cells = [cell["source"] for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]
            script = self.folder / "phat.py"
            script.write_text("\n\n".join("".join(cell) for cell in cells) + "\n")
            command = [sys.executable, str(script)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for name in ("maps.png", "cepheid.png"):
            self.assertEqual((self.folder / name).read_bytes()[:8], b"\x89PNG\r\n\x1a\n")


if __name__ == "__main__":
    support.main()
