"""Builds saved images of every outer form from a small description, without any engine.

The tars are written by the standard library, so that the analyzer's own reader is held
against somebody else's writer.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import zstandard

from imglint.rules.rule import ImageExample

CREATED = "2024-05-01T12:00:00Z"
EMPTY_LAYER = bytes(1024)


class Node(NamedTuple):
    """An entry of a layer that is more than a plain file."""

    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: str = ""


DIRECTORY = Node(kind=tarfile.DIRTYPE, mode=0o755)

# A layer as a description: path → contents, None for a whiteout, or a Node.
Content = str | bytes | None | Node
LayerFiles = Mapping[str, Content]


def symlink(target: str) -> Node:
    """A symbolic link."""
    return Node(kind=tarfile.SYMTYPE, mode=0o777, link=target)


def hardlink(target: str) -> Node:
    """A further name of a file of the same layer."""
    return Node(kind=tarfile.LNKTYPE, link=target)


def layer_tar(files: LayerFiles, *, format: int = tarfile.USTAR_FORMAT) -> bytes:
    """The tar of a layer; the same description always gives the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, errors="surrogateescape") as tar:
        for path, content in files.items():
            name, node = _node(path, content)
            info = tarfile.TarInfo(name)
            info.size = len(node.data) if node.kind == tarfile.REGTYPE else 0
            info.type, info.mode, info.linkname = node.kind, node.mode, node.link
            info.uid, info.gid = node.uid, node.gid
            tar.addfile(info, io.BytesIO(node.data) if info.size else None)
    return out.getvalue()


def _node(path: str, content: Content) -> tuple[str, Node]:
    if content is None:
        directory, slash, name = path.rpartition("/")
        return f"{directory}{slash}.wh.{name}", Node()
    if isinstance(content, Node):
        return path, content
    return path, Node(content.encode() if isinstance(content, str) else content)


def digest(data: bytes) -> str:
    """The digest as manifests have it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Saved:
    """An image to be saved: the layers' tars from the bottom up and the configuration."""

    layers: tuple[bytes, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] | None = None
    tags: tuple[str, ...] = ("example:1.0",)
    top: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, *layers: LayerFiles, **fields: Any) -> Saved:
        """An image of these layers, with a history of one COPY for each."""
        tars = tuple(layer_tar(one) for one in layers)
        fields.setdefault("history", tuple(step(f"COPY part{n} /") for n in range(len(tars))))
        return cls(tars, **fields)

    @property
    def diff_ids(self) -> list[str]:
        """The digests of the layers' tars."""
        return [digest(one) for one in self.layers]

    @property
    def raw(self) -> bytes:
        """The bytes of the image configuration."""
        document: dict[str, Any] = {
            "architecture": "amd64",
            "config": dict(self.config),
            "created": CREATED,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
        }
        if self.history is not None:
            document["history"] = [dict(one) for one in self.history]
        return json.dumps({**document, **self.top}, separators=(",", ":")).encode()

    @property
    def id(self) -> str:
        """The image ID."""
        return digest(self.raw)


def step(created_by: str, **more: Any) -> dict[str, Any]:
    """An entry of a history as BuildKit writes it."""
    return {
        "created": CREATED,
        "created_by": f"{created_by} # buildkit",
        "comment": "buildkit.dockerfile.v0",
        **more,
    }


# Compression, by the name that media types end in.
Compression = Literal["", "gzip", "zstd", "bzip2", "xz", "zstd:chunked"]


def compressed(data: bytes, how: Compression) -> bytes:
    """A blob as registries store it."""
    if how == "gzip":
        return gzip.compress(data, mtime=0)
    packers: Mapping[str, Callable[[bytes], bytes]] = {
        "zstd": zstandard.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
        "zstd:chunked": zstd_chunked,
    }
    return packers[how](data) if how else data


def zstd_chunked(tar: bytes) -> bytes:
    """A layer as zstd:chunked has it: frames for the headers and for each file, then the table in frames to skip."""
    frames = [zstandard.compress(part) for part in _pieces(tar)]
    table = zstandard.compress(b'{"version":1,"entries":[]}')
    position = sum(map(len, frames))
    numbers = (position + 8, len(table), 26, 1)
    footer = b"".join(one.to_bytes(8, "little") for one in numbers).ljust(56, b"\0") + b"GNUlInUx"
    return b"".join([*frames, _skipped(table), _skipped(footer)])


