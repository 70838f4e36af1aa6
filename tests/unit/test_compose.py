"""Compose files as they are read: values, order, what is left out, and errors that say where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imglint.analyzer import InputError, credentials
from imglint.composing import stack
from imglint.proving import Wishes
from imglint.runner.compose.file import read_compose
from imglint.runner.compose.interpolation import InterpolationError, interpolate
from imglint.runner.compose.order import Awaited, Dependency, before, must_be_orderable
from imglint.runner.compose.services import Composed, composed
from imglint.runner.compose.variables import read_variables
from imglint.runner.service import COMPLETED, HEALTHY, STARTED
from imglint.runner.start import File, Mount, Start

VARIABLES = {"A": "a", "EMPTY": "", "B_2": "$A", "lower": "l"}

# text → what `docker compose config` gives
VALUES = {
    "plain": "plain",
    "$A": "a",
    "${A}": "a",
    "x${A}y$lower.z": "xayl.z",
    "$$A": "$A",
    "$${A}": "${A}",
    "$$$A": "$a",
    "${B_2}": "$A",  # a value is not read again
    "$NONE-": "-",
    "${NONE}": "",
    "${NONE-else}": "else",
    "${NONE:-else}": "else",
    "${EMPTY-else}": "",
    "${EMPTY:-else}": "else",
    "${A:-else}": "a",
    "${A:+there}": "there",
    "${A+there}": "there",
    "${EMPTY:+there}": "",
    "${EMPTY+there}": "there",
    "${NONE+there}": "",
    "${A:?}": "a",
    "${EMPTY?}": "",
    "${NONE:-${EMPTY:-${A}}}": "a",
    "${NONE:-a:b-c?d}": "a:b-c?d",
    "${NONE:-}": "",
    "${NONE:-{json}}": "{json}",  # the first } closes it, the second one stands behind
    "${NONE:-$$}": "$",
    "${A:+${NONE:-x}y}z": "xyz",
}


@pytest.mark.parametrize("text", VALUES)
def test_values(text: str) -> None:
    assert interpolate(text, VARIABLES.get).text == VALUES[text]


WRONG_VALUES = {
    "$": "begins no variable",
    "a $1": "begins no variable",
    "5$ ": "begins no variable",
    "${": "no } closes",
    "${A": "no } closes",
    "${A:-${B}": "no } closes",
    "${}": "is no variable",
    "${1}": "is no variable",
    "${A!}": "is no variable",
    "${A b}": "is no variable",
    "${NONE:?}": "needs the variable NONE, which is not set",
    "${NONE?set it}": "needs the variable NONE, which is not set: set it",
    "${EMPTY:?set $A}": "needs the variable EMPTY, which is empty: set a",
    "${N:-" * 30 + "x" + "}" * 30: "nests more than 20 defaults",
}


@pytest.mark.parametrize("text", WRONG_VALUES)
def test_values_that_there_are_none_of(text: str) -> None:
    with pytest.raises(InterpolationError, match=WRONG_VALUES[text].replace("$", r"\$").replace("{", r"\{")):
        interpolate(text, VARIABLES.get)


def test_what_a_value_came_from() -> None:
    found = interpolate("$A ${NONE} ${OTHER:-x} ${lower:-y} $NONE", VARIABLES.get)
    assert found.unset == ("NONE",)
    assert found.used == ("A", "lower")


ENV_FILE = r"""# comment
PLAIN=a b # comment
HASH=a#b
export EXPORTED = spaced
YAML: style
SINGLE='$A \n' # comment
DOUBLE="$A \n\"x\" \$A"
LINES="one
two"
EMPTY=
FROM_A=${A}-${PLAIN}
A
MISSING
OUT=${NONE:-else}
"""


def test_files_of_variables(tmp_path: Path) -> None:
    path = tmp_path / "a.env"
    path.write_bytes(b"\xef\xbb\xbf" + ENV_FILE.replace("\n", "\r\n").encode())
    assert read_variables(str(path), lambda name: {"A": "a"}.get(name)) == {
        "PLAIN": "a b", "HASH": "a#b", "EXPORTED": "spaced", "YAML": "style", "SINGLE": r"$A \n",
        "DOUBLE": 'a \n"x" $A', "LINES": "one\ntwo", "EMPTY": "", "FROM_A": "a-a b", "A": "a", "OUT": "else",
    }  # fmt: skip
    path.write_text("X='$A' # kept\n")
    assert read_variables(str(path), lambda _: None, raw=True) == {"X": "'$A' # kept"}
    for text, told in {
        "GOOD=1\n1BAD=2\n": ":2: is no variable",
        "word word\n": ":1: is no variable",
        "A=1\nX='open\n\n": ":2: X has a quote",
        "X=${Y:?}": ":1: X needs the variable Y",
        "X=a\0b": ": holds a NUL",
    }.items():
        path.write_text(text)
        with pytest.raises(InputError, match=told):
            read_variables(str(path), lambda _: None)


def test_order_and_what_is_awaited() -> None:
    needs = {
        "web": [Dependency("db", HEALTHY), Dependency("job", COMPLETED, required=False)],
        "job": [Dependency("db"), Dependency("queue")],
        "db": [],
        "queue": [],
        "other": [Dependency("queue", HEALTHY)],
    }
    must_be_orderable(needs)
    assert before("web", needs) == (
        Awaited("db", HEALTHY, True), Awaited("queue", STARTED, True), Awaited("job", COMPLETED, False)
    )  # fmt: skip
    assert before("db", needs) == ()
    # What others that are not started ask for does not count.
    assert before("job", needs) == (Awaited("db", STARTED, True), Awaited("queue", STARTED, True))
    chain = {str(number): [Dependency(str(number + 1))] for number in range(2000)} | {"2000": []}
    must_be_orderable(chain)
    assert before("1998", chain)[0].name == "2000"


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        ({"a": ["a"]}, "a → a"),
        ({"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]}, "a → b → c → a"),
        ({"web": ["bd"], "db": []}, "names bd, which is no service"),
    ],
)
def test_no_order(needs: dict[str, list[str]], told: str) -> None:
    with pytest.raises(InputError, match=told):
        must_be_orderable({name: [Dependency(one) for one in edges] for name, edges in needs.items()})


def read(directory: Path, service: str, top: str = "", **shell: str) -> Composed:
    lines = "\n".join(f"    {line}" for line in service.strip().splitlines())
    (directory / "compose.yaml").write_text(f"services:\n  web:\n{lines}\n{top}")
    return composed("web", read_compose(str(directory / "compose.yaml"), shell))


def test_a_whole_service(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "key").write_text("key-of-tests\n")
    (tmp_path / "a.env").write_text("FILE=1\nOVER=file\nFROM_SHELL\n")
    found = read(
        tmp_path,
        """
