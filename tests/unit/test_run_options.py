"""The options with which images are started: what they mean together, and that no value of a variable is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from imglint.analyzer import InputError, credentials
from imglint.config import RunText
from imglint.config_file import read
from imglint.lint_options import UsageError
from imglint.output import write
from imglint.proving import Wishes
from imglint.run_options import as_texts, check_for_hook, parse_run, with_layers
from imglint.runner.start import Mount, Start, _socket_in

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test hides is told in the next one."""
    monkeypatch.setattr(credentials, "_hidden", set())
    monkeypatch.setattr(credentials, "_hidden_pattern", None)
    yield
    credentials.mask_lines.cache_clear()


def start_of(**given: list[str]) -> Start:
    start = parse_run({name.replace("_", "-"): texts for name, texts in given.items()}).start
    assert start is not None
    return start


def test_each_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FROM_HERE", "inherited value")
    (tmp_path / "a.env").write_bytes(
        b"\xef\xbb\xbf# comment\n\n  FIRST=1=2 # kept\r\nFROM_HERE\nEMPTY=\nOVER=file\n"
    )
    start = start_of(
        env=["OVER=line", "MODE=a b"], env_file=["a.env"], volume=["./conf:/etc/x/", "data:/data:rw", "/cache"],
        mount=[
            "type=bind,src=/srv,dst=/srv,readonly=false", "type=tmpfs,target=/t,tmpfs-size=1m",
            "type=bind,source=sub,target=/s,ro=1", "source=vol,target=/v",
        ],
        tmpfs=["/run", "/tmp:size=64m,mode=1777"], user=["app:1000"], entrypoint=["/bin/x"], command=["-a", ""],
        add_host=["db:10.0.0.5", "six=[fd00::1]", "up:host-gateway"], allow_egress=[""],
    )  # fmt: skip
    assert start.environment == {
        "FIRST": "1=2 # kept", "FROM_HERE": "inherited value", "EMPTY": "", "OVER": "line", "MODE": "a b"
    }  # fmt: skip
    assert start.mounts == (
        Mount("bind", f"{tmp_path}/conf", "/etc/x", writable=False, unsaid=True),
        Mount("volume", "data", "/data", writable=True),
        Mount("anonymous", "", "/cache", writable=True),
        Mount("bind", "/srv", "/srv", writable=True),
        Mount("bind", f"{tmp_path}/sub", "/s"),
        Mount("volume", "vol", "/v", writable=False, unsaid=True),
    )
    assert start.tmpfs == {"/t": "size=1m", "/run": "", "/tmp": "size=64m,mode=1777"}
    assert (start.user, start.entrypoint, start.command) == ("app:1000", ("/bin/x",), ("-a", ""))
    assert (start.hosts, start.egress) == (("db:10.0.0.5", "six:fd00::1", "up:host-gateway"), True)


def test_without_options_nothing_is_added() -> None:
    assert parse_run({"env": [], "user": []}) == Wishes()
    config = {"Cmd": ["a"], "Env": ["A=b"], "User": "x"}
    assert Start().applied(config) == config
    assert Start().told(config) == ()


def test_what_stands_in_the_place_of_the_image() -> None:
    config = {"Entrypoint": ["/e"], "Cmd": ["c"], "Env": ["A=image", "B=image"], "User": "1000"}
    assert Start(command=("x",)).applied(config)["Entrypoint"] == ["/e"]
    replaced = Start({"A": "given"}, entrypoint=("/mine",), user="0").applied(config)
    assert replaced == {"Entrypoint": ["/mine"], "Cmd": None, "Env": ["B=image"], "User": "0"}
    told = " ".join(Start(command=("x", "--password", "hunter"), user="0").told(config))
    assert "not the image's own CMD" in told
    assert "not as the image's own user: 1000" in told
    assert "hunter" not in told