def _skipped(data: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data


def estargz(files: LayerFiles) -> tuple[bytes, bytes]:
    """A layer as eStargz has it, unpacked and packed: a gzip member for each piece, the table last, then a footer."""
    table = json.dumps({"version": 1, "entries": [{"name": name, "type": "reg"} for name in files]})
    tar = layer_tar({".no.prefetch.landmark": b"\x0f", **files, "stargz.index.json": table})
    pieces = list(_pieces(tar))
    members = [gzip.compress(one, mtime=0) for one in pieces]
    place = sum(map(len, members[:-2]))
    extra = b"SG" + (22).to_bytes(2, "little") + f"{place:016x}STARGZ".encode()
    footer = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + len(extra).to_bytes(2, "little") + extra
    empty = b"\x01\x00\x00\xff\xff" + bytes(8)
    return tar, b"".join([*members, footer, empty])


def _pieces(tar: bytes) -> Iterator[bytes]:
    """The headers of a tar, the contents behind them, and the end: what a reader may want alone."""
    at = 0
    with tarfile.open(fileobj=io.BytesIO(tar)) as members:
        for one in members:
            yield tar[at : one.offset_data]
            at = one.offset_data + (one.size + 511 & ~511 if one.isreg() else 0)
            if at > one.offset_data:
                yield tar[one.offset_data : at]
    yield tar[at:]


def outer_tar(members: Mapping[str, bytes | Node]) -> bytes:
    """The tar around it all."""
    return layer_tar(members)


# The outer forms


def docker_legacy(*images: Saved) -> bytes:
    """`docker save` of engines 1.10 to 24: a directory a layer, a repeated layer is a link."""
    members: dict[str, bytes | Node] = {}
    listed = []
    homes: dict[str, str] = {}
    for image in images:
        paths = []
        parent = ""
        for index, tar in enumerate(image.layers):
            parent = hashlib.sha256(f"{parent} {image.diff_ids[index]} {index}".encode()).hexdigest()
            members[f"{parent}/"] = DIRECTORY
            members[f"{parent}/VERSION"] = b"1.0"
            members[f"{parent}/json"] = b'{"id":"%s"}' % parent.encode()
            home = homes.setdefault(image.diff_ids[index], parent)
            members.setdefault(
                f"{parent}/layer.tar", tar if home == parent else symlink(f"../{home}/layer.tar")
            )
            paths.append(f"{parent}/layer.tar")
        config = f"{image.id[7:]}.json"
        members[config] = image.raw
        listed.append({"Config": config, "RepoTags": list(image.tags) or None, "Layers": paths})
    members["manifest.json"] = json.dumps(listed).encode()
    members["repositories"] = b"{}"
    return outer_tar(members)


def docker_before_1_10(*images: Saved, names: bool = True) -> bytes:
    """`docker save` of engines before 1.10: a folder a layer with its JSON, names in `repositories`."""
    members: dict[str, bytes | Node] = {}
    repositories: dict[str, dict[str, str]] = {}
    for image in images:
        parent = ""
        history = [one for one in image.history or () if not one.get("empty_layer")]
        for tar, made in zip(image.layers, history, strict=True):
            folder = digest(f"{parent} {digest(tar)} {made}".encode())[7:]
            told: dict[str, Any] = {
                "id": folder, "created": made["created"], "container_config": {"Cmd": made["created_by"].split(" ")},
                "config": dict(image.config), "architecture": "amd64", "os": "linux", "Size": len(tar), **image.top,
            }  # fmt: skip
            if parent:
                told["parent"] = parent
            members[f"{folder}/"] = DIRECTORY
            members[f"{folder}/VERSION"] = b"1.0"
            members[f"{folder}/json"] = json.dumps(told, ensure_ascii=False).encode()
            members[f"{folder}/layer.tar"] = tar
            parent = folder
        for tag in image.tags:
            name, _, version = tag.rpartition(":")
            repositories.setdefault(name, {})[version] = parent
    if names:
        members["repositories"] = json.dumps(repositories).encode()
    return outer_tar(members)


def docker_layout(
    *images: Saved,
    how: Compression = "",
    nested: bool = False,
    own: int | None = None,
    absent: Sequence[Saved] = (),
) -> bytes:
    """`docker save` of engines from 25 on: an OCI layout with a manifest.json beside it.

    With the containerd store its layers are compressed, and its index may be `nested` as below. Its manifest.json
    lists the `own` first images alone, those of the machine's platform; of those `absent` only the manifest is there.
    """
    members = _layout((*images, *absent), how, nested, how, engine=True)
    for image in absent:
        for data in (image.raw, *(compressed(one, how) for one in image.layers)):
            members.pop(f"blobs/sha256/{digest(data)[7:]}", None)
    members["manifest.json"] = json.dumps(
        [
            {
                "Config": f"blobs/sha256/{image.id[7:]}",
                "RepoTags": list(image.tags) or None,
                "Layers": [f"blobs/sha256/{digest(compressed(one, how))[7:]}" for one in image.layers],
            }
            for image in images[:own]
        ]
    ).encode()
    return outer_tar(members)


def containers_image(*images: Saved) -> bytes:
    """The docker-archive of skopeo, podman and buildah: the layers at the top, links to them."""
    members: dict[str, bytes | Node] = {}
    listed = []
    for image in images:
        paths = []
        for index, tar in enumerate(image.layers):
            name = f"{image.diff_ids[index][7:]}.tar"
            members[name] = tar
            legacy = hashlib.sha256(f"{image.id} {index}".encode()).hexdigest()
            members[f"{legacy}/layer.tar"] = symlink(f"../{name}")
            paths.append(name)
        members[f"{image.id[7:]}.json"] = image.raw
        tags = [f"docker.io/library/{one}" for one in image.tags]
        listed.append({"Config": f"{image.id[7:]}.json", "RepoTags": tags, "Layers": paths})
    members["manifest.json"] = json.dumps(listed).encode()
    return outer_tar(members)


def crane(*images: Saved, how: Compression = "gzip", suffix: str | None = None) -> bytes:
    """`crane pull`, ko, kaniko: blobs by their compressed digest, the configuration without a suffix."""
    members: dict[str, bytes | Node] = {}
    listed = []
    suffix = suffix or {"gzip": ".tar.gz", "zstd": ".tar.zst", "": ".tar"}.get(how, f".tar.{how}")
    for image in images:
        blobs = [compressed(one, how) for one in image.layers]
        names = [digest(one)[7:] + suffix for one in blobs]
        members.update(zip(names, blobs, strict=True))
        members[image.id] = image.raw
        listed.append({"Config": image.id, "RepoTags": list(image.tags), "Layers": names})
    members["manifest.json"] = json.dumps(listed).encode()
    return outer_tar(members)


def oci_archive(
    *images: Saved, how: Compression = "gzip", says: Compression | None = None, nested: bool = False
) -> bytes:
    """An OCI layout as a tar.

    `nested` puts the images into an index of their own, beside a platform that is not there and
    an attestation; `says` makes media types tell another compression than there is.
    """
    return outer_tar({"blobs/": DIRECTORY, **_layout(images, how, nested, how if says is None else says)})


def _layout(
    images: Sequence[Saved],
    how: Compression,
    nested: bool = False,
    says: Compression = "gzip",
    engine: bool = False,
) -> dict[str, bytes | Node]:
    members: dict[str, bytes | Node] = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}

    def blob(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        members[f"blobs/sha256/{digest(data)[7:]}"] = data
        return {
            "mediaType": f"application/vnd.oci.image.{kind}",
            "digest": digest(data),
            "size": len(data),
            **more,
        }

    descriptors = []
    for image in images:
        manifest = {
            "schemaVersion": 2,
            "config": blob(image.raw, "config.v1+json"),
            "layers": [blob(compressed(one, how), _LAYER_TYPES[says]) for one in image.layers],
        }
        data = json.dumps(manifest).encode()
        platform = {"os": "linux", "architecture": image.top.get("architecture", "amd64")}
        for tag in image.tags or ("",):
            names = {"org.opencontainers.image.ref.name": tag} if tag else {}
            if tag and engine:
                names = {
                    "io.containerd.image.name": f"docker.io/library/{tag}",
                    "org.opencontainers.image.ref.name": tag.rpartition(":")[2],
                }
            descriptors.append(blob(data, "manifest.v1+json", annotations=names, platform=platform))
    if nested:
        missing = {**descriptors[0], "digest": digest(b"a platform that was not pulled")}
        attestation = blob(
            json.dumps({"schemaVersion": 2, "config": blob(b"{}", "config.v1+json"), "layers": []}).encode(),
            "manifest.v1+json",
            annotations={"vnd.docker.reference.type": "attestation-manifest"},
            platform={"os": "unknown", "architecture": "unknown"},
        )
        inner = json.dumps({"schemaVersion": 2, "manifests": [*descriptors, missing, attestation]}).encode()
        descriptors = [blob(inner, "index.v1+json", annotations=descriptors[0]["annotations"])]
    members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": descriptors}).encode()
    return members


_LAYER_TYPES = {
    how: f"layer.v1.tar+{how.partition(':')[0]}" if how else "layer.v1.tar" for how in get_args(Compression)
}


def oci_directory(directory: Path, *images: Saved, how: Compression = "gzip") -> Path:
    """An OCI layout as a directory."""
    for name, data in _layout(images, how).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else b"")
    return directory


