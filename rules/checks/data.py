"""Antipattern 1: data stored in the container."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..rule import ContainerExample, ImageExample, LayerRef, Outcome, Place, Rule, Severity

if TYPE_CHECKING:
    from ...analyzer.dockerfile import Command, Instruction, Stage
    from ...analyzer.image import Image
    from ...runner import Observation

BELOW_VOLUME = Rule(
    code="AV0101",
    name="written-below-volume",
    severity=Severity.WARNING,
    antipattern=1,
    message="{path} lies below the volume {volume} declared on line {line}: the classic builder discards"
    " what is written there, and others hide it behind the mount",
    page="""A path below a VOLUME is written after the volume was declared.

With the classic builder the change is lost; with others it is kept in the image, but a volume
or bind mount that is not freshly made hides it. Write first, declare the volume last.
""",
    bad=(
        "FROM a\nVOLUME /data\nCOPY seed.db /data/\n",
        'FROM a\nVOLUME ["/data"]\nRUN mkdir -p /data/x && chown -R app /data\n',
        "FROM a AS b\nVOLUME /data\nFROM b\nRUN echo x > /data/y\n",
    ),
    good=(
        "FROM a\nCOPY seed.db /data/\nVOLUME /data\n",
        "FROM a\nVOLUME /data\nCOPY x /database/\nRUN ls /data\n",
        "FROM a\nVOLUME /data\nRUN --mount=type=cache,target=/data mkdir /data/x\n",
    ),
)

_WRITERS = frozenset({"mkdir", "touch", "chown", "chmod", "cp", "mv", "rm", "install", "ln", "tee"})


@BELOW_VOLUME.stage
def written_too_late(stage: Stage) -> Outcome:
    volumes: dict[str, int] = {}
    for below in reversed(stage.lineage):
        for one in below.instructions:
            if one.keyword == "VOLUME":
                for word in one.args:
                    path = (below.expanded(word, one) or "").rstrip("/")
                    if path.startswith("/"):
                        volumes[path] = one.span.line
            elif below is stage and volumes:
                yield from _late_writes(one, stage, volumes)


def _late_writes(one: Instruction, stage: Stage, volumes: dict[str, int]) -> Outcome:
    words = []
    if one.keyword in ("COPY", "ADD") and len(one.args) > 1:
        words = [one.args[-1]]
    elif one.keyword == "RUN" and not one.flag("mount"):
        for command in stage.script(one).commands:
            if command.name in _WRITERS:
                words += command.operands("-m", "-o", "-g")
            words += [redirect.target for redirect in command.redirects if ">" in redirect.operator]
    for word in words:
        for volume, line in volumes.items():
            if word.value == volume or word.value.startswith(f"{volume}/"):
                yield BELOW_VOLUME.finding(word.span, path=word.value, volume=volume, line=line)
                break


BAKED = Rule(
    code="AV0102",
    name="data-baked-in",
    severity=Severity.WARNING,
    antipattern=1,
    message="{program} makes a database while the image is built: every container starts from this copy"
    " and loses what it adds",
    page="""A RUN creates or fills a database.

The data becomes part of the image: every container begins with the same copy, changes stay in
its writable layer, and they go with it. Initialise at start, into a volume.
""",
    bad=("FROM a\nRUN initdb -D /data\n", "FROM a\nRUN mysqld --initialize-insecure\n"),
    good=("FROM a\nRUN apt-get install -y postgresql\n", "FROM a\nRUN mysqld --version\n"),
    shipped_only=True,
)

_INITIALISERS = (
    "initdb",
    "mysql_install_db",
    "mariadb-install-db",
    "mongorestore",
    "pg_restore",
    "pg_createcluster",
)


@BAKED.command(*_INITIALISERS, "mysqld", "mariadbd")
def database_at_build(command: Command, stage: Stage) -> Outcome:
    if command.has_flag("help", "version"):
        return
    if command.name.endswith("d") and not any(word.value.startswith("--initialize") for word in command.args):
        return
    yield BAKED.finding(command.words[0].span, program=command.name)


DATA_FILES = Rule(
    code="AV0103",
    name="data-in-layers",
    severity=Severity.WARNING,
    antipattern=1,
    message="{path} is data ({bytes} bytes): it belongs in a volume, not in a layer that every container shares",
    page="""The image holds files that a program writes while it runs.

