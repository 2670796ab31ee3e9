#!/bin/sh
# Stands in for cargo below `cargo lambda watch`, which for every process of a function says `cargo metadata`, and then
# `cargo run --bin NAME`. Nothing changes while it runs (--ignore-changes), so the first is answered from a file, and
# for the second the binary is started as it was built: a process starts in milliseconds, and needs no cargo, which would
# look through the whole workspace each time and wait for any other cargo that happens to build.
case $1 in
metadata) exec cat "$BOXOFFICE_METADATA" ;;
run)
    while [ "$#" -gt 1 ]; do
        [ "$1" = --bin ] && exec "$BOXOFFICE_BINARIES/$2"
        shift
    done
    ;;
esac
echo "cargo.sh: this was not expected of cargo lambda watch: cargo $*" >&2
exit 1
