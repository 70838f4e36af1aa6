"""What is known of well-known base images without asking a registry.

Facts of the images' own documentation. An image that is not listed is unknown, which is not
the same as no.
"""

import re
from typing import NamedTuple

from .reference import Reference

_ROOT = (
    "almalinux alpine amazonlinux archlinux buildpack-deps busybox centos debian fedora opensuse/leap"
    " oraclelinux photon rockylinux ubuntu adoptopenjdk amazoncorretto bash bun clojure dart denoland/deno"
    " docker eclipse-temurin elixir erlang gcc golang gradle groovy haskell httpd ibmjava julia maven mono"
    " mysql nginx node openjdk perl php postgres mariadb mongo redis memcached haproxy tomcat pypy python"
    " r-base ruby rust sapmachine swift traefik wordpress caddy composer registry"
)
_ROOT_REGISTRIES = (
    "mcr.microsoft.com/dotnet/", "mcr.microsoft.com/devcontainers/", "mcr.microsoft.com/vscode/",
    "nvidia/cuda", "rocm/", "registry.access.redhat.com/ubi", "registry.fedoraproject.org/fedora",
    "quay.io/centos/centos", "public.ecr.aws/amazonlinux/", "gcr.io/distroless/",
    "phusion/baseimage", "i386/", "amd64/", "arm64v8/", "arm32v7/", "balenalib/", "resin/",
)  # fmt: skip
_USERS = {
    "jenkins/jenkins": "jenkins",
    "grafana/grafana": "472",
    "nginxinc/nginx-unprivileged": "101",
    "sonarqube": "sonarqube",
    "solr": "8983",
    "elasticsearch": "1000",
    "kibana": "1000",
    "logstash": "1000",
    "jupyter/base-notebook": "jovyan",
    "jupyter/minimal-notebook": "jovyan",
    "jupyter/scipy-notebook": "jovyan",
    "curlimages/curl": "curl_user",
    "prom/prometheus": "nobody",
    "hashicorp/vault": "root",
    "varnish": "varnish",
    "memcached": "memcache",
    "haproxy": "haproxy",
}
_WINDOWS = (
    "windows/",
    "/windows-",
    "servercore",
    "nanoserver",
    "windowsservercore",
    "microsoft/iis",
    "microsoft/aspnet",
)


# Systems alone: they set PATH and nothing else, start in / and ask nothing of who builds on them.
_SYSTEMS = {
    "alpine": "alpine", "debian": "debian", "ubuntu": "debian", "buildpack-deps": "debian",
    "bitnami/minideb": "debian", "centos": "rhel", "fedora": "rhel", "almalinux": "rhel",
    "rockylinux": "rhel", "oraclelinux": "rhel", "amazonlinux": "rhel", "quay.io/centos/centos": "rhel",
    "registry.access.redhat.com/ubi8/ubi": "rhel", "registry.access.redhat.com/ubi9/ubi": "rhel",
    "registry.fedoraproject.org/fedora": "rhel", "opensuse/leap": "suse", "opensuse/tumbleweed": "suse",
    "archlinux": "arch", "busybox": "busybox", "photon": "rhel",
}  # fmt: skip
_DISTRIBUTIONS = (
    ("alpine", "alpine"), ("bookworm", "debian"), ("bullseye", "debian"), ("buster", "debian"),
    ("trixie", "debian"), ("stretch", "debian"), ("slim", "debian"), ("jammy", "debian"), ("noble", "debian"),
    ("focal", "debian"), ("bionic", "debian"), ("ubuntu", "debian"), ("debian", "debian"), ("ubi", "rhel"),
    ("centos", "rhel"), ("corretto", "rhel"), ("amazonlinux", "rhel"), ("al2", "rhel"), ("oracle", "rhel"),
    ("fedora", "rhel"), ("rocky", "rhel"), ("mariner", "rhel"), ("azurelinux", "rhel"), ("photon", "rhel"),
    ("graalvm-community", "rhel"),
)  # fmt: skip


# Official images that are built on Debian or Ubuntu where their tag names no other system.
ON_DEBIAN = frozenset(
    "python node ruby golang php perl rust gcc erlang elixir pypy julia nginx httpd redis postgres mariadb mongo"
    " memcached haproxy tomcat maven gradle eclipse-temurin rabbitmq r-base dart swift wordpress"
    " cassandra buildpack-deps haskell clojure".split()
)
# What official images start by themselves, as root.
_STARTS = {
    "nginx": "nginx", "httpd": "httpd", "caddy": "caddy", "traefik": "traefik", "registry": "registry",
    "tomcat": "catalina.sh", "wordpress": "apache2", "redis": "redis-server", "postgres": "postgres",
    "mysql": "mysqld", "mariadb": "mariadbd", "mongo": "mongod", "rabbitmq": "rabbitmq-server",
}  # fmt: skip
# Their own entrypoints begin as root and give the server a user of its own.
_DROPS = frozenset("redis valkey postgres mysql mariadb mongo rabbitmq cassandra influxdb couchdb".split())
# Functions of AWS, which runs them as a user of its own and wants no USER to be set.
_LAMBDA = ("public.ecr.aws/lambda/", "amazon/aws-lambda-")


