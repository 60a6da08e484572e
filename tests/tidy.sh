#!/usr/bin/env bash
# clang-tidy, by .clang-tidy, on the sources of src/ that a change touches: those that differ from BASE, by default from where this
# branch left origin's main, or the commit before. Usage: tidy.sh SOURCE_DIR BUILD_DIR [BASE]
set -euo pipefail
cd "$1"
build=$2 base=${3:-}
[ -n "$base" ] || base=$(git merge-base HEAD origin/main 2>/dev/null || true)
[ -n "$base" ] && [ "$(git rev-parse "$base")" != "$(git rev-parse HEAD)" ] || base=$(git rev-parse --verify --quiet HEAD~1 || true)
if [ -z "$base" ]; then echo "no commit to compare with: nothing to look at"; exit 0; fi
mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- 'src/*.cpp')
most=${SKYFOLD_TIDY_FILES:-40}   # a file takes 2 to 10 s
echo "${#files[@]} sources differ from $(git log -1 --format='%h %s' "$base")"
[ ${#files[@]} -le "$most" ] || echo "only the first $most are looked at (SKYFOLD_TIDY_FILES says how many)"
[ ${#files[@]} -gt 0 ] || exit 0
# What the compiler itself says is not this program's task: clang 14 knows not all of g++'s options, and cannot compile all of g++'s ranges.
found=$(mktemp)
trap 'rm -f "$found"' EXIT
printf '%s\0' "${files[@]:0:$most}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option >"$found" 2>/dev/null || true
grep -F '[clang-diagnostic-error]' "$found" | sed 's/^/not looked at as a whole: /' || true
! grep -E '(warning|error): .*\[(bugprone|performance|readability)-' "$found"