image: shop:$TAG
command: serve --name "two words" $$HOME
entrypoint: [/init, "${MODE:-fast}"]
env_file: [a.env, {path: none.env, required: false}]
environment: {OVER: here, YES: yes, TRUE: true, NUMBER: 1.10, WHOLE: 2.0, NONE: , TAG: }
user: "1000:1000"
working_dir: /srv
hostname: shop
read_only: ${RO:-true}
init: true
cap_drop: [ALL]
shm_size: 64m
group_add: [12]
tmpfs: ["/run:size=1m", /tmp]
volumes:
- data:/data
- ./conf:/etc/shop:ro
- /cache
- {type: volume, source: data, target: /other, read_only: true}
- {type: tmpfs, target: /t, tmpfs: {size: 1000}}
secrets: [key, {source: word, target: there, mode: 0440, uid: "5"}]
configs: [motd]
extra_hosts: ["a:10.0.0.1", "b=[fd00::1]"]
healthcheck: {test: ["CMD", "true"], interval: 1m30s, timeout: 500ms, retries: 2}
depends_on: {db: {condition: service_healthy}, job: {condition: service_started, required: false}}
links: [cache:c]
networks: {default: {aliases: [shop]}}
ports: ["80", "127.0.0.1:8080:81/tcp", "53:53/udp", {target: 82}]
profiles: [debug]
x-own: {any: thing}
logging: {driver: json-file}
""",
        "volumes: {data: }\nsecrets: {key: {file: key}, word: {environment: WORD}}\nconfigs: {motd: {content: hi $TAG}}\n",
        TAG="1.0", WORD="secret word", FROM_SHELL="s",
    )  # fmt: skip
    service = found.service
    assert (service.name, service.image, service.names) == ("web", "shop:1.0", ("shop",))
    assert service.start == Start(
        {"FILE": "1", "OVER": "here", "FROM_SHELL": "s", "YES": "yes", "TRUE": "true", "NUMBER": "1.1", "WHOLE": "2",
         "TAG": "1.0"},
        (
            Mount("shared", "data", "/data", True), Mount("bind", f"{tmp_path}/conf", "/etc/shop"),
            Mount("anonymous", "", "/cache", True), Mount("shared", "data", "/other", False),
            Mount("bind", f"{tmp_path}/key", "/run/secrets/key"),
        ),
        {"/t": "size=1000", "/run": "size=1m", "/tmp": ""},
        "1000:1000", ("/init", "fast"), ("serve", "--name", "two words", "$HOME"), ("a:10.0.0.1", "b:fd00::1"),
        working_dir="/srv", hostname="shop",
        health={"Test": ["CMD", "true"], "Interval": 90 * 10**9, "Timeout": 5 * 10**8, "Retries": 2},
        files=(File("/run/secrets/there", b"secret word", 0o440, 5, 0), File("/motd", b"hi 1.0")),
        host={"read_only": True, "init": True, "cap_drop": ["ALL"], "shm_size": 64 << 20, "group_add": ["12"]},
    )  # fmt: skip
    assert [(one.name, one.condition, one.required) for one in found.needs] == [
        ("db", HEALTHY, True), ("job", STARTED, False), ("cache", STARTED, True)
    ]  # fmt: skip
    assert [number for number, _ in found.ports] == [80, 81, 82]
    assert found.profiles == ("debug",)
    assert found.secrets == ("key-of-tests", "secret word")
    assert found.notes == ()


WRONG = {  # a service → where, and what is told
    "image: x\nprivleged: true": (4, "service web: privleged", "did you mean privileged?"),
    "image: x\nextends: {service: y}": (4, "service web: extends", "docker compose config"),
    "image: x\nnetwork_mode: host": (4, "service web: network_mode", "network of its own"),
    "image: x\npid: host": (4, "service web: pid", "nothing in what belongs to the machine"),
    "command: x": (2, "service web", "has neither image nor build"),
    "image: x\nenvironment:\n  A: [1]": (5, "service web: environment.A", "takes a text, not a list"),
    "image: x\nenvironment:\n  A: ${B:?say b}": (5, "service web: environment.A", "needs the variable B, which is not set"),
    "image: x\nvolumes: [./none:/x]": (4, r"service web: volumes\[0\]", "none is not there"),
    "image: x\nvolumes: [date:/x]": (4, r"service web: volumes\[0\]", "did you mean data?"),
    "image: x\nvolumes: [data:x]": (4, r"service web: volumes\[0\]", "absolute path"),
    "image: x\nvolumes: [data:/x]\ntmpfs: /x": (2, "service web", "mounts /x twice"),
    "image: x\nenv_file: none.env": (4, "service web: env_file", "none.env is not there"),
    "image: x\nsecrets: [none]": (4, r"service web: secrets\[0\]", "not under `secrets:`"),
    "image: x\nsecrets: [far]": (8, r"secrets\.far", "another engine"),
    "image: x\nsecrets: [up]": (9, r"secrets\.up\.file", "outside of the project"),
    "image: x\nhealthcheck: {interval: 5}": (4, "service web: healthcheck.interval", "takes a time"),
    "image: x\nhealthcheck: {test: [curl, x]}": (4, "service web: healthcheck.test", "neither NONE, CMD nor"),
    "image: x\ndepends_on: {db: {condition: healthy}}": (4, "service web: depends_on.db", "did you mean service_healthy?"),
    "image: x\ncommand: 'a \"b'": (4, "service web: command", "split into words"),
    "image: x\nentrypoint: []": (4, "service web: entrypoint", "is empty"),
    "image: x\nuser: a b": (4, "service web: user", "takes a name or a number"),
    "image: x\nports: [eighty]": (4, r"service web: ports\[0\]", "is no port to publish"),
    "image: x\nnetworks: [nowhere]": (4, r"service web: networks\[0\]", "not under `networks:`"),
    "image: x\nread_only: perhaps": (4, "service web: read_only", "takes true or false"),
}  # fmt: skip
TOP = "volumes: {data: }\nsecrets:\n  ok: {content: x}\n  far: {external: true}\n  up: {file: ../x}\n"


@pytest.mark.parametrize("service", WRONG)
def test_errors_say_where(tmp_path: Path, service: str) -> None:
    line, where, told = WRONG[service]
    with pytest.raises(InputError, match=rf"compose\.yaml:{line}: {where}") as caught:
        read(tmp_path, service, TOP)
    assert told in f"{caught.value.problem} {caught.value.hint}"


FILES = {
    "web:\n  image: x\n  ports: ['80']\n": "version 1",
    "services: {}\n": "has no services",
    "": "is no compose file",
    "- a\n": "is no compose file",
    "services: {web: {image: x}}\nservcies: {}\n": "did you mean services?",
    "include: [other.yaml]\nservices: {web: {image: x}}\n": "docker compose config",
    "services: {web: {image: x}, web: {image: y}}\n": "has the key web twice",
    "services:\n  web:\n\timage: x\n": "is no YAML",
    "services: {web: !!python/object:os.system {}}": "no plain data",
    "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{last}'] * 9)}]\n" for last, name in zip("abcdefgh", "bcdefghi", strict=True)
    ): "values once its aliases are expanded",
    "services: {web: {image: x}}\n" + "#" * 10_000_000: "is larger than 1 MiB",
    "services: {" + ", ".join(f"s{number}: {{image: x}}" for number in range(201)) + "}": "more than 200 services",
    "services: " + "[" * 5000: "nests too deep",
    "services: {'a b': {image: x}}": "is no name for a service",
}  # fmt: skip


@pytest.mark.parametrize("text", FILES, ids=range(len(FILES)))
def test_files_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_compose(str(path), {})
    assert FILES[text] in f"{caught.value.problem} {caught.value.hint}"
    assert str(path) in caught.value.subject


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    found = read(
        tmp_path,
        """
