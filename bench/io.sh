#!/usr/bin/env bash
# Import and output against `dd` on the same disk, in turns, so that a busy machine slows all of them alike.
# Prints MB/s of product bytes (medians) and the ratio to dd.
#
# usage: bench/io.sh [SKYFOLD] [FOLDER] [OBJECTS]
set -euo pipefail
skyfold=${1:-build/release/bin/skyfold}
folder=$(mktemp -d "${2:-/tmp}/skyfold-io.XXXX")
objects=${3:-2000000}
trap 'rm -rf "$folder"' EXIT
root=(); [ "$(id -u)" = 0 ] && root=(--allow-run-as-root)
mpi() { mpirun "${root[@]}" --oversubscribe --bind-to none -n 2 "$@"; }
quiet() { "$@" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }; }

# Seconds that a command takes.
seconds() { local start; start=$(date +%s.%N); "$@"; date +%s.%N | awk -v start="$start" '{print $1 - start}'; }
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

quiet mpi "$skyfold" mock --objects "$objects" --seed 1 --spectroscopic 0.01 --output "$folder/survey.h5" --threads 1
quiet "$skyfold" train --sample "$folder/survey.spec.h5" --output "$folder/model.h5" --dnf.preselect 200
quiet mpi "$skyfold" photoz --catalogue "$folder/survey.h5" --model "$folder/model.h5" --output "$folder/z.hdf5" \
  --fits "$folder/z.fits" --pdf interp --threads 1
# MB/s of one rank while it writes its rows of the three products, each job's fsync included.
output_rate=$(sed -n 's/.* at \([0-9,]*\) MB\/s per rank.*/\1/p' "$folder/log" | tr -d ,)

size_mb=$(stat -c %s "$folder/z.fits" | awk '{print int($1 / 1e6)}')
for _ in 1 2 3 4 5; do
  seconds dd if=/dev/zero of="$folder/dd" bs=1M count="$size_mb" conv=fdatasync status=none >>"$folder/dd.s"
  rm "$folder/dd"
  for input in z.fits survey.h5; do
    seconds quiet mpi "$skyfold" import --input "$folder/$input" --output "$folder/import.h5" --fresh --threads 1 >>"$folder/$input.s"
    stat -c %s "$folder/import.h5" >"$folder/$input.bytes"
  done
done
dd_rate=$(median <"$folder/dd.s" | awk -v mb="$size_mb" '{print mb / $1}')
echo "$objects objects, 2 ranks x 1 thread; dd: $(printf %.0f "$dd_rate") MB/s (median of 5, with fdatasync)"
printf '%-34s %10s %10s\n' operation MB/s 'of dd'
for input in z.fits survey.h5; do
  rate=$(median <"$folder/$input.s" | awk -v bytes="$(cat "$folder/$input.bytes")" '{print bytes / 1e6 / $1}')
  printf '%-34s %10.0f %9.0f%%\n' "import of $input, whole command" "$rate" "$(awk -v r="$rate" -v d="$dd_rate" 'BEGIN {print 100 * r / d}')"
done
printf '%-34s %10.0f %9.0f%%\n' "photoz output, one rank of two" "$output_rate" "$(awk -v r="$output_rate" -v d="$dd_rate" 'BEGIN {print 100 * r / d}')"
