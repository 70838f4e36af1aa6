#!/bin/sh
# Makes the archives in this directory with the tools that people use, from a scratch image of a
# few text files. Needs docker with an engine (the classic builder), skopeo, umoci and buildah.
set -eu
cd "$(dirname "$0")"
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir -p site/css
for word in oak ash elm pine; do echo "<p>$word</p>"; done > site/index.html
i=0; while [ $i -lt 400 ]; do echo ".c$i { order: $i }"; i=$((i + 1)); done > site/css/shop.css
sed s/order/flex/ site/css/shop.css > new.css
cat > Dockerfile <<'EOF'
FROM scratch
ENV LANG=C
COPY site /srv
COPY new.css /srv/css/shop.css
COPY site /srv
EXPOSE 8080
USER 1405
CMD ["/srv/none"]
EOF

DOCKER_BUILDKIT=0 docker build -q -t imglint-fixture:1 . > /dev/null
docker save -o "$here/docker-save.tar" imglint-fixture:1
docker rmi imglint-fixture:1 > /dev/null

rm -f "$here"/*-archive.tar "$here"/*.tgz
policy="--insecure-policy"
source="docker-archive:$here/docker-save.tar"
skopeo $policy copy -q "$source" "docker-archive:$here/skopeo-docker-archive.tar:fixture:1"
skopeo $policy copy -q "$source" "oci-archive:$here/skopeo-oci-archive.tar:fixture"
skopeo $policy copy -q "$source" "dir:$work/dir"
tar -czf "$here/skopeo-dir.tgz" -C "$work/dir" .

skopeo $policy copy -q "$source" "oci:$work/layout:one"
umoci config --image "$work/layout:one" --tag two --config.user 7
umoci insert --image "$work/layout:two" "$work/new.css" /srv/more.css
umoci insert --image "$work/layout:two" --whiteout /srv/css
tar -cf "$here/umoci-layout.tar" -C "$work/layout" .

mkdir "$work/store"
buildah="buildah --root $work/store --runroot $work/run --storage-driver vfs"
$buildah bud --isolation chroot -q -t fixture:buildah . > /dev/null
$buildah push -q fixture:buildah "docker-archive:$here/buildah-docker-archive.tar:fixture:1"
$buildah push -q fixture:buildah "oci-archive:$here/buildah-oci-archive.tar:fixture"
chmod 644 "$here"/*.tar "$here"/*.tgz
ls -l "$here"
