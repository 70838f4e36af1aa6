"""Where AV0105 says that a data store keeps its data: what its command line names comes first."""

from __future__ import annotations

import pytest

from imglint.analyzer.dockerfile import Dockerfile
from imglint.rules.checks.data import store_without_volume

CONFIGURED = "the directory that its configuration names"


@pytest.mark.parametrize(
    ("command", "directory"),
    [
        ("mongod", "/data/db"),
        ("mongod --dbpath=/d --port 1", "/d"),
        ("mongod --dbpath /d", "/d"),
        ("mongod -f /etc/mongod.conf", CONFIGURED),
        ("postgres", "/var/lib/postgresql"),
        ("postgres -D /d", "/d"),
        ("postgres -D/d -p 1", "/d"),
        ("postgres -D /d -c data_directory=/e", "/e"),
        ("postgres --data_directory=/d", "/d"),
        ("postgres -c config_file=/etc/p.conf", CONFIGURED),
        ("postgres -D /d -c config_file=/etc/p.conf", CONFIGURED),
        ("postgres -c config_file=/etc/p.conf -c data_directory=/d", "/d"),
        ('postgres -D "$PGDATA"', "the directory that its options name"),
        ("mysqld --datadir=/d", "/d"),
        ("mariadbd --user=m --datadir /d", "/d"),
        ("mysqld_safe --datadir=/d", "/d"),
        ("mysqld --defaults-file=/m.cnf", CONFIGURED),
        ("redis-server --dir /d", "/d"),
        ("redis-server /etc/redis.conf", CONFIGURED),
        ("redis-server /etc/redis.conf --dir /d", "/d"),
        ("etcd --data-dir=/d", "/d"),
        ("etcd", "default.etcd in its working directory"),
        ("etcd --name n1", "n1.etcd in its working directory"),
        ("etcd --config-file /etc/e.yml", CONFIGURED),
        ("minio server /d", "/d"),
        ("minio server --address :9 --console-address=:1 /d", "/d"),
    ],
)
def test_directory(command: str, directory: str) -> None:
    stage = Dockerfile.from_string(f"FROM debian:12\nCMD exec {command}\n").stages[0]
    (finding,) = store_without_volume(stage)
    assert f" keeps its data in {directory}, which" in finding.message  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("variable", "command", "directory"),
    [
        ("PGDATA=/p", "postgres", "/p"),
        ("PGDATA=/p", "postgres -D /d", "/d"),
        ("PGDATA=/p", "postgres -c config_file=/c", CONFIGURED),
        ("ETCD_DATA_DIR=/e", "etcd --name n1", "/e"),
        ("ETCD_DATA_DIR=/e", "etcd --data-dir /d", "/d"),
        ("MINIO_VOLUMES=/m", "minio server", "/m"),
        ("MINIO_VOLUMES=/m", "minio server /d", "/d"),
    ],
)
def test_directory_of_a_variable(variable: str, command: str, directory: str) -> None:
    text = f"FROM debian:12\nENV {variable}\nCMD exec {command}\n"
    (finding,) = store_without_volume(Dockerfile.from_string(text).stages[0])
    assert f" keeps its data in {directory}, which" in finding.message  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "command", ["minio", "minio server", "minio gateway s3", "minio server https://m{1...4}/d"]
)
def test_minio_keeps_nothing_where_it_is_given_nothing(command: str) -> None:
    stage = Dockerfile.from_string(f"FROM debian:12\nCMD exec {command}\n").stages[0]
    assert not [found for found in store_without_volume(stage) if hasattr(found, "message")]
