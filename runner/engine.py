"""The local engine: finding it, asking it, and turning its errors into one kind."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import socket
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from ..analyzer.credentials import mask
from .errors import EngineError

if TYPE_CHECKING:
    from docker import APIClient

    from .registry import Target

_SILENCE = 30  # seconds without a byte after which a call is given up
_PATIENCE = 600  # … of the calls in which an engine works long before it says a word: load, import, commit
_LAYER = 3600  # … while a layer is pushed, over which Podman says nothing
_WHOLE = 120  # seconds in which an answer that is no stream has to be there
_CHUNK = 2 * 1024 * 1024  # bytes of a stream that are read at once
_MAX_ANSWER = 64 * 1024 * 1024  # bytes of it
_LOG = "its own log may say more"
_BUSY = "it hangs, or its machine is too busy; try again, and look into its log"
_START = "start Docker or Podman, or name an engine with --engine"


class Engine:
    """A connection to Docker. Close it, or use it in a `with`. What Podman does otherwise is in podman.py."""

    kind = "docker"
    tells_owners = True  # of files in the archives that it gives
    pushes_by_id = False  # but by name, which it looks up by itself
    adds_accounts = False  # a line for a user or group by number, in the container's own files
    waits_before_removal = (
        False  # for the end of a container that ignores SIGTERM, ten seconds, though forced
    )
    # Nobody answers for names of other machines: an engine may ask this machine's resolver for a container.
    # TEST-NET-1 of RFC 5737: no machine has it. Who asks for a name is told soon that there is none.
    host_options: Mapping[str, Any] = {"dns": ["192.0.2.1"], "dns_opt": ["timeout:1", "attempts:1"]}

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
        """What tells this engine from others, also under another address, after an upgrade and another day."""
        with errors(self.url):
            return f"docker {described(self.api.info(), 'ID')['ID']}"

    @property
    def command(self) -> str:
        """How a person calls this engine."""
        return "docker" if self.url == "unix:///var/run/docker.sock" else f"docker -H {self.url}"

    def cancel(self) -> None:
        """Let the next call, in whatever thread, be an interrupt: a run then ends, and cleans up."""
        cast("Any", self.api).cancelled = True

    def resume(self) -> None:
        """Let calls go through again, for cleaning up."""
        cast("Any", self.api).cancelled = False

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
            found = described(self.api.inspect_image(name), "Id")
            if not isinstance(found["Id"], str) or not isinstance(found.get("Config") or {}, dict):
                raise TypeError(f"the image {str(found['Id'])[:19]}")
            return found

    def must_have_network(self, name: str) -> None:
        """See that a container can be started in a network of the user's, and be told from what else is there.

        Raises:
            EngineError: the engine has no such network, or it is the machine's own.
        """
        own = "is the machine's own network, where its ports can't be told from the container's"
        hint = "use a network that `docker network ls` or `podman network ls` lists, of the driver bridge"
        if name == "host":  # which Podman does not list
            raise EngineError("--network host", own, hint)
        try:
            with errors(f"--network {name}"):
                driver = self.api.inspect_network(name).get("Driver")
        except EngineError as error:
            if error.status != 404:
                raise
            raise EngineError(error.subject, "the engine has no such network", hint) from error
        if driver == "host":
            raise EngineError(f"--network {name}", own, hint)

    def must_have_volume(self, name: str, option: str) -> None:
        """See that a volume of the user's is there: the engine would make one, which then stays.

        Raises:
            EngineError: it is not; about the option that names it.
        """
        try:
            with errors(option):
                self.api.inspect_volume(name)
        except EngineError as error:
            if error.status != 404:
                raise
            hint = f"create it with `{self.command} volume create {name}`; a path begins with / or ."
            raise EngineError(option, f"the engine has no volume {name}", hint) from error

    def load(self, archive: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
        """Load a docker-archive; what the engine tells of it on the way.

        Raises:
            EngineError: it can't.
        """
        with errors("load"), self._patiently():
            for told in self.api.load_image(archive):
                if told.get("error"):
                    raise EngineError("load", " ".join(str(told["error"]).split()))
                yield told

    def tag(self, image: str, name: str) -> str:
        """Give an image one more name; its ID.

        Raises:
            EngineError: it can't.
        """
        with errors(name):
            self.api.tag(image, name, "latest")
        return image

    def import_image(self, root: bytes, name: str) -> None:
        """Make an image of one layer from a tar, under a name.

        Raises:
            EngineError: it can't.
        """
        with errors(name):
            self.api.import_image_from_data(root, repository=name)

    def commit(self, container: str, name: str) -> str:
        """Make an image of a container, under a name; its ID.

        Raises:
            EngineError: it can't.
        """
        with errors(name), self._patiently():
            self.api.commit(container, repository=name)
            return str(self.inspect_image(name)["Id"])  # Podman's answer writes it otherwise than all others

    @contextlib.contextmanager
    def _patiently(self) -> Iterator[None]:
        """Around a call in which the engine may work for minutes before it says a word."""
        usual, self.api.timeout = self.api.timeout, _PATIENCE
        try:
            yield
        finally:
            self.api.timeout = usual

    def create_network(self, name: str, *, closed: bool, egress: bool = False) -> str:
        """Make a network for containers that are not to reach anything, each other included; its ID.

        Args:
            name: of the network.
            closed: nothing can be published on it either, and this machine can't be reached through it.
            egress: other machines can be reached through it.

        Raises:
            EngineError: it can't.
        """
        options = {
            "com.docker.network.bridge.enable_ip_masquerade": "true" if egress else "false",
            "com.docker.network.bridge.enable_icc": "false",
        }
        if closed:
            options["com.docker.network.bridge.inhibit_ipv4"] = "true"
        with errors("the network"):
            created = self.api.create_network(name, driver="bridge", options=options, internal=closed)
            return str(described(created, "Id")["Id"])

    def save(self, name: str, platform: str | None = None) -> Iterator[bytes]:
        """The stream of `docker save`, in chunks.

        Args:
            name: the image.
            platform: of several, this one alone ("linux/arm64", "arm64"), where the engine can choose; else all.

        Raises:
            EngineError: the engine has no image of this name, or not all of it.
        """
        self.inspect_image(name)
        url = f"{self.api.base_url}/v{self.api.api_version}/images/{quote(name, safe=':/@')}/get"
        chosen = {"platform": _platform(platform)} if platform and self._chooses_platforms else {}
        with errors(name):
            answer = self.api.get(url, params=chosen, stream=True, timeout=(_SILENCE, _PATIENCE))
            with answer:
                if answer.status_code != 200:
                    problem = told(answer)
                    # So does `docker save` itself where one platform of several was pulled.
                    hint = "Use --platform with one that it has" if "content digest" in problem else ""
                    raise EngineError(
                        name, problem, hint or f"reported by the engine; {_LOG}", status=answer.status_code
                    )
                yield from answer.iter_content(_CHUNK)

    @property
    def has_start_interval(self) -> bool:
        """Whether a health check has an interval of its own for the start period: in Docker from 25.0 on."""
        return self.kind == "docker" and _api(self.api.api_version) >= _api("1.44")

    @property
    def _chooses_platforms(self) -> bool:
        """Whether it gives one platform of an image alone: Docker from 28.0 on."""
        return self.kind == "docker" and _api(self.api.api_version) >= _api("1.48")

    def push(self, identity: str, target: Target) -> Generator[dict[str, Any], None, None]:
        """Push an image that has the target's name; what the engine tells of it, event by event.

        Raises:
            EngineError: it refuses, or stops answering.
        """
        url = f"{self.api.base_url}/v{self.api.api_version}/images/{target.repository}/push"
        yield from self._pushed(url, {"tag": target.tag}, target)

    def _pushed(
        self, url: str, parameters: Mapping[str, str], target: Target
    ) -> Generator[dict[str, Any], None, None]:
        """The events of a push, with the user's login. The engine gives up with the connection, which is closed."""
        import docker.auth

        with errors(str(target)):
            registry, _ = docker.auth.resolve_repository_name(target.repository)
            login = docker.auth.get_config_header(self.api, registry)
            headers = {"X-Registry-Auth": login} if login else {}
            answer = self.api.post(
                url, params=parameters, headers=headers, json={}, stream=True, timeout=(_SILENCE, _LAYER)
            )
            with answer:
                if answer.status_code != 200:
                    hint = f"reported by the engine; {_LOG}"
                    raise EngineError(str(target), told(answer), hint, status=answer.status_code)
                for line in answer.iter_lines():
                    event = json.loads(line)
                    if isinstance(event, dict):
                        yield event

    def url_of(self, container: str, what: str) -> str:
        """The address of a part of the API that docker-py has no call for."""
        return f"{self.api.base_url}/v{self.api.api_version}/containers/{container}/{what}"