def test_the_printed_line_is_one_for_a_shell() -> None:
    start = Start(
        {"A": "secret value"}, (Mount("bind", "/my dir", "/d", unsaid=True),), {"/run": "size=1m"}, "app",
        ("/bin/x",), ("a b",), ("db:10.0.0.5",),
    )  # fmt: skip
    assert start.line("img:1", "--read-only") == (
        "docker run -e A -v '/my dir:/d:ro' --tmpfs /run:size=1m --add-host db:10.0.0.5 --user app --entrypoint /bin/x"
        " --read-only img:1 'a b'"
    )
    assert "--user" not in start.line("img:1", "--user 65532", user=False).replace("--user 65532", "")


def test_files_stand_below_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "imglint.toml").write_text(
        '[run]\nenv = ["A=all", "B=all"]\nwait = "2m"\nentrypoint = "/all"\n'
        '[run."shop:*"]\nenv = ["B=shop"]\nvolume = ["./c:/c"]\npids-limit = 50\nallow-egress = false\n'
    )
    settings = read(str(tmp_path / "imglint.toml"))
    given = parse_run({"env": ["C=line"], "command": ["x"], "volume": ["/other:/c:rw"]})
    wishes = with_layers(given, settings.runs_of("shop:1.0"))
    assert (wishes.wait, wishes.pids, wishes.observe) == (120.0, 50, None)
    assert wishes.start is not None
    assert wishes.start.environment == {"A": "all", "B": "shop", "C": "line"}
    assert wishes.start.mounts == (Mount("bind", "/other", "/c", writable=True),)
    assert (wishes.start.entrypoint, wishes.start.command) == (("/all",), ("x",))
    other = with_layers(Wishes(wait=60.0), settings.runs_of("other:1.0"))
    assert (other.wait, other.pids) == (60.0, None)
    # An entrypoint puts the command below it out of use, as docker run has it.
    below = RunText({"command": ("below",)})
    mine = with_layers(parse_run({"entrypoint": ["/mine"]}), (below,)).start
    assert mine is not None
    assert (mine.entrypoint, mine.command) == (("/mine",), None)


def test_a_wrong_value_of_a_file_names_the_file() -> None:
    layer = RunText({"wait": ("soon",)}, "", "imglint.toml: run")
    with pytest.raises(InputError, match=r"imglint\.toml: run: --wait takes a time"):
        with_layers(Wishes(), (layer,))


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"A=1\n=swordfish\n", 2),
        (b"A=1\n\nB C=swordfish\n", 3),
        (b"export A=swordfish", 1),
        (b"A=sword\0fish", 1),
        (b"A=1\n\xffA=swordfish", 2),
        (b"# fine\nNOWHERE_SET_SWORDFISH", 2),
    ],
)
def test_a_broken_line_of_a_file_of_variables(tmp_path: Path, data: bytes, line: int) -> None:
    path = tmp_path / "broken.env"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        start_of(env_file=[str(path)])
    assert f"broken.env:{line}" in str(caught.value)
    assert "swordfish" not in f"{caught.value} {caught.value.hint}"


def test_a_file_of_variables_without_end(tmp_path: Path) -> None:
    path = tmp_path / "large.env"
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(InputError, match="larger than 1 MiB"):
        start_of(env_file=[str(path)])


VALUES = [
    "swordfish", 'sword"fish', "sword\\fish", "säge-fisch", "sword<fish>&co", "sword fish", "sword_*fish*_", "sword%fish",
    "first line of a key\nsecond line of a key", "a|b|c-sword", "12345-67890", "$(sword)",
]  # fmt: skip


