"""Antipattern 1: data stored in the container."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...analyzer import sizes
from ..main_command import main_of_image, main_of_stage, unread
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
    message="{path} is written below VOLUME {volume} (line {line}) and may be lost; write it before the VOLUME",
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
        for instruction in below.instructions:
            if instruction.keyword == "VOLUME":
                for word in instruction.args:
                    path = (below.expanded(word, instruction) or "").rstrip("/")
                    if path.startswith("/"):
                        volumes[path] = instruction.span.line
            elif below is stage and volumes:
                yield from _late_writes(instruction, stage, volumes)


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
    message="{program} creates a database during the build, and containers lose what they add to it; use a volume",
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
    message="{path} is data ({bytes}) in a layer that all containers share; use a volume",
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

_DATA = (
    r"(?:\.(?:sqlite3?|mdb|rdb|aof|frm|ibd|dump)|/(?:ibdata1|ib_logfile\d|PG_VERSION|WiredTiger\.wt)"
    r"|\.sql(?:\.gz|\.xz|\.zst)?|\.pid)$|^(?:var/log|srv/log|app/logs?)/.+\.log(?:\.\d+)?$"
    r"|^(?:data|srv|app|home|var/www|opt)/(?:[^/]+/)*[^/]+\.db$"
)
# What any of that ends in, which is looked at first: most paths end otherwise.
_DATA_ENDINGS = (
    *".sqlite .sqlite3 .mdb .rdb .aof .frm .ibd .dump .sql .sql.gz .sql.xz .sql.zst .pid .log .db".split(),
    *"ibdata1 PG_VERSION WiredTiger.wt 0 1 2 3 4 5 6 7 8 9".split(),
)
_NOT_DATA = (
    r"^(?:usr|proc|sys|dev|lib\w*)/|^var/lib/(?:rpm|dpkg|apk|dnf|yum|pacman)/|/(?:tests?|examples?|docs?)/"
    r"|/node_modules/|/site-packages/|/gems/|/migrations?/|^var/log/(?:apt|bootstrap|dpkg|dnf|yum|alternatives|lastlog)"
)


@DATA_FILES.image
def data_files(image: Image) -> Outcome:
    shown = 0
    for path, entry in image.tree.items():
        if not path.endswith(_DATA_ENDINGS) or not entry.is_file or not entry.size:
            continue
        if re.search(_DATA, path) and not re.search(_NOT_DATA, path):
            layer = image.layers[entry.layer]
            place = Place("image", layer=LayerRef(layer.index, layer.diff_id), path=path)
            yield DATA_FILES.finding(
                place, path=f"/{path}", bytes=sizes.shown(entry.size), proof={"bytes": entry.size}
            )
            shown += 1
            if shown == 20:
                return


WRITES = Rule(
    code="AV0104",
    name="writes-into-container",
    severity=Severity.WARNING,
    antipattern=1,
    message="the container wrote {paths} outside of any volume, and loses it when it is removed; use a volume",
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

_TRANSIENT = r"^/(?:tmp|run|var/run|var/tmp|var/cache|dev|proc|sys|root/\.cache|var/lock)(?:/|$)"


@WRITES.container
def writable_layer(observation: Observation) -> Outcome:
    written = [
        write
        for write in observation.writes
        if write.kind != "deleted" and write.bytes is not None and not re.match(_TRANSIENT, write.path)
    ]
    if not observation.started:
        yield WRITES.skip("container", observation.error or "the container did not start")
    elif written:
        paths = ", ".join(one.path for one in written[:3]) + (
            f" and {len(written) - 3} more" if written[3:] else ""
        )
        proof = {"paths": [one.path for one in written[:50]], "bytes": sum(one.bytes or 0 for one in written)}
        yield WRITES.finding(Place("container", subject="writable layer"), paths=paths, proof=proof)


NO_VOLUME = Rule(
    code="AV0105",
    name="data-store-without-volume",
    severity=Severity.WARNING,
    antipattern=1,
    message="{program} keeps its data in {directory}, which is not a volume: the container loses it; use VOLUME",
    page="""A database is started, and its data has no volume.