build: .
privileged: true
devices: [/dev/kvm]
restart: unless-stopped
security_opt: ["no-new-privileges:true"]
volumes: ["./data:/data", "/etc/localtime:/etc/localtime:ro", "old:/old"]
networks: {back: {ipv4_address: 10.0.0.7}}
deploy: {}
""",
        "volumes: {old: {external: true}}\nnetworks: {back: {external: true}}\n",
        COMPOSE_PROJECT_NAME="My.Shop",
    )
    assert found.service.image == "myshop-web"
    assert found.service.start.mounts == (
        Mount("bind", f"{tmp_path}/data", "/data"), Mount("shared", "old", "/old", True)
    )  # fmt: skip
    told = "\n".join(found.notes)
    for words in (
        "privileged is left out", "devices is left out", "restart is left out", f"{tmp_path}/data is mounted read-only",
        "/etc/localtime lies outside of the project, and is not mounted", "in place of the external volume old",
        "ipv4_address is left out", "external network back is not reached",
    ):  # fmt: skip
        assert words in told
    assert len(found.notes) == 8


def test_a_link_out_of_the_project_is_outside(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    found = read(tmp_path, "image: x\nvolumes: ['./link:/x']")
    assert found.service.start.mounts == ()


@pytest.fixture
def _masking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(credentials, "_hidden", set())
    monkeypatch.setattr(credentials, "_hidden_pattern", None)
    yield
    credentials.mask_lines.cache_clear()


STACK = """
services:
  web:
    image: shop:1
    environment: {URL: "http://u:$DB_PASSWORD@db"}
    command: ["--key", "$KEY"]
    depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}
    ports: ["8080:80", "81"]
  job: {image: "shop:1", depends_on: [db]}
  db: {image: "db:1", environment: {PASSWORD: "$DB_PASSWORD"}, secrets: [pin]}
  debug: {image: "debug:1", profiles: [debug], depends_on: [tools]}
  tools: {image: "tools:1", profiles: [tools]}
