# Spack's recipe for skyfold, from the checkout that this file is in: spack repo add packaging/spack && spack install skyfold
import pathlib

from spack.package import *

try:
    from spack_repo.builtin.build_systems.cmake import CMakePackage, generator  # Spack 1.0 and later
except ImportError:
    pass


class Skyfold(CMakePackage):
    """Per-object computations over whole sky surveys, on MPI ranks and OpenMP threads."""

    git = pathlib.Path(__file__).resolve().parents[4].as_uri()
    license("BSD-3-Clause")

    version("main", branch="main")

    variant("native", default=False, description="Compile for this machine's processor only")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3.1:")
    depends_on("hdf5@1.10:+mpi")
    depends_on("cfitsio")
    depends_on("healpix-cxx")
    depends_on("eigen@3.4:3")
    depends_on("boost@1.74:+program_options")
    depends_on("fmt")
    depends_on("spdlog+fmt_external")
    depends_on("nlohmann-json")
    depends_on("sqlite@3:")
    depends_on("libpqxx")
    depends_on("yaml-cpp")
    depends_on("xxhash")
    depends_on("zlib-api")
    depends_on("zstd")
    depends_on("expat")
    depends_on("jpeg")

    generator("ninja")
    build_targets = ["skyfold"]

    def cmake_args(self):
        return [self.define_from_variant("SKYFOLD_NATIVE", "native")]
