"""Until when well-known images were supported by those who make them: a table, asked of no server.

As of 2026-09. Only what has ended is listed, so that an answer never depends on today's date. From the release
pages of each project: debian.org/releases with wiki.debian.org/LTS, ubuntu.com/about/release-cycle,
alpinelinux.org/releases, endoflife notes of CentOS, Fedora, openSUSE, Oracle and Amazon, go.dev/doc/devel/release,
mariadb.org, mongodb.com/legal/support-policy and tomcat.apache.org on theirs, devguide.python.org/versions,
nodejs.org/en/about/previous-releases, php.net/eol.php, ruby-lang.org/en/downloads/branches,
dotnet.microsoft.com/platform/support/policy, postgresql.org/support/versioning, hub.docker.com/_/openjdk.
"""

from __future__ import annotations

import re
from functools import cache

from .base import ON_DEBIAN
from .reference import Reference

# By image: versions and, behind the equals sign, the last day.
_ENDED = {
    "debian": "6 squeeze=2016-02-29 7 wheezy=2018-05-31 8 jessie=2020-06-30 9 stretch=2022-06-30"
    " 10 buster=2024-06-30 11 bullseye=2026-08-31",
    "ubuntu": "10.04 lucid=2015-04-30 12.04 precise=2017-04-28 12.10 quantal=2014-05-16 13.04 raring=2014-01-27"
    " 13.10 saucy=2014-07-17 14.10 utopic=2015-07-23 15.04 vivid=2016-02-04 15.10 wily=2016-07-28"
    " 16.10 yakkety=2017-07-20 17.04 zesty=2018-01-13 17.10 artful=2018-07-19 18.10 cosmic=2019-07-18"
    " 19.04 disco=2020-01-23 19.10 eoan=2020-07-17 20.10 groovy=2021-07-22"
    " 14.04 trusty=2019-04-30 16.04 xenial=2021-04-30 18.04 bionic=2023-05-31"
    " 20.04 focal=2025-05-31 21.04 hirsute=2022-01-20 21.10 impish=2022-07-14 22.10 kinetic=2023-07-20"
    " 23.04 lunar=2024-01-25 23.10 mantic=2024-07-11 24.10 oracular=2025-07-10 25.04 plucky=2026-01-15",
    "alpine": "3.1 3.2 3.3=2017-11-01 3.4=2018-05-01 3.5=2018-11-01 3.6=2019-05-01 3.7=2019-11-01 3.8=2020-05-01"
    " 3.9=2020-11-01 3.10=2021-05-01 3.11=2021-11-01 3.12=2022-05-01 3.13=2022-11-01 3.14=2023-05-01 3.15=2023-11-01"
    " 3.16=2024-05-23 3.17=2024-11-22 3.18=2025-05-09 3.19=2025-11-01 3.20=2026-04-01",
    "centos": "5=2017-03-31 6=2020-11-30 7=2024-06-30 8=2021-12-31 stream8=2024-05-31",
    "fedora": "20=2015-06-23 21=2015-12-01 22=2016-07-19 23=2016-12-20 24=2017-08-08 25=2017-12-12 26=2018-05-29"
    " 27=2018-11-30 28=2019-05-28 29=2019-11-26 30 31 32 33 34 35=2022-12-13"
    " 36=2023-05-16 37=2023-12-05 38=2024-05-21 39=2024-11-26 40=2025-05-13",
    "python": "2 2.7=2020-01-01 3.4=2019-03-18 3.5=2020-09-30 3.6=2021-12-23 3.7=2023-06-27 3.8=2024-10-07 3.9=2025-10-31",
    "node": "4 5 6 7=2019-04-30 8 9=2019-12-31 10 11=2021-04-30 12 13=2022-04-30 14 15=2023-04-30 16 17=2023-09-11"
    " 18 19=2025-04-30 20 21 23=2026-04-30",
    "php": "5 5.5 5.6=2018-12-31 7.0=2019-01-10 7.1=2019-12-01 7.2=2020-11-30 7.3=2021-12-06 7 7.4=2022-11-28"
    " 8.0=2023-11-26 8.1=2025-12-31",
    "ruby": "2.3 2.4=2020-04-05 2.5=2021-04-05 2.6=2022-04-12 2 2.7=2023-03-31 3.0=2024-04-23 3.1=2025-03-26 3.2=2026-03-31",
    "postgres": "9 9.5 9.6=2021-11-11 10=2022-11-10 11=2023-11-09 12=2024-11-21 13=2025-11-13",
    "mysql": "5.5 5.6=2021-02-05 5 5.7=2023-10-31",
    "mariadb": "10.0 10.1=2020-10-17 10.2=2022-05-23 10.3=2023-05-25 10.4=2024-06-18 10.5=2025-06-24",
    "mongo": "3 3.2 3.4 3.6=2021-04-30 4.0=2022-04-30 4.2=2023-04-30 4 4.4=2024-02-29",
    "golang": "1.4 1.5 1.6 1.7 1.8 1.9 1.10 1.11 1.12 1.13 1.14 1.15=2021-08-16 1.16=2022-03-15 1.17=2022-08-02"
    " 1.18=2023-02-01 1.19=2023-08-08 1.20=2024-02-06 1.21=2024-08-13 1.22=2025-02-11 1.23=2025-08-12",
    "tomcat": "7 7.0=2021-03-31 8.0=2018-06-30 8 8.5=2024-03-31",
    "opensuse/leap": "42.1 42.2 42.3=2019-06-30 15.0=2019-12-03 15.1=2021-02-02 15.2=2022-01-04 15.3=2022-12-31"
    " 15.4=2023-12-07 15.5=2024-12-31",
    "amazonlinux": "1 2017.03 2017.09 2018.03=2023-12-31",
    "oraclelinux": "5 6=2021-03-31 7=2024-12-31",
    "mcr.microsoft.com/dotnet/sdk": "2.1=2021-08-21 3.1=2022-12-13 5.0=2022-05-10 6.0=2024-11-12 7.0=2024-05-14",
}
_ENDED |= {
    f"mcr.microsoft.com/dotnet/{one}": _ENDED["mcr.microsoft.com/dotnet/sdk"] for one in ("aspnet", "runtime")
}
_ENDED |= {f"{registry}/centos/centos": _ENDED["centos"] for registry in ("quay.io", "registry.centos.org")}
_ENDED["public.ecr.aws/amazonlinux/amazonlinux"] = _ENDED["amazonlinux"]
# Registries that serve the official images under longer names.
_MIRRORS = ("public.ecr.aws/docker/library/", "mirror.gcr.io/library/", "registry.hub.docker.com/library/")
# Given up whole, whatever the tag says.
_GIVEN_UP = {"openjdk": "2022-07", "adoptopenjdk": "2021-08", "mono": "2024-08", "java": "2016-12"}


