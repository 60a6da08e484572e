#!/usr/bin/env bash
# The order of the layers, checked: a file includes only headers of its own layer and of those below it, private headers stay
# within their module, and third-party headers stay where the architecture puts them. Usage: layers.sh SOURCE_DIR
set -euo pipefail
cd "$1"
declare -A below=(
  [core]="" [sky]="core" [table]="core" [plan]="sky table core"
  [kernels]="plan sky table core" [farm]="plan sky table core" [io]="plan sky table core"
  [catalogue]="farm io plan sky table core" [dataset]="catalogue farm kernels io plan sky table core"
  [registry]="dataset catalogue farm io plan sky table core" [run]="registry dataset catalogue farm io plan sky table core"
  [workflow]="run registry dataset catalogue farm io plan sky table core"
  [commands]="workflow run registry dataset catalogue farm kernels io plan sky table core" [cli]="commands run registry core"
)
declare -A only=(
  [mpi.h]="farm io" [hdf5.h]="io" [fitsio.h]="io" [zlib.h]="io" [zstd.h]="io" [expat.h]="io" [jpeglib.h]="io" [yaml-cpp/]="dataset" [dlfcn.h]="io" [healpix_base.h]="sky" [sqlite3.h]="registry" [pqxx/]="registry"
  [Eigen/]="kernels table" [spdlog/]="core" [boost/]="core" [nlohmann/]="catalogue dataset registry run workflow commands"
)
bad=0
say() { echo "$1"; bad=1; }
for layer in "${!below[@]}"; do
  while IFS=: read -r file _ line; do
    used=$(sed -E 's/.*"skyfold\/([a-z]+)\/.*/\1/' <<<"$line")
    case " $layer ${below[$layer]} " in *" $used "*) ;; *) say "$file includes layer $used, which is not below $layer" ;; esac
  done < <(grep -rn '#include "skyfold/' "src/$layer" "include/skyfold/$layer")
done
for folder in src/*/; do
  layer=$(basename "$folder")
  [ -v "below[$layer]" ] || say "src/$layer is no layer that this script knows"
done
# A private header is for the files of its own folder. A folder `common` serves all that is beside it, and below.
# `neighbours` (searches), `network`, `forest` (decision trees) and `templates` are shared by the sciences of kernels/.
while IFS=: read -r file _ line; do
  header=$(sed -E 's/.*#include "([^"]+)".*/\1/' <<<"$line")
  folder=$(dirname "$file")
  at=$(realpath -m --relative-to=. "$(dirname "$folder/$header")")
  [ -e "$folder/$header" ] || { say "$file includes $header, which is not there"; continue; }
  [ "$at" = "$folder" ] && continue
  [ "$(basename "$at")" = common ] && case "$folder/" in "$(dirname "$at")"/*) continue ;; esac
  case "$at" in src/kernels/neighbours | src/kernels/network | src/kernels/forest | src/kernels/templates) true ;; *) false ;; esac && case "$folder" in src/kernels/*) continue ;; esac
  say "$file includes $header, which is private to $at"
done < <(grep -rnE '#include "' src include --include='*.cpp' --include='*.hpp' | grep -v '"skyfold/')
for header in "${!only[@]}"; do
  while IFS=: read -r file _; do
    layer=$(cut -d/ -f2 <<<"$file")
    case " ${only[$header]} " in *" $layer "*) ;; *) say "$file includes $header, which belongs to: ${only[$header]}" ;; esac
  done < <(grep -rnF "$header" src --include='*.cpp' --include='*.hpp' | grep '#include <')
done
public=$(grep -rnE '#include <(mpi|hdf5|fitsio|zlib|healpix|sqlite3|pqxx|Eigen|spdlog|fmt|nlohmann|boost)' include || true)
[ -z "$public" ] || say "third-party headers in public headers: $public"
exit $bad
