#!/usr/bin/env bash
# How sources and scripts are written, checked: formatting as .clang-format says, shell scripts by shellcheck.
# A tool that is missing fails the check where all tests are required, and skips it (77) elsewhere.
# Usage: style.sh SOURCE_DIR [required]
set -euo pipefail
cd "$1"
missing=()
for tool in clang-format shellcheck; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [ ${#missing[@]} -gt 0 ]; then
  echo "not checked: ${missing[*]} missing"
  [ "${2:-}" = required ] && exit 1
  exit 77
fi
bad=0
find src include tests bench \( -name '*.cpp' -o -name '*.hpp' \) -print0 | xargs -0 clang-format --dry-run -Werror || bad=1
mapfile -t scripts < <(grep -rlE '^#!.*(bash|sh)$' bootstrap .ci bench examples packaging slurm tests)
shellcheck -x "${scripts[@]}" || bad=1
[ $bad = 0 ] || echo "clang-format -i FILES mends the first kind"
exit $bad
