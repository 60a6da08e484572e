"""PostgreSQL with Q3C for tests and measurements: a server of its own on a Unix socket in a folder of its own, which ends with who started it."""
import csv
import io
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import unittest


def folder_of_programs():
    """That of the newest PostgreSQL which has Q3C; None without one."""
    found = []
    for programs in pathlib.Path("/usr/lib/postgresql").glob("*/bin"):
        version = programs.parent.name
        extension = pathlib.Path("/usr/share/postgresql", version, "extension", "q3c.control")
        if version.isdigit() and extension.exists() and all((programs / name).exists() for name in ("initdb", "postgres", "psql")):
            found.append((int(version), programs))
    return max(found)[1] if found else None


def require():
    """Skips tests without PostgreSQL and Q3C, or fails them where all tests are wanted."""
    if folder_of_programs():
        return
    if os.environ.get("SKYFOLD_REQUIRE_ALL_TESTS"):
        raise AssertionError("missing: PostgreSQL with Q3C (./bootstrap test installs postgresql-15-q3c)")
    raise unittest.SkipTest("missing: PostgreSQL with Q3C (packages postgresql-15, postgresql-15-q3c)")


class Postgres:
    """A running server with an empty database. It refuses root, and then runs as postgres or nobody."""

    def __init__(self, **settings):
        self._programs = folder_of_programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="skyfold_pg_"))  # a socket's path has at most 107 bytes
        self._server = None
        try:
            self._start(settings)
        except BaseException:
            self.stop()
            raise

    def _start(self, settings):
        self._as_server = ["setpriv", "--pdeathsig", "INT"]
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as_server += ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
        data, log = self.folder / "data", self.folder / "log"
        made = subprocess.run([*self._as_server, self._programs / "initdb", "-D", data, "-U", "skyfold", "-A", "trust", "-E", "UTF8", "--locale", "C",
                               "--no-sync", "--no-instructions"], capture_output=True, text=True, cwd=self.folder)
        if made.returncode != 0:
            raise AssertionError(f"initdb: {made.stderr}")
        settings = {"listen_addresses": "", "unix_socket_directories": self.folder, "unix_socket_permissions": "0700", "fsync": "off",
                    "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off",
                    "jit": "off", "max_parallel_workers_per_gather": "0", "max_parallel_maintenance_workers": "0", **settings}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(log, "wb") as output:
            self._server = subprocess.Popen([*self._as_server, self._programs / "postgres", "-D", data, *words], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, cwd=self.folder, start_new_session=True)
        # The last line of this file tells when it takes connections.
        while not (data / "postmaster.pid").exists() or "ready" not in (data / "postmaster.pid").read_text():
            if self._server.poll() is not None:
                raise AssertionError(f"postgres: {log.read_text(errors='replace')}")
            time.sleep(0.02)

    @property
    def pid(self):
        return self._server.pid

    def psql(self, *words, text=None):
        """What psql prints; its failure is one of the test."""
        command = [self._programs / "psql", "-X", "-w", "-q", "-h", self.folder, "-U", "skyfold", "-d", "postgres", "-v", "ON_ERROR_STOP=1", *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise AssertionError(f"psql {words}: {done.stderr[:2000]}")
        return done.stdout

    def load(self, path):
        """Runs a file of statements, as export writes it."""
        return self.psql("-f", path)

    def __call__(self, sql):
        """Rows of a query, each a list of texts; an empty one is NULL. Numbers are the shortest that read back as the same."""
        return list(csv.reader(io.StringIO(self.psql("--csv", "-t", "-f", "-", text=sql))))

    def stop(self):
        if self._server and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # a fast shutdown of this server alone
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self._server.send_signal(signal.SIGQUIT)
                self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