def _in_file(form: Callable[..., bytes], suffix: str = ".tar", **how: Any) -> Callable[..., Path]:
    def write(directory: Path, *images: Saved) -> Path:
        path = directory / f"image{suffix}"
        path.write_bytes(form(*images, **how))
        return path

    return write


def _packed(*images: Saved, how: Compression) -> bytes:
    return compressed(docker_legacy(*images), how)


# Every form, by a name for test ids: (directory, *images) → path.
FORMS: dict[str, Callable[..., Path]] = {
    "docker-legacy": _in_file(docker_legacy),
    "docker-layout": _in_file(docker_layout),
    "docker-containerd-gzip": _in_file(docker_layout, how="gzip", nested=True),
    "docker-containerd-zstd": _in_file(docker_layout, how="zstd"),
    "docker-gzipped": _in_file(_packed, ".tar.gz", how="gzip"),
    "docker-xz": _in_file(_packed, ".tar.xz", how="xz"),
    "docker-bzip2": _in_file(_packed, ".tar.bz2", how="bzip2"),
    "containers-image": _in_file(containers_image),
    "crane-gzip": _in_file(crane),
    "crane-zstd": _in_file(crane, how="zstd"),
    "crane-gzip-named-tar": _in_file(crane, suffix=".tar"),
    "crane-plain-named-gzip": _in_file(crane, how="", suffix=".tar.gz"),
    "oci-archive-gzip": _in_file(oci_archive),
    "oci-archive-zstd": _in_file(oci_archive, how="zstd"),
    "oci-archive-xz": _in_file(oci_archive, how="xz"),
    "oci-archive-bzip2": _in_file(oci_archive, how="bzip2"),
    "oci-archive-plain": _in_file(oci_archive, how=""),
    "oci-archive-gzip-called-plain": _in_file(oci_archive, says=""),
    "oci-archive-zstd-chunked": _in_file(oci_archive, how="zstd:chunked"),
    "oci-archive-nested": _in_file(oci_archive, nested=True),
    "oci-directory": oci_directory,
}