# Debian's dash knows `set -o pipefail` since 0.5.12-7: from Debian 13 and Ubuntu 24.10 on.
_WITHOUT_PIPEFAIL = re.compile(
    r"(?:^|[-_.])(?:wheezy|jessie|stretch|buster|bullseye|bookworm|precise|trusty|xenial|bionic|focal|jammy|noble)"
    r"(?:$|[-_.])"
)
_WITH_PIPEFAIL = re.compile(
    r"(?:^|[-_.])(?:trixie|forky|sid|unstable|testing|oracular|plucky|questing|resolute)(?:$|[-_.])"
)
_OLD_DASH = {"debian": r"(?:[7-9]|1[0-2])(?!\d)", "ubuntu": r"(?:1\d|2[0-3])\.|24\.04"}


class Base(NamedTuple):
    """What is known of a base image; None stands for unknown.

    `distribution` names the family whose package manager it has: "debian", "rhel", "alpine",
    "suse", "arch", "busybox", or "scratch" for nothing at all; `shell` is what /bin/sh is, `known`
    that the image is one of the table, and `bare` that it is a system alone, which sets no variable
    but PATH. `starts` is the server that it starts by itself, `drops` says that its entrypoint gives
    that server another user than root; `pipefail` whether /bin/sh knows `set -o pipefail`.
    """

    user: str | None
    windows: bool
    workdir: str | None = None
    distribution: str | None = None
    known: bool = False
    bare: bool = False
    starts: str | None = None
    drops: bool = False
    pipefail: bool | None = None

    @property
    def shell(self) -> str | None:
        """What /bin/sh is: "bash", "dash" or "ash" (BusyBox)."""
        shells = {"debian": "dash", "rhel": "bash", "suse": "bash", "arch": "bash"}
        shells |= {"alpine": "ash", "busybox": "ash"}
        return shells.get(self.distribution or "")


def base_facts(reference: Reference | None) -> Base:
    """What the table knows of an image; nothing for None."""
    if reference is None:
        return Base(None, windows=False)
    name = reference.familiar.lower()
    tag = (reference.tag or "").lower()
    # One official name covers both systems: only the tag tells, as in python:3.9-nanoserver.
    windows = any(part in name or part in tag for part in _WINDOWS) or name.endswith("/windows")
    if windows:
        return Base(None, windows=True)
    system = _SYSTEMS.get(name)
    distribution = system or next((family for mark, family in _DISTRIBUTIONS if mark in tag), None)
    if distribution is None and (name in ON_DEBIAN or name.startswith("mcr.microsoft.com/dotnet/")):
        distribution = "debian"
    workdir = "/" if system else "/var/task" if name.startswith(_LAMBDA) else None
    if name == "wordpress" and tag.startswith("cli"):
        distribution = "alpine"
    starts = _STARTS.get(name)
    if name == "php":
        starts = "apache2" if "apache" in tag else "php-fpm" if "fpm" in tag else None
    return Base(
        _user(name, tag), windows=False, workdir=workdir, distribution=distribution,
        known=system is not None or name in _OFFICIAL, bare=system is not None, starts=starts, drops=name in _DROPS,
        pipefail=_knows_pipefail(name, tag, distribution),
    )  # fmt: skip


def _knows_pipefail(name: str, tag: str, distribution: str | None) -> bool | None:
    if distribution != "debian":
        return None if distribution in (None, "scratch") else True
    if _WITHOUT_PIPEFAIL.search(tag) or (name in _OLD_DASH and re.match(_OLD_DASH[name], tag)):
        return False
    return True if _WITH_PIPEFAIL.search(tag) or (name in _OLD_DASH and tag[:1].isdigit()) else None


def _user(name: str, tag: str) -> str | None:
    if name == "haproxy" and re.match(r"1\.|2\.[0-3](?!\d)", tag):
        return "root"
    if name in _USERS:
        return _USERS[name]
    if name.startswith("mcr.microsoft.com/dotnet/") and ("chiseled" in tag or "distroless" in tag):
        return "1654"
    if "nonroot" in tag or name.startswith(("cgr.dev/chainguard/", "chainguard/")):
        # Chainguard's images run as 65532, but for the variants made for building.
        return None if name.startswith(("cgr.dev", "chainguard")) and "dev" in tag else "65532"
    if name in ("bitnami/minideb",):
        return "root"
    if name.startswith(("bitnami/", "bitnamilegacy/")):
        return "1001"
    if name == "scratch" or name in _OFFICIAL or name.startswith(_ROOT_REGISTRIES):
        return "root"
    return None


_OFFICIAL = frozenset(_ROOT.split())
