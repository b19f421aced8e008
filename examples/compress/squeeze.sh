#!/bin/sh
# Compresses the sample with xz and tells what it cost: bytes x seconds of processor time.
# Options come as words, as xz takes them: squeeze.sh lc=3 lp=0 pb=2 mf=bt4 mode=normal nice=64 dict=1MiB
set -eu

chain=$(IFS=,; echo "$*")
command -v xz >/dev/null || { echo "xz is not installed: install the package xz-utils" >&2; exit 127; }

# A shell's `times` counts what its children took; repeated so that the clock's ticks do not matter.
bytes=$(xz --format=raw --lzma2="$chain" --stdout sample.txt | wc -c)
i=0
while [ $i -lt 12 ]; do
  xz --format=raw --lzma2="$chain" --stdout sample.txt >/dev/null
  i=$((i + 1))
done
times >times.txt
seconds=$(awk 'NR == 2 { split($1 " " $2, t, /[ms ]+/); print t[1] * 60 + t[2] + t[3] * 60 + t[4] }' times.txt)
rm times.txt

awk -v b="$bytes" -v s="$seconds" 'BEGIN { printf "bytes: %d\nseconds: %.3f\ncost: %.1f\n", b, s, b / 1000 * (s + 0.02) }'
