"""The README's tour does what it shows: its commands are run as they stand there. The samples that it reads are what data-samples/make makes."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

SAMPLES = support.SOURCE / "data-samples"


def tour():
    """Commands of the README's tour, each with the lines that are shown for it."""
    text = (support.SOURCE / "README.md").read_text().split("## Five minutes\n")[1].split("\n## ")[0]
    steps = []
    for block in re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            elif line.strip() not in ("", "..."):
                steps[-1][1].append(line)
    return steps, re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def plain(line):
    """A line without what differs between versions."""
    return re.sub(r"skyfold \d+\.\d+\.\d+", "skyfold VERSION", " ".join(line.split()))


class Tour(support.SkyfoldTest):
    def run_in(self, folder, command):
        path = f"{pathlib.Path(support._binary[0]).resolve().parent}:{os.environ['PATH']}"
        root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1"}
        done = subprocess.run(command, shell=True, cwd=folder, env=dict(support.environment(self.base), PATH=path, **root), capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def test_the_tour_of_the_readme_runs_as_it_stands(self):
        os.symlink(SAMPLES, self.path("data-samples"))
        steps, scripts = tour()
        self.assertGreaterEqual(len(steps), 9)
        self.assertEqual(len(scripts), 1)
        for command, shown in steps:
            printed = [plain(line) for line in self.run_in(self.folder, command).splitlines()]
            for line in shown:
                self.assertIn(plain(line), printed, command)
        self.run_in(self.folder, f"/usr/bin/python3 - <<'END'\n{scripts[0]}\nassert len(t) == 9443 and 0 < len(good) < len(t) and len(z) == len(t) and pdf.shape[0] == len(t)\nEND")
        truth, rows = Table.read(SAMPLES / "spec.fits"), Table.read(self.path("tour/z.fits"))
        z = dict(zip(rows["id"], rows["z_phot"]))
        scaled = np.array([(z[i] - true) / (1 + true) for i, true in zip(truth["id"], truth["z_spec"]) if true > 0])
        self.assertLess(1.4826 * np.median(np.abs(scaled - np.median(scaled))), 0.035)
        fluxes = support.read_group(self.path("tour/fluxes.h5"))
        np.testing.assert_allclose(np.median(fluxes["aper_flux"] / fluxes["flux"]), 1, atol=0.03)


class Samples(support.SkyfoldTest):
    def test_they_are_what_the_script_makes(self):
        """But for the last bits of numbers, which depend on the C library."""
        subprocess.run([str(SAMPLES / "make"), support._binary[0], str(self.folder)], check=True, env=support.environment(self.base), timeout=120)
        for path in sorted((SAMPLES / "nights").glob("*/*")):
            made, kept = (fits.getdata(where, 4) for where in (self.folder / path.relative_to(SAMPLES), path))
            for column in kept.dtype.names or [...]:
                np.testing.assert_allclose(made[column], kept[column], rtol=1e-5, atol=1.0 if column is ... else 1e-8, err_msg=f"{path} {column}")
        for name in ("survey.fits", "spec.fits", "map.fits", "sources.fits"):
            made, kept = (fits.getdata(folder / name) for folder in (self.folder, SAMPLES))
            self.assertEqual(made.dtype, kept.dtype, name)
            for column in kept.dtype.names:
                if kept[column].dtype.kind == "f":
                    np.testing.assert_allclose(made[column], kept[column], rtol=1e-5, atol=1e-8, err_msg=f"{name} {column}")
                else:
                    np.testing.assert_array_equal(made[column], kept[column], f"{name} {column}")
        for name in ("stars.csv", "targets.csv"):
            made, kept = (np.genfromtxt(folder / name, delimiter=",", names=True, dtype=None) for folder in (self.folder, SAMPLES))
            np.testing.assert_array_equal(made["id"], kept["id"])
            for column in kept.dtype.names:
                np.testing.assert_allclose(made[column], kept[column], rtol=0, atol=2e-3 if len(column) == 1 else 2e-7, err_msg=f"{name} {column}")

    def test_they_are_small_and_complete(self):
        listed = re.findall(r"^\| `(\S+)` \|", (SAMPLES / "README.md").read_text(), re.MULTILINE)
        files = {path.name: path.stat().st_size for path in SAMPLES.iterdir() if path.is_file() and path.name not in ("make", "README.md")}
        self.assertEqual(set(files) - set(listed), set())
        self.assertLess(sum(files.values()), 2_000_000)
        self.assertEqual(set(np.unique(fits.getdata(SAMPLES / "survey.fits")["tile"])), {"DES0119-4940", "DES0123-4940"})


if __name__ == "__main__":
    support.main()
