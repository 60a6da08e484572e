"""Instructions and floating-point operations that a program executes, counted one by one by valgrind's callgrind.

Machines without counters of the processor for their guests can count no other way. callgrind says how often each instruction ran,
objdump says what each is; additions, subtractions, multiplications, divisions and roots count once per number of the vector, fused ones
twice. Operations are looked for in the program itself and the libraries that compute (the C library's functions, HEALPix). What the
kernel of the system does is not counted.
"""
import collections
import pathlib
import random
import re
import subprocess
import sys

Counts = collections.namedtuple("Counts", "instructions single double")

_OPERATION = re.compile(r"v?(?:(?P<fused>fn?m(?:add|sub)(?:sub|add)?\d{3})|h?add|h?sub|addsub|mul|div|sqrt)(?P<kind>[sp])(?P<type>[sd])$")
_LIBRARIES = ("libm.so", "libm-", "libhealpix")
_disassembled = {}


def _weight(mnemonic, operands):
    """Single- and double-precision operations of one instruction."""
    found = _OPERATION.match(mnemonic)
    if not found:
        return None
    size = 4 if found["type"] == "s" else 8
    register = 64 if "zmm" in operands else 32 if "ymm" in operands else 16
    n = (1 if found["kind"] == "s" else register // size) * (2 if found["fused"] else 1)
    return (n, 0) if size == 4 else (0, n)


def _operations(path):
    """Addresses of all instructions of a file, and what those with floating-point operations weigh."""
    if path not in _disassembled:
        addresses, weights = set(), {}
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            address, colon, code = line.partition(":\t")
            if not colon:
                continue
            address = int(address, 16)
            addresses.add(address)
            words = code.split(None, 1)
            weight = _weight(words[0], words[1] if len(words) > 1 else "")
            if weight:
                weights[address] = weight
        _disassembled[path] = addresses, weights
    return _disassembled[path]


def _load_address(executed, addresses):
    """What was added to the addresses of a file when it was loaded: a multiple of a page for which executed instructions are ones of the file."""
    sample = random.Random(1).sample(sorted(executed), min(300, len(executed)))
    low, high = min(executed) - max(addresses), max(executed) - min(addresses)
    base = max(range(low & ~0xfff, (high | 0xfff) + 1, 0x1000), key=lambda base: sum(address - base in addresses for address in sample))
    if sum(address - base in addresses for address in sample) < 0.95 * len(sample):
        raise ValueError("executed instructions are not those of the file")
    return base


def _read(path):
    """Executions of each instruction by the file that it is in, and the sum of all."""
    executed = collections.defaultdict(collections.Counter)
    total, here, is_call = 0, None, False
    with open(path) as lines:
        for line in lines:
            if line.startswith("0x"):
                if not is_call:
                    words = line.split()
                    executed[here][int(words[0], 16)] += int(words[-1])
                is_call = False   # the line after a call has the cost of what was called
            elif line.startswith("ob="):
                here = line[3:].strip()
            elif line.startswith("calls="):
                is_call = True
            elif line.startswith(("totals:", "summary:")):
                total = int(line.split()[1])
    return executed, total


def callgrind(command, output, environment):
    """Starts a program under callgrind; `counts_of` reads the output when it has ended."""
    words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", "--dump-instr=yes", "--dump-line=no", "--compress-strings=no",
             "--compress-pos=no", "--error-limit=no", *command]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def counts_of(output):
    executed, total = _read(output)
    single = double = 0
    for path, times in executed.items():
        name = pathlib.Path(path).name
        if not (name == "skyfold" or name.startswith(_LIBRARIES)):
            continue
        addresses, weights = _operations(path)
        base = _load_address(times, addresses)
        for address, n in times.items():
            one, two = weights.get(address - base, (0, 0))
            single, double = single + n * one, double + n * two
    return Counts(total, single, double)


def per_object(cases, environment, folder):
    """Counts per object of each case, from the difference of two runs of different numbers of objects; two runs at a time.

    @param cases  name: [(objects, command), (objects, command)]
    """
    counts = {}
    for name, runs in cases.items():
        outputs = [f"{folder}/callgrind.{objects}" for objects, _ in runs]
        started = [callgrind(command, output, environment) for (_, command), output in zip(runs, outputs)]
        texts = [process.communicate()[0] for process in started]
        for process, text in zip(started, texts):
            if process.returncode != 0:
                sys.exit(f"{' '.join(process.args)}\nexit code {process.returncode}\n{text}")
        few, many = (counts_of(output) for output in outputs)
        difference = runs[1][0] - runs[0][0]
        counts[name] = Counts(*((b - a) / difference for a, b in zip(few, many)))
        for output in outputs:
            pathlib.Path(output).unlink()
        print(f"counted {name}", file=sys.stderr, flush=True)
    return counts