secrets: {pin: {file: pin}}
"""


@pytest.mark.usefixtures("_masking")
def test_what_of_a_file_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "sword-of-db")
    monkeypatch.setenv("KEY", "key-to-all")
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    (tmp_path / "pin").write_text("pin-of-file\n")
    path = tmp_path / "compose.yaml"
    path.write_text(STACK)
    found = stack(str(path), [])
    assert list(found.targets) == ["web=shop:1", "db=db:1"]
    web = found.targets["web=shop:1"]
    assert [(one.name, one.awaited) for one in web.services] == [("db", HEALTHY), ("job", COMPLETED)]
    assert any(note.startswith("job: others wait for the end of it") for note in found.notes)
    told = credentials.mask("sword-of-db key-to-all pin-of-file shop:1")
    assert told == "**** **** **** shop:1"
    asked = web.over(Wishes(publish=("9000:80",), start=Start({"URL": "own"}, user="5")))
    assert asked.publish == ("9000:80", "81")
    assert asked.start is not None
    assert (asked.start.environment, asked.start.user) == ({"URL": "own"}, "5")
    assert asked.start.command == ("--key", "key-to-all")
    assert list(stack(str(path), ["job"]).targets) == ["job=shop:1"]
    with pytest.raises(InputError, match="its profile switches off"):
        stack(str(path), ["debug"])
    monkeypatch.setenv("COMPOSE_PROFILES", "tools")
    assert [one.name for one in stack(str(path), ["debug"]).targets["debug=debug:1"].services] == ["tools"]
    with pytest.raises(InputError, match="wbe: is no service"):
        stack(str(path), ["wbe"])
    assert os.environ["KEY"] == "key-to-all"
