"""What is known of well-known base images without asking a registry.

Facts of the images' own documentation. An image that is not listed is unknown, which is not
the same as no.
"""

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
    "quay.io/centos/centos", "public.ecr.aws/amazonlinux/", "public.ecr.aws/lambda/", "gcr.io/distroless/",
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
}
_WINDOWS = ("windows/", "servercore", "nanoserver", "windowsservercore", "microsoft/iis", "microsoft/aspnet")


class Base(NamedTuple):
    """What is known of a base image; None stands for unknown."""

    user: str | None
    windows: bool


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
    return Base(_user(name, tag), windows=False)


def _user(name: str, tag: str) -> str | None:
    if name in _USERS:
        return _USERS[name]
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
