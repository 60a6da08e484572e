#!/bin/sh
# One exposure measured by SExtractor (Bertin & Arnouts 1996, A&AS 117, 393). usage: extract.sh IMAGE OUT_FOLDER
set -eu
image=$1 out=$2 here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$image" .fits)
source-extractor "$image" -c "$here/phat.sex" -PARAMETERS_NAME "$here/phat.param" -FILTER N -CATALOG_NAME "$out/$name.cat" -CATALOG_TYPE FITS_LDAC \
  -MAG_ZEROPOINT 25 -PHOT_APERTURES 10 -DETECT_THRESH 5 -ANALYSIS_THRESH 5 -BACK_TYPE MANUAL -BACK_VALUE 40 -VERBOSE_TYPE QUIET
[ -s "$out/$name.cat" ] || { echo "no catalogue was made of $image" >&2; exit 3; }
echo "catalogue path=$out/$name.cat" >>"$SKYFOLD_EVENTS"
