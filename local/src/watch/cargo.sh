#!/bin/sh
# Replaces cargo below `cargo lambda watch`, which runs `cargo metadata` and then `cargo run --bin NAME` for each
# instance of a function. The code doesn't change while it runs (--ignore-changes). So the metadata come from a file,
# and an instance starts within milliseconds, without cargo. Cargo would read the whole workspace each time, and would
# wait for every other build. The instance (local/src/lambda_host/watch_instance.rs) starts the function's binary. NAME ends with the
# suffix of this run.
case $1 in
metadata) exec cat "$BOXOFFICE_METADATA" ;;
run)
    while [ "$#" -gt 1 ]; do
        if [ "$1" = --bin ]; then
            export BOXOFFICE_FUNCTION="$BOXOFFICE_BINARIES/${2%"$BOXOFFICE_SUFFIX"}"
            unset BOXOFFICE_BINARIES BOXOFFICE_METADATA BOXOFFICE_SUFFIX
            exec "$BOXOFFICE_INSTANCE" instance
        fi
        shift
    done
    ;;
esac
echo "cargo.sh: cargo lambda watch made a call that is not known here: cargo $*" >&2
exit 1
