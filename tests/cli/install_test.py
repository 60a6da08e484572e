"""An installed skyfold: what is in it, moved elsewhere, its manual and completion in shells, C++ programs on its layers, Debian packages."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import healpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

# What CMakeLists.txt looks for, and what Spack and conda call it.
DEPENDENCIES = {
    "MPI": ("mpi@", "{{ mpi }}"), "HDF5": ("hdf5@", "hdf5"), "Eigen3": ("eigen@", "eigen"), "Boost": ("boost@", "libboost-devel"),
    "spdlog": ("spdlog+", "spdlog"), "fmt": ("fmt", "fmt"), "nlohmann_json": ("nlohmann-json", "nlohmann_json"), "SQLite3": ("sqlite@", "sqlite"),
    "ZLIB": ("zlib-api", "zlib"), "EXPAT": ("expat", "expat"), "JPEG": ("jpeg", "libjpeg-turbo"), "yaml-cpp": ("yaml-cpp", "yaml-cpp"),
    "PkgConfig": ("pkgconfig", "pkg-config"), "libpqxx": ("libpqxx", "libpqxx"), "libzstd": ("zstd", "zstd"), "cfitsio": ("cfitsio", "cfitsio"),
    "healpix_cxx": ("healpix-cxx", "healpix_cxx"), "libxxhash": ("xxhash", "xxhash")}

# Command line up to the cursor, and what bash offers there.
COMPLETED = {
    "skyfold pho": ["photoz"],
    "skyfold pipeline r": ["report", "run", "retry", "run-event"],
    "skyfold help pipeline g": ["graph"],
    "skyfold photoz --catalogue.t": ["--catalogue.tile"],
    "skyfold photoz --pdf i": ["interp"],
    "skyfold photoz --pdf = i": ["interp"],  # bash cuts --pdf=i into three
    "skyfold patch --measure disc,ap": ["disc,aperture"],
    "skyfold launch -n 4 -- photoz --verify-inputs o": ["on", "off"],
    "skyfold locus p": ["parameters"],
    "skyfold locus --locus.fov_r": ["--locus.fov_ra"],
    "skyfold locus parameters --roo": ["--root"],
    "skyfold photoz --model x": [],  # names of files are bash's own
}


def program(*names):
    """Path of the first that is installed; skips the test, or fails it where all tests are required, without any."""
    for name in names:
        if path := shutil.which(name):
            return path
    if os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
        raise AssertionError(f"{names[0]} is missing")
    raise unittest.SkipTest(f"{names[0]} is missing")


def output_of(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(support.SkyfoldTest):
    """One installation, moved to another folder with a blank in its name before anything is asked of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.build = pathlib.Path(support.binary()).parent.parent
        if not (cls.build / "CPackConfig.cmake").exists():
            raise unittest.SkipTest(f"{cls.build} is not the folder of a build")
        output_of("cmake", "--install", cls.build, "--prefix", cls.base / "first")
        cls.prefix = cls.base / "moved here"
        (cls.base / "first").rename(cls.prefix)
        cls.program = str(cls.prefix / "bin/skyfold")

    def installed(self, *words):
        return self.skyfold(*words, binary=self.program)

    def test_all_that_the_guide_lists_is_there(self):
        for name in ("bin/skyfold", "share/doc/skyfold/LICENSE", "share/doc/skyfold/docs/installing.md", "share/skyfold/config/photoz.ini",
                     "share/skyfold/surveys/sdss.ini", "share/skyfold/curation/wfcam.ini", "share/skyfold/presets/bpz-des.ini",
                     "share/skyfold/slurm/photoz.sbatch", "share/skyfold/slurm/skyfold.sh", "share/skyfold/python/skyfold/__init__.py",
                     "share/man/man1/skyfold.1", "share/bash-completion/completions/skyfold", "share/zsh/site-functions/_skyfold",
                     "share/fish/vendor_completions.d/skyfold.fish", "lib/cmake/skyfold/skyfoldConfig.cmake",
                     "include/skyfold/kernels/kernel.hpp"):
            self.assertTrue((self.prefix / name).is_file(), name)

    def test_nothing_tells_where_it_was_built_or_first_installed(self):
        for file in self.prefix.rglob("*.cmake"):
            for place in (self.base / "first", self.build, support.SOURCE):
                self.assertNotIn(f"{place}/", file.read_text(), file)

    def test_the_moved_program_finds_what_stands_beside_it(self):
        preset = self.prefix / "share/skyfold/presets/mine.ini"
        preset.write_text("[columns]\nra = alpha\n")
        self.addCleanup(preset.unlink)
        self.assertIn("ra = alpha\n", self.installed("import", "--config", "mine", "--print-config").out)
        survey = self.prefix / "share/skyfold/surveys/mysurvey.ini"
        survey.write_text("")
        self.addCleanup(survey.unlink)
        wrong = self.run_skyfold("train", "--sample", support.sample("spec.fits"), "--survey", "mysurvay", "--output", self.path("m.h5"),
                                 binary=self.program)
        self.assertEqual(wrong.code, 2)
        self.assertIn("mysurvey", wrong.err)

    def test_the_python_module_asks_the_moved_program(self):
        self.installed("import", "--input", support.sample("survey.fits"), "--output", self.path("c.h5"))
        environment = dict(os.environ, PYTHONPATH=str(self.prefix / "share/skyfold/python"), SKYFOLD=self.program)
        self.assertEqual(output_of(sys.executable, "-c", "import sys, skyfold; print(len(skyfold.open(sys.argv[1]).query(limit=3)))",
                                   self.path("c.h5"), env=environment), "3\n")

    def test_cxx_programs_are_built_on_the_layers(self):
        output_of("cmake", "-S", support.SOURCE / "examples/cpp", "-B", self.folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        output_of("cmake", "--build", self.folder / "build")
        pixel = healpy.ang2pix(16, 10.0, 41.0, nest=True, lonlat=True)
        # 0.0002 degrees of right ascension at declination -5; deviations 0, 0.2, -0.2, 0 with errors 0.1.
        self.assertEqual(output_of(self.folder / "build/nearest_star"),
                         "star 2 at 0.7173 arcsec\n" f"order 4, nested: pixel {pixel}\n" "mean 20.000, rms 0.163, chi2 8.000\n"
                         + self.installed("--version").out)

    def test_every_command_has_a_page_with_all_of_its_options(self):
        pages = {path.name for path in (self.prefix / "share/man/man1").iterdir()}
        commands = re.findall(r"(?m)^  (\S+(?: \S+)?)  +", self.installed("help").out.split("commands:")[1].split("exit codes")[0])
        self.assertGreater(len(commands), 60)
        self.assertEqual(pages, {"skyfold.1", *(f"skyfold-{name.replace(' ', '-')}.1" for name in commands)})
        for name in ("photoz", "pipeline run", "locus"):
            page = (self.prefix / f"share/man/man1/skyfold-{name.replace(' ', '-')}.1").read_text().replace("\\-", "-")
            options = re.findall(r"(?m)^  (--\S+)", self.installed("help", *name.split()).out)
            self.assertGreater(len(options), 10)
            self.assertEqual(sorted(re.findall(r"(?m)^\.TP\n\\fB(--[^\\]+)", page)), sorted(options))

    def test_pages_are_set_without_a_warning(self):
        pages = sorted((self.prefix / "share/man/man1").iterdir())
        done = subprocess.run([program("groff"), "-z", "-k", "-ww", "-man", "-Tutf8", *map(str, pages)], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        text = output_of(program("groff"), "-k", "-man", "-Tascii", "-P-cbou", self.prefix / "share/man/man1/skyfold-count.1")
        self.assertRegex(text, r"skyfold-count - count rows by place")
        self.assertIn(r"skyfold count CAT.h5 --where 'mag_i < 22'", text)

    def test_help_on_commands_and_groups(self):
        self.assertEqual(self.installed("help", "photoz").out, self.installed("photoz", "--help").out)
        self.assertEqual(self.installed("help", "pipeline", "run").out, self.installed("pipeline", "run", "--help").out)
        self.assertEqual(self.installed("help").out, self.installed("--help").out)
        self.assertEqual(self.installed("-V").out, self.installed("--version").out)
        group = self.installed("help", "products").out
        self.assertRegex(group, r"(?m)^  products gc +remove old products")
        self.assertNotIn("pipeline", group)

    def test_help_on_what_is_not_there(self):
        for words, message in ((("photos",), "no command 'photos', did you mean 'photoz'?"), (("photoz", "run"), "no command 'photoz run'"),
                               (("--completion", "csh"), "must be one of bash, zsh, fish"), (("a", "b", "c"), "'c' is not an option"),
                               (("--man", "x", "photoz"), "name none")):
            result = self.run_skyfold("help", *words)
            self.assertEqual(result.code, 2, result)
            self.assertIn(message, result.err)
        occupied = pathlib.Path(self.path("file"))
        occupied.write_text("")
        self.assertEqual(self.run_skyfold("help", "--man", occupied / "man").code, 4)

    def test_bash_completes(self):
        script = self.prefix / "share/bash-completion/completions/skyfold"
        lines = [f". '{script}'", "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _skyfold; echo \"${COMPREPLY[*]}\"; }"]
        lines += [f"try {line}" for line in COMPLETED]
        found = output_of("bash", "--norc", "-uc", "\n".join(lines)).splitlines()
        self.assertEqual(dict(zip(COMPLETED, found)), {line: " ".join(words) for line, words in COMPLETED.items()})
        self.assertIn("_skyfold skyfold", output_of("bash", "--norc", "-c", f". '{script}'; complete -p skyfold"))

    def test_zsh_reads_its_script(self):
        script = self.prefix / "share/zsh/site-functions/_skyfold"
        self.assertTrue(script.read_text().startswith("#compdef skyfold\n"))
        output_of(program("zsh"), "-n", script)

    def test_fish_completes(self):
        script = self.prefix / "share/fish/vendor_completions.d/skyfold.fish"
        for line in ("skyfold pho", "skyfold help pipeline g", "skyfold photoz --pdf i", "skyfold locus p", "skyfold photoz --catalogue.t"):
            found = output_of(program("fish"), "--no-config", "-c", f"source '{script}'; complete -C '{line}'",
                              env=dict(os.environ, HOME=str(self.folder)))
            self.assertEqual([row.split("\t")[0] for row in found.splitlines()], COMPLETED[line], line)

    def test_debian_packages_are_made_and_run(self):
        program("dpkg-shlibdeps"), program("file")
        output_of("cpack", "-G", "DEB", "--config", self.build / "CPackConfig.cmake", "-B", self.folder / "packages")
        runtime, development = (next((self.folder / "packages").glob(f"{name}_*.deb")) for name in ("skyfold", "libskyfold-dev"))
        depends = output_of("dpkg-deb", "-f", runtime, "Depends")
        for library in ("libc6", "libcfitsio", "libhdf5-", "libsqlite3", "libfmt"):
            self.assertIn(library, depends)
        root = self.folder / "root"
        output_of("dpkg-deb", "-x", runtime, root)
        self.assertEqual(output_of(root / "usr/bin/skyfold", "--version"), self.skyfold("--version").out)
        self.assertTrue((root / "usr/share/man/man1/skyfold-photoz.1").is_file())
        self.assertTrue((root / "usr/share/doc/skyfold/copyright").is_file())
        self.assertFalse((root / "usr/include").exists())
        self.assertIn("./usr/include/skyfold/core/error.hpp", output_of("dpkg-deb", "-c", development))

    def test_recipes_name_every_dependency(self):
        build = (support.SOURCE / "CMakeLists.txt").read_text()
        needed = set(re.findall(r"find_package\((\S+) [^)]*REQUIRED", build) + re.findall(r"IMPORTED_TARGET (\S+)\)", build)) - {"OpenMP"}
        self.assertEqual(needed, set(DEPENDENCIES))
        spack = (support.SOURCE / "packaging/spack/packages/skyfold/package.py").read_text()
        conda = (support.SOURCE / "packaging/conda/meta.yaml").read_text()
        compile(spack, "package.py", "exec")
        for name, (in_spack, in_conda) in DEPENDENCIES.items():
            self.assertIn(f'depends_on("{in_spack}', spack, name)
            self.assertRegex(conda, rf"(?m)^    - {re.escape(in_conda)}( |$)", name)
        self.assertIn(f"version: {self.skyfold('--version').out.split()[1]}\n", conda)
        for recipe in ("Dockerfile", "skyfold.def"):
            steps = re.findall(r"packaging/image (\w+)", (support.SOURCE / "packaging" / recipe).read_text())
            self.assertEqual(steps, ["build", "install"], recipe)


if __name__ == "__main__":
    support.main()