# The examples of rules


def build_example(example: ImageExample, directory: Path) -> Path:
    """The archive of a rule's example image, as `docker save` writes it."""
    path = directory / "example.tar"
    path.write_bytes(docker_legacy(saved_example(example)))
    return path


def _with_modes(files: Mapping[str, str | bytes | None], modes: Mapping[str, int]) -> LayerFiles:
    out: dict[str, Content] = dict(files)
    for path, mode in modes.items():
        content = files.get(path)
        if content is not None:
            out[path] = Node(content.encode() if isinstance(content, str) else content, mode=mode)
    return out


def saved_example(example: ImageExample) -> Saved:
    """A rule's example image. Steps without words of their own are copies."""
    made_by = example.steps or tuple("COPY . /" for _ in example.layers)
    if len(made_by) != len(example.layers):
        raise ValueError(f"{len(example.layers)} layers, but {len(made_by)} steps")
    history = [{"created": CREATED, "created_by": one, "empty_layer": True} for one in example.empty_steps]
    history += [{"created": CREATED, "created_by": one} for one in made_by]
    return Saved(
        layers=tuple(layer_tar(_with_modes(one, example.modes)) for one in example.layers),
        config=example.config,
        history=tuple(history),
        tags=example.tags,
        top=example.top,
    )
