"""The forms in which --harden prints what it found are read back by the schemas of their own tools."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import yaml

from imglint.runner.harden import Hardening

FOUND = [
    Hardening(),
    Hardening(capabilities=None, pids=16),
    Hardening(
        user="65532:65532", capabilities=("CHOWN", "NET_BIND_SERVICE"), read_only=True,
        tmpfs=("/run", "/var/lib/nginx"), pids=32, megabytes=64,
    ),
    Hardening(user="65532", read_only=True, megabytes=2048),
]  # fmt: skip


@pytest.mark.parametrize("found", FOUND)
def test_kubernetes_takes_the_pod(found: Hardening) -> None:
    import kubernetes_validate

    spec: dict[str, Any] = yaml.safe_load(yaml.safe_dump(found.kubernetes()))
    (container,) = spec["containers"]
    container |= {"name": "app", "image": "app"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app"}, "spec": spec}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"].get("readOnlyRootFilesystem", False) is found.read_only
    mounted = [one["mountPath"] for one in container.get("volumeMounts", ())]
    assert mounted == list(found.tmpfs)


@pytest.mark.parametrize("found", FOUND)
def test_compose_takes_the_service(found: Hardening) -> None:
    from compose_spec import PyCompose

    service = {"image": "app", **found.compose()}
    read = PyCompose.from_yaml(yaml.safe_dump({"services": {"app": service}})).to_spec()
    assert read.services is not None
    back = read.services["app"].model_dump(exclude_none=True, mode="json")
    assert back.get("read_only", False) is found.read_only
    assert back.get("cap_drop", []) == ([] if found.capabilities is None else ["ALL"])
    assert sorted(back.get("cap_add", [])) == sorted(found.capabilities or ())


def test_the_schemas_refuse_what_is_wrong() -> None:
    """Else the tests above would prove nothing."""
    import kubernetes_validate
    from compose_spec import PyCompose

    container = {"name": "app", "image": "app", "securityContext": {"readOnlyRoot": True}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app"},
        "spec": {"containers": [container]},
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    with pytest.raises(ValueError):
        PyCompose.from_yaml("services:\n  app:\n    image: app\n    cap_drop: 7\n").to_spec()


def test_the_line_of_docker_run_is_one_of_words() -> None:
    found = FOUND[2]
    assert shlex.split(" ".join(found.flags())) == found.flags()
    assert "--memory=64m" in found.flags()
