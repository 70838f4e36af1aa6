"""Makes fleet.tar: six images of a small house, as `crane pull` writes them, without an engine.

python examples/fleet/make.py examples/fleet/fleet.tar
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile

TIME = "2026-01-05T08:00:00Z"

Step = tuple[str, dict[str, int | None]]
# A step, and the files of its layer in kB; None: deleted here.
LINUX: list[Step] = [("ADD rootfs.tar /", {"usr/lib/libc.so": 2400, "usr/share/doc/all": 600})]
PYTHON: list[Step] = [*LINUX, ("RUN apt-get install python3", {"usr/bin/python3": 1900, "var/lib/apt/lists/all": 450}),
          ("RUN rm -rf /var/lib/apt/lists", {"var/lib/apt/lists/all": None})]  # fmt: skip
MODEL: Step = ("COPY model.bin /srv/model.bin", {"srv/model.bin": 800})
IMAGES: dict[tuple[str, ...], list[Step]] = {
    ("linux:12",): LINUX,
    ("python:3",): PYTHON,
    ("shop:1.0",): [*PYTHON, ("RUN pip install flask", {"usr/lib/flask": 700}), ("COPY shop /srv", {"srv/shop": 40})],
    ("shop:1.1", "shop:latest"): [
        *PYTHON, ("RUN pip install flask", {"usr/lib/flask": 700}), ("COPY shop /srv", {"srv/shop": 44}), MODEL,
    ],
    ("jobs:1.0",): [*PYTHON, ("COPY jobs /srv", {"srv/jobs": 25}), MODEL],
    ("proxy:1.0",): [*LINUX, ("COPY proxy /usr/bin", {"usr/bin/proxy": 1200})],
}  # fmt: skip


def layer(files: dict[str, int | None]) -> bytes:
    """The tar of a layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, size in files.items():
            folder, _, name = path.rpartition("/")
            info = tarfile.TarInfo(path if size is not None else f"{folder}/.wh.{name}")
            data = (path.encode() * (size * 1000))[: size * 1000] if size is not None else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def main(path: str) -> None:
    """Write the archive; the same bytes each time."""
    members: dict[str, bytes] = {}
    listed = []
    for tags, steps in IMAGES.items():
        layers = [layer(files) for _, files in steps]
        blobs = [gzip.compress(one, mtime=0) for one in layers]
        names = [f"{digest(one)}.tar.gz" for one in blobs]
        members |= zip(names, blobs, strict=True)
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "created": TIME, "config": {"User": "1000"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(one)}" for one in layers]},
            "history": [{"created": TIME, "created_by": f"{step} # buildkit", "comment": "buildkit.dockerfile.v0"}
                        for step, _ in steps],
        }).encode()  # fmt: skip
        members[f"{digest(config)}.json"] = config
        listed.append({"Config": f"{digest(config)}.json", "RepoTags": list(tags), "Layers": names})
    members["manifest.json"] = json.dumps(listed).encode()
    with tarfile.open(path, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    main(sys.argv[1])