Without a VOLUME (or a mount that everyone has to remember) the data lies in the writable layer
of one container, and goes with it. Told where the main process is a database that this file
installs; the official images of databases declare a volume themselves.
""",
    bad=(
        'FROM debian:12\nRUN apt-get install -y redis-server\nCMD ["redis-server"]\n',
        "FROM debian:12\nRUN apt-get install -y mysql-server\nCMD mysqld_safe\n",
        'FROM debian:12\nENTRYPOINT ["/usr/bin/tini", "--", "etcd"]\n',
        'FROM debian:12\nCMD ["mongod", "--dbpath=/d"]\n',
        'FROM debian:12\nCMD ["minio", "server", "--console-address", ":9001", "/srv/objects"]\n',
        ImageExample(config={"Cmd": ["redis-server"]}),
        ImageExample(config={"Cmd": ["postgres", "-D", "/d"]}),
    ),
    good=(
        'FROM debian:12\nRUN apt-get install -y redis-server\nVOLUME /var/lib/redis\nCMD ["redis-server"]\n',
        'FROM redis:7\nCMD ["redis-server", "--save", "60", "1"]\n',
        'FROM debian:12\nCMD ["x", "--dir", "/y"]\n',
        'FROM debian:12\nCMD ["minio", "gateway", "s3"]\n',
        'FROM debian:12\nRUN apt-get install -y redis-tools\nCMD ["./app"]\n',
        'FROM debian:12\nRUN apt-get install -y redis\nCMD ["redis-server", "--save", ""]\n',
        'FROM mcr.microsoft.com/windows/nanoserver:ltsc2022\nVOLUME C:\\\\data\\\\store\nCMD ["etcd"]\n',
        ImageExample(config={"Cmd": ["redis-server"], "Volumes": {"/data": {}}}),
        ImageExample(config={"Cmd": ["redis-server", "--version"]}),
    ),
)
_STORES = {
    "postgres": "/var/lib/postgresql", "mysqld": "/var/lib/mysql", "mysqld_safe": "/var/lib/mysql",
    "mariadbd": "/var/lib/mysql", "mariadbd-safe": "/var/lib/mysql", "mongod": "/data/db",
    "redis-server": "its working directory", "rabbitmq-server": "/var/lib/rabbitmq", "influxd": "/var/lib/influxdb",
    "elasticsearch": "/usr/share/elasticsearch/data", "cassandra": "/var/lib/cassandra", "slapd": "/var/lib/ldap",
    "couchdb": "/opt/couchdb/data", "etcd": "default.etcd in its working directory",
    "clickhouse-server": "/var/lib/clickhouse",
}  # fmt: skip
# Options that name the directory, and those that name a configuration, which may name it.
_MYSQL = ("--datadir", "-h")
_DIRECTORY_OPTIONS = {
    "redis-server": ("--dir",), "mongod": ("--dbpath",), "postgres": ("-D",),
    "mysqld": _MYSQL, "mariadbd": _MYSQL, "mysqld_safe": ("--datadir",), "mariadbd-safe": ("--datadir",),
    "etcd": ("--data-dir", "-data-dir"),
}  # fmt: skip
_DIRECTORY_VARIABLES = {"postgres": "PGDATA", "etcd": "ETCD_DATA_DIR"}
_DEFAULTS = ("--defaults-file",)
_CONFIGURATION_OPTIONS = {
    "mongod": ("--config", "-f"), "postgres": ("--config_file", "--config-file"), "mysqld": _DEFAULTS,
    "mariadbd": _DEFAULTS, "mysqld_safe": _DEFAULTS, "mariadbd-safe": _DEFAULTS, "etcd": ("--config-file",),
}  # fmt: skip
_CONFIGURED = "the directory that its configuration names"


@NO_VOLUME.target
def store_without_volume(stage: Stage) -> Outcome:
    if stage.windows and any(below.all("VOLUME") for below in stage.lineage):
        return  # what is declared there has a drive before it
    if stage.volumes:
        return
    main = main_of_stage(stage)
    for command in (*main.commands, *main.handed):
        directory = _data_directory(command, stage.variables())
        if directory is None:
            continue
        reference = stage.lineage[-1].reference
        own = command.name.partition("-")[0].rstrip("d").replace("_safe", "")
        if reference is not None and own[:5] in reference.familiar:
            continue  # the image of the database itself
        yield NO_VOLUME.finding(command.span, program=command.name, directory=directory)
        return
    if reason := unread(stage):
        yield NO_VOLUME.skip("dockerfile", reason)


@NO_VOLUME.image
def store_in_image_without_volume(image: Image) -> Outcome:
    if image.config.volumes:
        return
    for command in main_of_image(image).commands:
        directory = _data_directory(command, dict(image.config.env))
        if directory is not None:
            proof = {"volumes": [], "argv": [word.value for word in command.words]}
            yield NO_VOLUME.finding(Place("image"), program=command.name, directory=directory, proof=proof)


def _data_directory(command: Command, variables: Mapping[str, str | None]) -> str | None:
    """Where a data store keeps its data; None for other programs, and where nothing is kept.

    Args:
        command: how it is started.
        variables: of its environment; None where a value is not known.
    """
    values = [word.value for word in command.words]
    if ("--save" in values and "" in values) or command.has_flag("version", "help"):
        return None
    directories = _option(values, *_DIRECTORY_OPTIONS.get(command.name, ()))
    configured = bool(_option(values, *_CONFIGURATION_OPTIONS.get(command.name, ())))
    if command.name == "redis-server":
        configured = any(value.endswith(".conf") for value in values)
    elif command.name == "postgres":
        # A setting is stronger than what the configuration says, and that is stronger than -D.
        settings = [setting.partition("=") for setting in _option(values, "-c")]
        named = [value for name, _, value in settings if name.replace("-", "_") == "data_directory"]
        named += _option(values, "--data_directory", "--data-directory")
        configured |= any(name.replace("-", "_") == "config_file" for name, _, _ in settings)
        directories = named or ([] if configured else directories)
    elif command.name == "etcd" and configured:
        directories = []  # it reads no other option then
    elif command.name == "minio":
        directories = _minio_directories(command, variables.get("MINIO_VOLUMES", ""))
    variable = _DIRECTORY_VARIABLES.get(command.name, "")
    if variable in variables and not directories and not configured:
        directories = [variables[variable] or "$"]
    if command.name == "etcd" and not directories and not configured:
        directories = [f"{name}.etcd in its working directory" for name in _option(values, "--name", "-name")]
    if any("$" in directory for directory in directories):
        return "the directory that its options name"
    if directories:
        return directories[-1]
    return _CONFIGURED if configured else _STORES.get(command.name)


_MINIO_OPTIONS = ("--address", "--console-address", "--config-dir", "-C", "--certs-dir", "-S")


def _minio_directories(command: Command, volumes: str | None) -> list[str]:
    """What `minio server` is given; it has no directory of its own, and as `minio gateway` it keeps nothing."""
    operands = [word.value for word in command.operands(*_MINIO_OPTIONS)]
    if operands[:1] != ["server"]:
        return []
    return [one for one in operands[1:] or ["$" if volumes is None else volumes] if one and "://" not in one]


def _option(values: list[str], *names: str) -> list[str]:
    """The values that a command line gives to an option: `--name value`, `--name=value`, `-nvalue`."""
    found = []
    for value, follower in zip(values, [*values[1:], ""], strict=True):
        for name in names:
            if value == name:
                found.append(follower)
            elif value.startswith(f"{name}=") and len(name) > 2:
                found.append(value[len(name) + 1 :])
            elif value.startswith(name) and len(name) == 2:
                found.append(value[2:])
    return [value for value in found if value]


DATABASE_FILE = Rule(
    code="AV0106",
    name="database-file-in-container",
    severity=Severity.WARNING,
    antipattern=1,
    message="{path} is a database file in the container's own layer; use a volume",
    page="""A setting puts a database file into the container.