def ended(reference: Reference) -> str:
    """When the support of an image ended, as "2024-06-30"; "" while it goes on, or nothing is known of it."""
    name = reference.familiar.lower()
    name = next((name.removeprefix(mirror) for mirror in _MIRRORS if name.startswith(mirror)), name)
    if name in _GIVEN_UP:
        return _GIVEN_UP[name]
    tag = (reference.tag or "").lower()
    days = []
    if name in _ENDED:
        versions = _table(name)
        version = re.match(r"(?:stream)?\d+(?:\.\d+)?|[a-z]+", tag)
        if version:
            # centos:7.9 is a 7, node:18.20 an 18; alpine:3.20 is no 3.2.
            days.append(versions.get(version[0]) or _major(name, version[0], versions))
    if name in ON_DEBIAN:
        days += [day for codename, day in _table("debian").items() if re.search(rf"(?:^|-){codename}(?:-|$)", tag)
                 if not codename.isdigit()]  # fmt: skip
    return max((day for day in days if day), default="")


def _major(name: str, version: str, versions: dict[str, str]) -> str | None:
    by_major = name.rpartition("/")[2] in ("debian", "centos", "node", "postgres", "oraclelinux")
    return versions.get(version.partition(".")[0]) if by_major else None


@cache
def _table(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting: list[str] = []
    for word in _ENDED[name].split():
        version, _, day = word.partition("=")
        waiting.append(version)
        if day:
            found.update(dict.fromkeys(waiting, day))
            waiting = []
    return found


KNOWN = frozenset({*_ENDED, *_GIVEN_UP, *ON_DEBIAN})
