"""The user's logins for registries, where Docker and Podman keep them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping

from ..analyzer.registry import RegistryError


def login_of(index: str) -> Mapping[str, str]:
    """The login for a registry, found as docker-py finds it: in files, or by a credential helper.

    Args:
        index: the registry's host as names of images have it.

    Returns:
        "username" and "password", or "identitytoken"; nothing where there is no login.

    Raises:
        RegistryError: there is one that can't be read.
    """
    try:
        import docker.auth
        import docker.errors
        from docker.credentials.errors import StoreError
    except ImportError as error:
        raise RegistryError("logins are read by docker-py, which is not installed") from error

    path = os.environ.get("REGISTRY_AUTH_FILE") or None
    if path is not None and not os.path.isfile(path):
        raise RegistryError(f"its login can't be read: REGISTRY_AUTH_FILE names no file: {path}")
    helper = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # docker-py warns of a helper that is not there, and then fails
            config = docker.auth.load_config(path)
            helper = str(config.get_credential_store(index) or "")[:100]
            found = config.resolve_authconfig(index) or {}
    except (docker.errors.DockerException, ValueError, AttributeError, KeyError, TypeError) as error:
        # What a file or a helper says may hold what it keeps, and is not repeated.
        fails = isinstance(error.__cause__, StoreError)
        problem = (
            f"its credential helper docker-credential-{helper} fails"
            if fails
            else "it is not as `docker login` writes it"
        )
        raise RegistryError(f"its login can't be read: {problem}") from error
    return {name.lower(): value for name, value in found.items() if isinstance(value, str)}
