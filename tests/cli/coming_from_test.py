"""What docs/coming-from.md has beside the commands of other programs is run as it stands there, from first to last."""
import json
import os
import pathlib
import re
import subprocess
import sys

import h5py
import numpy as np
from astropy.io import fits
from astropy.table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

PAGE = (support.SOURCE / "docs/coming-from.md").read_text()
PROGRAMS = ("RAIL", "LePhare", "BPZ", "STILTS", "HTCondor", "Snakemake")


class ComingFrom(support.SkyfoldTest):
    def run_in(self, command):
        bin = self.folder / "bin"
        bin.mkdir(exist_ok=True)
        if not (bin / "skyfold").exists():
            (bin / "skyfold").symlink_to(pathlib.Path(support.binary()).resolve())
        root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, shell=True, cwd=self.folder, env=dict(support.environment(self.base), PATH=f"{bin}:{os.environ['PATH']}", **root),
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_every_command_does_what_the_page_says(self):
        os.symlink(support.SOURCE / "data-samples", self.path("data-samples"))
        for name, text in re.findall(r"^`([\w.]+)`:\n\n```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
            (self.folder / name).write_text(text)
        printed = {}
        for block in re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
            for line in block.splitlines():
                if line.startswith("$ "):
                    printed[line[2:]] = self.run_in(line[2:])
        self.assertGreater(len(printed), 28)
        self.check_products()
        self.assertIn("mag_i", printed["skyfold info survey.h5"])
        catalogue = Table.read(support.sample("survey.fits"))
        brightest = str(catalogue["id"][catalogue["mag_i"].argmin()])
        self.assertIn(brightest, printed["skyfold query survey.h5 --order-by mag_i --limit 5"])
        self.assertIn("step photoz: would run", printed["skyfold pipeline run chain.ini --explain"])
        self.assertIn("step photoz  1 completed", printed["skyfold pipeline status chain.ini"])
        self.assertEqual(printed["skyfold count survey.h5 --cone \"20.13,-50.04,2'\""].split()[0].replace(",", ""), str(self.within(catalogue, 20.13, -50.04, 2 / 60)))

    def within(self, table, ra, dec, degrees):
        """Rows within an angle, by the haversine of each."""
        a, d, a0, d0 = (np.radians(x) for x in (np.asarray(table["ra"]), np.asarray(table["dec"]), ra, dec))
        return int(np.sum(2 * np.arcsin(np.sqrt(np.sin((d - d0) / 2) ** 2 + np.cos(d) * np.cos(d0) * np.sin((a - a0) / 2) ** 2)) < np.radians(degrees)))

    def check_products(self):
        """They are those that the other program's line asks for."""
        catalogue = Table.read(support.sample("survey.fits"))
        bright = catalogue[catalogue["mag_i"] < 17]
        got = Table.read(self.path("bright.fits"))
        self.assertEqual((got.colnames, set(got["id"])), (["id", "ra", "dec", "gr"], set(bright["id"])))
        self.assertEqual(len(Table.read(self.path("lephare.fits"))), len(bright))
        self.assertEqual(len(Table.read(self.path("bpz.fits"))), len(catalogue))
        self.assertEqual(len(pathlib.Path(self.path("survey.csv")).read_text().splitlines()), len(catalogue) + 1)
        self.assertEqual(len(Table.read(self.path("pairs.fits"))), len(bright))
        self.assertEqual(fits.getheader(self.path("map.fits"), 1)["NSIDE"], 256)
        self.assertTrue(json.loads(pathlib.Path(self.path("knn.quality.json")).read_text()))
        with h5py.File(self.path("quant.hdf5")) as quantiles, h5py.File(self.path("farm.hdf5")) as farm, h5py.File(self.path("chain/photoz.hdf5")) as chain:
            self.assertEqual(quantiles["meta/pdf_name"][0], b"quant")
            self.assertEqual(farm["object/z_phot"][:].tobytes(), chain["object/z_phot"][:].tobytes())
        self.assertIn("<svg", pathlib.Path(self.path("chain.svg")).read_text())

    def test_each_program_has_a_section_in_which_its_commands_stand_beside_ours(self):
        sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
        self.assertEqual([section.splitlines()[0] for section in sections], list(PROGRAMS))
        for section in sections:
            code = "".join(re.findall(r"^```\n(.*?)^```", section, re.DOTALL | re.MULTILINE))
            self.assertTrue(re.search(r"^# ", code, re.MULTILINE) and re.search(r"^\$ skyfold", code, re.MULTILINE), section.splitlines()[0])


if __name__ == "__main__":
    support.main()