`sqlite:///…`, `file:…db` and H2 URLs that name a path outside every declared VOLUME: the file
lies in the writable layer, where a second container does not see it and removing the container
loses it. Put it on a volume, or use a server. Databases in memory are left alone.
""",
    bad=("FROM a\nENV DATABASE_URL=sqlite:////srv/app/shop.db\n", "FROM a\nENV DB=file:/data/x.db\n"),
    good=(
        "FROM a\nENV DATABASE_URL=sqlite:////data/shop.db\nVOLUME /data\n",
        "FROM a\nENV DATABASE_URL=sqlite://\nENV U=sqlite:///:memory:\n",
        "FROM a\nENV DATABASE_URL=postgres://db/shop\n",
        "FROM a AS b\nENV DATABASE_URL=sqlite:////srv/shop.db\nFROM c\n",
    ),
    shipped_only=True,
)
_DATABASE_FILE = (
    r"(?:sqlite3?(?:\+\w+)?:///?|jdbc:sqlite:|jdbc:h2:(?:file:)?|file:)(?P<path>/?[^\s:?;]+\.(?:db|sqlite3?|mv\.db))"
    r"|jdbc:(?:sqlite|h2:file):(?P<other>/[^\s?;]+)"
)


@DATABASE_FILE.instruction("ENV")
def database_in_file(instruction: Instruction, stage: Stage) -> Outcome:
    target = stage.file.target
    for _, value in instruction.pairs:
        match = re.search(_DATABASE_FILE, value.value) if value else None
        if match is None or value is None:
            continue
        path = match["path"] or match["other"]
        volumes = target.volumes if target else {}
        if not any(f"/{path.lstrip('/')}".startswith(f"{volume}/") for volume in volumes):
            yield DATABASE_FILE.finding(value.span, path=path)