def test_words_of_reports_stay_whole() -> None:
    """Masked, they would make a report that no program reads."""
    from imglint.reports.own_words import OWN_WORDS

    told: set[str] = set()
    for name in ("sarif", "gitlab", "junit", "checkstyle", "json_v1"):
        text = (ROOT / f"reports/{name}.py").read_text()
        told |= {word for pair in re.findall(r'"([a-z_-]{4,})":|</?([a-z]{4,})', text) for word in pair}
    assert told - OWN_WORDS <= {""}
    start_of(env=["LOG_LEVEL=error", "MODE=default", "DB_PASSWORD=warning", "KIND=contain"])
    text = '{"severity": "error", "defaultConfiguration": {"level": "warning"}, "container": "default"}'
    assert credentials.mask_shapes(text) == text.replace('"default"', '"****"')


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_told_nowhere(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    from html import escape
    from urllib.parse import quote

    start_of(env=[f"SHOP_SETTING={value}"])
    forms = [
        value, json.dumps(value), json.dumps(value, ensure_ascii=False), escape(value), quote(value), repr(value),
        value.replace("%", "%25").replace("\n", "%0A"),
    ]  # fmt: skip
    for form in forms:
        write(f"before {form} behind")
        out = capsys.readouterr().out
        assert form.strip("'\"") not in out
        assert out.startswith("before ")
        assert out.endswith(" behind")
        for line in credentials.mask_lines(f"log: {form}"):
            assert all(part not in line for part in value.splitlines())


def test_what_is_no_secret_stays_readable() -> None:
    start_of(env=["PORT=8080", "DEBUG=true", "DATA=/var/lib/shop", "N=abc", "PUID=1000"])
    text = "listens on 8080, true, /var/lib/shop/x, abc, uid 1000"
    assert credentials.mask(text) == text
    start_of(env=["DB_PASSWORD=8080"])
    assert credentials.mask("on 8080 and 18080") == "on **** and 18080"


def test_the_name_of_the_image_stays_readable() -> None:
    parse_run({"env": ["POSTGRES_USER=postgres"]}, images=("postgres:16",))
    assert credentials.mask("postgres:16") == "postgres:16"


def test_a_kept_file_holds_names_alone(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("B=swordfish\n")
    given = parse_run(
        {
            "env": ["A=swordfish"], "env-file": [f"{tmp_path}/a.env"], "volume": [f"{tmp_path}/c:/c", "/x:/x:rw", "/anon"],
            "memory": ["1g"], "wait": ["2m"], "user": ["app"], "command": ["a", "b"],
        }
    )  # fmt: skip
    texts = as_texts(given, str(tmp_path))
    assert texts == {
        "env": ["A"], "env-file": ["./a.env"], "volume": ["./c:/c:ro", "/x:/x:rw", "/anon"], "user": "app",
        "command": ["a", "b"], "memory": "1073741824b", "wait": "120s",
    }  # fmt: skip
    assert as_texts(Wishes(), "") == {}


def test_the_socket_of_an_engine_is_not_mounted(tmp_path: Path) -> None:
    import socket
    from types import SimpleNamespace
    from typing import Any

    path = tmp_path / "run/engine.sock"
    path.parent.mkdir()
    (tmp_path / "link").symlink_to(path.parent)
    engine: Any = SimpleNamespace(url=f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        for source in (path, path.parent, tmp_path, tmp_path / "link", "/"):
            assert _socket_in(str(source), engine), source
        (tmp_path / "other").mkdir()
        assert _socket_in(str(tmp_path / "other"), engine) == ""


def test_a_hook_holds_no_value() -> None:
    check_for_hook({"env": ["NOT_SET_HERE"], "user": ["app"]}, run=True)
    with pytest.raises(UsageError) as caught:
        check_for_hook({"env": ["A=swordfish"]}, run=True)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'volume = ["/etc:/x"]', 'volume = ["..:/x"]', 'volume = ["./link:/x"]', 'volume = ["./sub:/x:rw"]',
        'volume = ["theirs:/x"]', 'mount = ["type=bind,source=/,target=/x"]', "allow-egress = true", 'network = "bridge"',
        'env-file = ["../up.env"]',
    ],
)  # fmt: skip
def test_a_file_that_nobody_named_opens_nothing(tmp_path: Path, line: str) -> None:
    """It may have come with somebody else's repository."""
    here = tmp_path / "cloned"
    (here / "sub").mkdir(parents=True)
    (here / "link").symlink_to("/etc")
    (tmp_path / "up.env").write_text("A=b\n")
    (here / "imglint.toml").write_text(f"[run]\n{line}\n")
    layers = read(str(here / "imglint.toml")).runs_of("shop:1")
    with pytest.raises(InputError, match="which only the command line, or a file of --expect, can open"):
        with_layers(Wishes(), layers)
    with_layers(Wishes(), [one._replace(found=False) for one in layers])
