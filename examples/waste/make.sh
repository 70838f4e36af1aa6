#!/bin/sh
# Builds the example's image and saves it as waste.tar, and without waste as lean.tar, with BuildKit of Docker 20.10 or newer.
#
# The stage "tools" only lends its /bin to one RUN; nothing of it is in the image. Where no
# registry can be reached, Debian's busybox-static stands in for it.
set -eu
cd "$(dirname "$0")"
docker=${DOCKER:-docker}

python3 fill.py
made=
if ! $docker image inspect busybox:1.36 >/dev/null 2>&1 && ! $docker pull -q busybox:1.36; then
    root=$(mktemp -d)
    mkdir "$root/bin"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for name in sh rm; do ln -s busybox "$root/bin/$name"; done
    tar -C "$root" -c bin | $docker import - busybox:1.36
    rm -r "$root"
    made=busybox:1.36
fi
# Fixed times make the layers the same on every machine.
find . -exec touch -h -d 2024-05-01T12:00:00Z {} +
DOCKER_BUILDKIT=1 $docker build --no-cache -t shop:latest .
$docker save -o waste.tar shop:latest
# The same without the waste, for comparing.
DOCKER_BUILDKIT=1 $docker build --no-cache -t shop:1.4.3 -f lean.Dockerfile .
$docker save -o lean.tar shop:1.4.3
chmod 644 waste.tar lean.tar
if [ -n "$made" ]; then $docker rmi "$made"; fi
