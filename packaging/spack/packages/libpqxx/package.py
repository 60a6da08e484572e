# Spack's recipe for libpqxx, which its builtin repository may lack.
from spack.package import *

try:
    from spack_repo.builtin.build_systems.cmake import CMakePackage  # Spack 1.0 and later
except ImportError:
    pass


class Libpqxx(CMakePackage):
    """The C++ interface of PostgreSQL."""

    homepage = "https://github.com/jtv/libpqxx"
    git = "https://github.com/jtv/libpqxx.git"

    version("7.9.1", tag="7.9.1")

    depends_on("cxx", type="build")
    depends_on("cmake@3.12:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("postgresql")

    def cmake_args(self):
        return [self.define("SKIP_BUILD_TEST", True), self.define("BUILD_SHARED_LIBS", True)]