Databases, dumps and logs in a layer are the state of one moment: each container gets a copy,
changes it in its writable layer, and loses it. Files of the program's own documentation,
examples and package database are left alone, and so are empty ones.
""",
    bad=(ImageExample(layers=({"srv/shop.sqlite3": "data"},)),),
    good=(
        ImageExample(layers=({"srv/app": "x", "usr/lib/python3/x.db": "y", "var/lib/rpm/Packages.db": "z"},)),
    ),
)

_DATA = re.compile(
    r"(?:\.(?:sqlite3?|mdb|rdb|aof|frm|ibd|dump)|/(?:ibdata1|ib_logfile\d|PG_VERSION|WiredTiger\.wt)"
    r"|\.sql(?:\.gz|\.xz|\.zst)?|\.pid)$|^(?:var/log|srv/log|app/logs?)/.+\.log(?:\.\d+)?$"
    r"|^(?:data|srv|app|home|var/www|opt)/(?:[^/]+/)*[^/]+\.db$"
)
_NOT_DATA = re.compile(
    r"^(?:usr|proc|sys|dev|lib\w*)/|^var/lib/(?:rpm|dpkg|apk|dnf|yum|pacman)/|/(?:tests?|examples?|docs?)/"
    r"|/node_modules/|/site-packages/|/gems/|/migrations?/|^var/log/(?:apt|dpkg|dnf|yum|alternatives|lastlog)"
)


@DATA_FILES.image
def data_files(image: Image) -> Outcome:
    shown = 0
    for path, entry in image.tree.items():
        if entry.size and entry.is_file and _DATA.search(path) and not _NOT_DATA.search(path):
            layer = image.layers[entry.layer]
            place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=path)
            yield DATA_FILES.finding(place, path=f"/{path}", bytes=entry.size, proof={"bytes": entry.size})
            shown += 1
            if shown == 20:
                return


WRITES = Rule(
    code="AV0104",
    name="writes-into-container",
    severity=Severity.WARNING,
    antipattern=1,
    message="the running container wrote {paths} outside any volume: this is gone with the container",
    page="""The container writes into its own layer.

What stands outside volumes and tmpfs mounts is lost when the container is removed, is not seen
by a second one, and makes the container slower to start and impossible to run read-only.
Declare a VOLUME, or mount a tmpfs for what need not last. Temporary and run-time directories
(/tmp, /run, caches) are left alone.
""",
    bad=(ContainerExample({"writes": [{"path": "/srv/shop.db", "kind": "added", "bytes": 4096}]}),),
    good=(
        ContainerExample({"writes": [{"path": "/tmp/x", "kind": "added", "bytes": 3}]}),
        ContainerExample({"writes": [{"path": "/srv", "kind": "modified"}]}),
    ),
)

_TRANSIENT = re.compile(r"^/(?:tmp|run|var/run|var/tmp|var/cache|dev|proc|sys|root/\.cache|var/lock)(?:/|$)")


@WRITES.container
def writable_layer(observation: Observation) -> Outcome:
    written = [
        one
        for one in observation.writes
        if one.kind != "deleted" and one.bytes is not None and not _TRANSIENT.match(one.path)
    ]
    if not observation.started:
        yield WRITES.skip("container", observation.error or "the container did not start")
    elif written:
        paths = ", ".join(one.path for one in written[:3]) + (
            f" and {len(written) - 3} more" if written[3:] else ""
        )
        proof = {"paths": [one.path for one in written[:50]], "bytes": sum(one.bytes or 0 for one in written)}
        yield WRITES.finding(Place("container", subject="writable layer"), paths=paths, proof=proof)
