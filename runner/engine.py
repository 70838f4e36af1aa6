"""The local engine: finding it, asking it, and turning its errors into one kind."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from .errors import EngineError

if TYPE_CHECKING:
    from docker import APIClient

_TIMEOUT = 60  # seconds for any one call
_START = "start Docker or Podman, or name an engine with --engine"


class Engine:
    """A connection to Docker. Close it, or use it in a `with`. What Podman does otherwise is in podman.py."""

    kind = "docker"
    tells_owners = True  # of files in the archives that it gives
    adds_accounts = False  # a line for a user or group by number, in the container's own files
    # A bridge without masquerade, so that an image gets no way out, and without neighbours.
    network_options: Mapping[str, str] = {
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.enable_icc": "false",
    }

    def __init__(self, api: APIClient, url: str, version: str) -> None:
        self.api = api
        self.url = url
        self.version = version

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    def close(self) -> None:
        """Give the connection back."""
        self.api.close()

    @functools.cached_property
    def identity(self) -> str:
        """What tells this engine from others, also of the same address and another day."""
        with errors(self.url):
            return f"{self.url} {self.api.info().get('ID', '')} {self.version}"

    @property
    def local(self) -> bool:
        """Whether its published ports are on this machine's own addresses."""
        return self.url.startswith(
            ("unix://", "tcp://127.", "tcp://localhost", "http://127.", "http://localhost")
        )

    def logs(self, identity: str, lines: int) -> bytes:
        """The last lines of a container's output.

        Raises:
            EngineError: it has no such container, or can't read them.
        """
        with errors(identity[:12]):
            return bytes(self.api.logs(identity, tail=lines))

    def inspect_image(self, name: str) -> dict[str, Any]:
        """The engine's description of an image.

        Raises:
            EngineError: it has none of this name.
        """
        with errors(name):
            described = self.api.inspect_image(name)
        return cast(dict[str, Any], described)

    def save(self, name: str) -> Iterator[bytes]:
        """The stream of `docker save`, in chunks.

        Raises:
            EngineError: the engine has no image of this name.
        """
        self.inspect_image(name)
        with errors(name):
            yield from self.api.get_image(name)

    def url_of(self, container: str, what: str) -> str:
        """The address of a part of the API that docker-py has no call for."""
        return f"{self.api.base_url}/v{self.api.api_version}/containers/{container}/{what}"


@contextlib.contextmanager
def loaded(engine: Engine, archive: Iterable[bytes], identity: str) -> Iterator[str]:
    """An image of an archive in the engine for a while, by its ID.

    An image that was there before is used as it is, and stays.

    Args:
        engine: where to load it.
        archive: the chunks of a docker-archive without tags.
        identity: the image's ID.

    Raises:
        EngineError: the engine can't load it.
    """
    import docker.errors

    try:
        engine.api.inspect_image(identity)
    except docker.errors.ImageNotFound:
        pass
    else:
        yield identity
        return
    with errors(identity[:19]):
        for _ in engine.api.load_image(archive):
            pass
        engine.inspect_image(identity)
    try:
        yield identity
    finally:
        with errors(identity[:19]):
            engine.api.remove_image(identity, force=True)


def connect(engine: str | None = None) -> Engine:
    """Connect to the engine named, or to the local one found.

    Args:
        engine: "docker", "podman", or a URL such as unix:///run/podman/podman.sock; a remote engine
            has to be named so. None: DOCKER_HOST if it is local, else the usual sockets.

    Raises:
        EngineError: none answers.
    """
    absent = []
    refused = []
    for url in candidates(engine):
        path = url.removeprefix("unix://")
        if url.startswith("unix://") and not os.path.exists(path):
            absent.append(path)
            continue
        try:
            return _connect(url)
        except EngineError as error:
            refused.append(f"{path}: {error.problem}")
    if absent and not refused:
        refused = [f"no socket at {', '.join(absent)}"]
    raise EngineError(engine or "no engine answers", "; ".join(refused), _START)


def _connect(url: str) -> Engine:
    from docker import APIClient

    if url.startswith("unix://"):
        _try_socket(url.removeprefix("unix://"))
    with errors(url):
        api = APIClient(base_url=url, version="auto", timeout=_TIMEOUT)
        try:
            return _of_its_kind(api, url)
        except BaseException:
            api.close()
            raise


def _of_its_kind(api: APIClient, url: str) -> Engine:
    """The adapter for what answers there."""
    from .podman import Podman

    version = api.version()
    components = version.get("Components") or [{}]
    podman = "podman" in str(components[0].get("Name", "")).lower()
    return (Podman if podman else Engine)(api, url, str(version.get("Version", "")))


def _try_socket(path: str) -> None:
    """Say plainly what keeps a socket from being used; docker-py tells it only in passing."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(path)
        except PermissionError:
            problem = "permission denied: join the group that owns it, or use a rootless engine"
        except ConnectionRefusedError:
            problem = "connection refused: no engine listens there"
        except OSError as error:
            problem = str(error.strerror or error).lower()
        else:
            return
    raise EngineError(path, problem, _START)


def candidates(engine: str | None) -> list[str]:
    """The addresses to try for an engine named, or for the local one, in order.

    Raises:
        EngineError: it is no engine, or one that has to be named.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    docker = [
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        os.path.expanduser("~/.docker/run/docker.sock"),
    ]
    podman = ["/run/podman/podman.sock", f"{runtime}/podman/podman.sock"]
    if engine and "://" in engine:
        return [engine]
    if engine and engine not in ("docker", "podman"):
        raise EngineError(
            engine, "is neither docker, podman nor a URL", "as in --engine unix:///run/podman/podman.sock"
        )
    if engine:
        return [f"unix://{path}" for path in (docker if engine == "docker" else podman)]
    host = os.environ.get("DOCKER_HOST", "")
    variable = "DOCKER_HOST"
    if not host:
        variable, host = _context()
    if host.startswith("unix://"):
        return [host]
    if host:
        # What is started there would run on somebody else's machine: that must be meant.
        raise EngineError(
            variable, f"names a remote engine ({host})", f"name it with --engine {host} if you mean it"
        )
    return [f"unix://{path}" for path in (*docker, *podman)]


def _context() -> tuple[str, str]:
    """The context that `docker context use` chose, and where its engine is; "" for the default one."""
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name

    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if not name or name == "default":
        return "", ""
    try:
        context = ContextAPI.get_context(name)
    except Exception as error:  # docker-py lets through whatever reading its files raises
        raise EngineError(f"context {name}", f"can't be read: {error}", "docker context ls") from error
    if context is None:
        raise EngineError(f"context {name}", "does not exist", "docker context ls")
    return f"context {name}", str(context.Host)


@contextlib.contextmanager
def errors(subject: str) -> Iterator[None]:
    """Turn what docker-py and requests raise into an EngineError about `subject`."""
    import docker.errors
    import requests
    import urllib3.exceptions

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise EngineError(
            subject, "the engine has no such image", "build or load it first; nothing is pulled"
        ) from error
    except docker.errors.APIError as error:
        raise EngineError(
            subject, _explanation(error), "so the engine says; its own log may say more"
        ) from error
    except docker.errors.DockerException as error:
        raise EngineError(subject, _cause(error), _START) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        # docker-py reads streams past requests, so that both may be raised.
        raise EngineError(subject, f"the engine stopped answering: {error}", _START) from error


def _explanation(error: Any) -> str:
    return str(getattr(error, "explanation", None) or error).strip()


def _cause(error: Exception) -> str:
    """docker-py tells the cause only in its text."""
    return "no answer in time" if "timed out" in str(error) else str(error)