def _api(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _platform(text: str) -> str:
    """A platform as the API takes it."""
    system, _, rest = text.partition("/") if "/" in text else ("linux", "", text)
    architecture, _, variant = rest.partition("/")
    return json.dumps(
        {"os": system, "architecture": architecture} | ({"variant": variant} if variant else {})
    )


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
    if url.startswith("unix://"):
        _try_socket(url.removeprefix("unix://"))
    with errors(url):
        api = _client()(base_url=url, version="auto", timeout=_SILENCE)
        try:
            return _of_its_kind(api, url)
        except BaseException:
            api.close()
            raise


@functools.cache
def _client() -> type[APIClient]:
    """docker-py's client, of which no call waits for ever, and no answer fills the memory."""
    import requests
    from docker import APIClient

    class Client(APIClient):
        def _set_request_timeout(self, kwargs: dict[str, Any]) -> dict[str, Any]:
            # docker-py passes None for calls that may take long, and means: for ever.
            if kwargs.setdefault("timeout", self.timeout) is None:
                kwargs["timeout"] = _PATIENCE
            return kwargs

        cancelled = False

        def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            if self.cancelled:
                raise KeyboardInterrupt
            limit = max(_WHOLE, _seconds(kwargs.get("timeout")))
            deadline = time.monotonic() + limit
            answer = self._begun(limit, request, **{**kwargs, "stream": True})
            if kwargs.get("stream"):
                return answer
            content = bytearray()
            with answer:
                while chunk := answer.raw.read1(65536):
                    content += chunk
                    if len(content) > _MAX_ANSWER or time.monotonic() > deadline:
                        raise requests.ConnectionError("its answer does not end")
            answer._content = bytes(content)
            return answer

        def _begun(self, limit: float, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
            """The answer's head. A timeout is one of silence: a head that drips in has to be left behind."""
            if not isinstance(request.body, (bytes, str, type(None))):
                return super().send(request, **kwargs)  # what is sent may be long
            came: list[requests.Response | BaseException] = []

            def wait() -> None:
                try:
                    came.append(super(Client, self).send(request, **kwargs))
                except BaseException as error:
                    came.append(error)

            thread = threading.Thread(target=wait, daemon=True)
            thread.start()
            thread.join(limit)
            if not came:
                raise requests.ConnectionError("its answer does not begin")
            if isinstance(came[0], BaseException):
                raise came[0]
            return came[0]

    return Client


def _seconds(timeout: Any) -> float:
    return float(timeout) if isinstance(timeout, (int, float)) else 0.0


def described(answer: Any, key: str) -> dict[str, Any]:
    """An answer that has to be an object with this key.

    Raises:
        EngineError: it is something else.
    """
    if not isinstance(answer, dict) or not answer.get(key):
        raise EngineError("the engine", f"gave an answer without {key!r}: {mask(str(answer))[:80]!r}", _LOG)
    return answer


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
        problem, hint = "the engine has no such image", "build or load it first; nothing is pulled"
        raise EngineError(subject, problem, hint, status=404) from error
    except docker.errors.APIError as error:
        status = error.status_code or 500
        raise EngineError(
            subject, _explanation(error), f"reported by the engine; {_LOG}", status=status
        ) from error
    except docker.errors.DockerException as error:
        raise EngineError(subject, _cause(error), _START) from error
    except docker.errors.StreamParseError as error:
        raise EngineError(subject, "the engine's answer makes no sense: it is no JSON", _LOG) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        # docker-py reads streams past requests, so that both may be raised.
        hint = _BUSY if "timed out" in str(error) else _START
        raise EngineError(subject, f"the engine stopped answering: {_reason(error)}", hint) from error
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        refused = error.__context__
        if isinstance(refused, requests.HTTPError) and refused.response is not None:
            # docker-py stumbles over an error that is told in another form than Docker's, as by Podman 5.
            hint, status = f"reported by the engine; {_LOG}", refused.response.status_code
            raise EngineError(subject, told(refused.response), hint, status=status) from error
        # What docker-py stumbles over is not what the API's description says.
        raise EngineError(subject, f"the engine's answer makes no sense: {error!r}", _LOG) from error


def told(answer: Any) -> str:
    """What an engine's error answer says, whatever form it has."""
    try:
        said = answer.json()
    except ValueError:
        said = answer.text
    for name in ("errorDetail", "message", "error", "cause"):
        if isinstance(said, dict) and said.get(name):
            said = said[name]
    return " ".join(mask(str(said or f"status {answer.status_code}")).split())[:1000]


def _explanation(error: Any) -> str:
    return str(getattr(error, "explanation", None) or error).strip()


def _reason(error: Exception) -> str:
    """What happened to the connection, in the words that people know."""
    text = str(error)
    if isinstance(error, ValueError):
        return f"what came is no JSON ({text})"
    if "timed out" in text:
        return f"not a byte came for {_SILENCE} seconds"
    return text


def _cause(error: Exception) -> str:
    """docker-py tells the cause only in its text."""
    return "no answer in time" if "timed out" in str(error) else str(error)
