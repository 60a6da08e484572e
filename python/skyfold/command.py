"""Runs commands of the program: keywords become options as the command's help has them."""
from __future__ import annotations

import difflib
import functools
import os
import pathlib
import re
import shutil
import subprocess
from typing import Any, Optional, Union


class SkyfoldError(RuntimeError):
    """What the command line says went wrong; `code` is its exit code: 2 the question, 3 the data, 4 a file or the system."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def binary() -> str:
    """Path of the program: SKYFOLD, else that of PATH, else the release build beside this folder."""
    named = os.environ.get("SKYFOLD") or shutil.which("skyfold")
    built = pathlib.Path(__file__).resolve().parents[2] / "build" / "release" / "bin" / "skyfold"
    if not named and not built.exists():
        raise SkyfoldError(4, "no skyfold on PATH (set SKYFOLD to the program)")
    return named or str(built)


def run(command: str, *words: Any, ranks: Optional[int] = None, launcher: Union[str, list[str], None] = None, **options: Any) -> str:
    """Runs a command; returns its standard output. Raises SkyfoldError with its line.

    words     as the command line has them, before the options
    ranks     by `mpirun -n RANKS`, or by another launcher: "srun --exclusive -n 8"
    options   by name; _ stands for what the option has there, - or . or _: held_out_folds=5 is --held_out.folds 5. Lists are joined by
              commas, True and False are for options without value, None leaves the option out

    >>> print(run("info", "cat.h5").splitlines()[1].strip())
    9,443 rows, ordered by healpix, made by skyfold 0.1.0 import
    >>> run("photoz", catalog="cat.h5")
    Traceback (most recent call last):
      ...
    skyfold.command.SkyfoldError: skyfold photoz has no option 'catalog'; the nearest is 'catalogue'
    """
    line = [*_launcher(ranks, launcher), binary(), *command.split(), *map(str, words), *_options(command, options)]
    try:
        result = subprocess.run(line, capture_output=True, text=True, errors="backslashreplace", stdin=subprocess.DEVNULL)
    except OSError as error:
        raise SkyfoldError(4, f"{line[0]}: {error.strerror}") from None
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("skyfold")] or result.stderr.splitlines()[-1:]
        raise SkyfoldError(result.returncode, "\n".join(lines) or f"skyfold {command}: exit code {result.returncode}")
    return result.stdout


def in_list(text: str) -> str:
    """A text as lists of options have it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if any(c in text for c in ',"#\\') else text


def _launcher(ranks: Optional[int], launcher: Union[str, list[str], None]) -> list[str]:
    if launcher is not None:
        words = launcher.split() if isinstance(launcher, str) else list(launcher)
        return words + (["-n", str(ranks)] if ranks is not None else [])
    if ranks is None:
        return []
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return ["mpirun", *as_root, "--oversubscribe", "-n", str(ranks)]


def _options(command: str, options: dict[str, Any]) -> list[str]:
    if not options:
        return []
    known, words = _known_options(binary(), command), []
    for name, value in options.items():
        found = known.get(_plain(name))
        if found is None:
            near = difflib.get_close_matches(_plain(name), known, 1)
            raise SkyfoldError(2, f"skyfold {command} has no option '{name}'" + (f"; the nearest is '{near[0]}'" if near else ""))
        if value is not None:
            words.append(_option(command, *found, value))
    return words


def _option(command: str, option: str, takes_value: bool, value: Any) -> str:
    if isinstance(value, bool) and takes_value:
        raise SkyfoldError(2, f"skyfold {command}: option '{option}' takes a value, not {value}")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--{option}=false"
    if isinstance(value, (list, tuple)):
        return f"--{option}=" + ",".join(in_list(str(one)) for one in value)
    return f"--{option}={value}"


def _plain(name: str) -> str:
    return re.sub(r"[-.]", "_", name)


@functools.lru_cache(maxsize=None)
def _known_options(program: str, command: str) -> dict[str, tuple[str, bool]]:
    """Names of options with _ for - and . : how they are written, and whether they take a value."""
    result = subprocess.run([program, *command.split(), "--help"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        raise SkyfoldError(result.returncode, result.stderr.strip() or f"skyfold {command}: no help")
    found = re.findall(r"^  --([A-Za-z][\w.-]*)(?: ((?:TEXT|NUMBER)\S*))?(?= |$)", result.stdout, re.MULTILINE)
    return {_plain(name): (name, bool(kind)) for name, kind in found}
