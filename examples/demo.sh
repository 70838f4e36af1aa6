#!/bin/sh
# The main job on real input: lint, measure, join, and prove where an engine answers.
# Findings are what the examples are for, so an exit code of 1 is right here; any other is not.
set -u
cd "$(dirname "$0")/.."

step() {
    printf '\n\033[1m$ imglint %s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else sed 's/\x1b\[[0-9]*m//g'; fi
    imglint "$@"
    code=$?
    if [ "$code" -gt 1 ]; then
        echo "imglint ended with $code" >&2
        exit "$code"
    fi
}

step examples/seed/Dockerfile examples/waste/Dockerfile examples/hello
step image examples/waste/waste.tar
step history examples/waste/waste.tar
step audit examples/waste/Dockerfile --image examples/waste/waste.tar

# What was there before stays.
if ! made=$(python examples/example_images.py hello 2>&1); then
    printf '\nNothing was started: %s\n' "$made"
    exit 0
fi
step verify imglint-hello:healthcheck
step audit examples/hello/healthcheck/Dockerfile --image imglint-hello:healthcheck --run
# shellcheck disable=SC2086  (names have no spaces)
python examples/example_images.py clean $made
