"""Why a container ended: what its log names as missing, and what to add; nothing that the log does not say."""

from __future__ import annotations

import pytest

from imglint.runner.ending import meaning, reason
from imglint.runner.start import Mount, Start

PYTHON = """Traceback (most recent call last):
  File "/srv/shop.py", line 3, in <module>
    TOKEN = {source}
            ~~~~~~~~~~^^^^^^^^^^^^
  File "<frozen os>", line 679, in __getitem__
KeyError: 'SHOP_BROKER'"""
LOGS: dict[str, tuple[str, str]] = {  # log → kind, name
    "/entry.sh: line 4: SHOP_BROKER: unbound variable": ("variable", "SHOP_BROKER"),
    "/entry.sh: 4: SHOP_BROKER: parameter not set": ("variable", "SHOP_BROKER"),
    "sh: lowercase_too: parameter not set or null": ("variable", "lowercase_too"),
    "bash: line 1: SHOP_BROKER: parameter null or not set": ("variable", "SHOP_BROKER"),
    PYTHON.format(source='os.environ["SHOP_BROKER"]'): ("variable", "SHOP_BROKER"),
    "  File \"a.py\", line 1\nKeyError: 'SHOP_BROKER'": ("key", "SHOP_BROKER"),
    'app.rb:1:in `fetch\': key not found: "SHOP_BROKER" (KeyError)': ("variable", "SHOP_BROKER"),
    "FATAL: environment variable SHOP_BROKER is missing.": ("variable", "SHOP_BROKER"),
    "Error: Environment variable not set: SHOP_BROKER": ("variable", "SHOP_BROKER"),
    "panic: missing required env var SHOP_BROKER": ("variable", "SHOP_BROKER"),
    "SHOP_BROKER environment variable is not set": ("variable", "SHOP_BROKER"),
    "config: SHOP_BROKER must be set": ("variable", "SHOP_BROKER"),
    "django...ImproperlyConfigured: SHOP_BROKER is required": ("variable", "SHOP_BROKER"),
    "Error: Database is uninitialized and superuser password is not specified.\n"
    "       You must specify POSTGRES_PASSWORD to a non-empty value for the\n"
    '       superuser. For example, "-e POSTGRES_PASSWORD=..." on "docker run".\n': (
        "variable",
        "POSTGRES_PASSWORD",
    ),
    "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified\n"
    "    You need to specify one of the following as an environment variable:\n    - MYSQL_ROOT_PASSWORD\n"
    "    - MYSQL_ALLOW_EMPTY_PASSWORD": ("variable", "MYSQL_ROOT_PASSWORD"),
    "required key SHOP_BROKER missing value": ("variable", "SHOP_BROKER"),
    "Could not resolve placeholder 'SHOP_BROKER' in value": ("variable", "SHOP_BROKER"),
    "Error: getaddrinfo ENOTFOUND stock-db": ("host", "stock-db"),
    'psycopg2.OperationalError: could not translate host name "stock-db" to address: Name': (
        "host",
        "stock-db",
    ),
    "dial tcp: lookup stock-db on 127.0.0.11:53: server misbehaving": ("host", "stock-db"),
    "curl: (6) Could not resolve host: stock-db": ("host", "stock-db"),
    "wget: bad address 'stock-db'": ("host", "stock-db"),
    "java.net.UnknownHostException: stock-db": ("host", "stock-db"),
    'nginx: [emerg] host not found in upstream "stock-db" in /etc/nginx/nginx.conf:8': ("host", "stock-db"),
    "Error: connect ECONNREFUSED 127.0.0.1:6379": ("peer", "127.0.0.1:6379"),
    "dial tcp 10.1.2.3:5432: connect: connection refused": ("peer", "10.1.2.3:5432"),
    "PermissionError: [Errno 13] Permission denied: '/data/shop.db'": ("permission", "/data/shop.db"),
    "/entry.sh: line 2: can't create /data/x: Permission denied": ("permission", "/data/x"),
    "mkdir: cannot create directory '/data/x': Permission denied": ("permission", "/data/x"),
    "Error: EACCES: permission denied, open '/data/shop.db'": ("permission", "/data/shop.db"),
    "open /data/shop.db: permission denied": ("permission", "/data/shop.db"),
    'nginx: [emerg] open() "/run/nginx.pid" failed (13: Permission denied)': ("permission", "/run/nginx.pid"),
    "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)": ("port", "0.0.0.0:80"),
    "Error: listen EACCES: permission denied 0.0.0.0:80": ("port", "0.0.0.0:80"),
    "OSError: [Errno 30] Read-only file system: '/data/shop.db'": ("read-only", "/data/shop.db"),
    "touch: /data/x: Read-only file system": ("read-only", "/data/x"),
    "FileNotFoundError: [Errno 2] No such file or directory: '/etc/shop/shop.ini'": (
        "file",
        "/etc/shop/shop.ini",
    ),
    "Error: ENOENT: no such file or directory, open '/etc/shop/shop.ini'": ("file", "/etc/shop/shop.ini"),
    "open /etc/shop/shop.ini: no such file or directory": ("file", "/etc/shop/shop.ini"),
    "cat: can't open '/etc/shop/shop.ini': No such file or directory": ("file", "/etc/shop/shop.ini"),
    "/entry.sh: line 3: shopd: not found": ("program", "shopd"),
    "bash: line 1: shopd: command not found": ("program", "shopd"),
    "exec /entry.sh: no such file or directory": ("program", "/entry.sh"),
    # The last complaint counts: the one before it was survived.
    "cat: /etc/optional: No such file or directory\nserving\nsh: SHOP_BROKER: parameter not set": (
        "variable",
        "SHOP_BROKER",
    ),
}


@pytest.mark.parametrize(("log", "kind", "name"), [(log, *found) for log, found in LOGS.items()])
def test_what_a_log_names(log: str, kind: str, name: str) -> None:
    found = reason(log, Start())
    assert found is not None
    assert (found.kind, found.name) == (kind, name)
    assert name in found.told


SILENT = [
    "", "Segmentation fault", "panic: runtime error: index out of range", "listening on 0.0.0.0:80",
    "KeyError: 'price of the thing'", "SHOP_BROKER is set", "SHOP_BROKER must not be set twice",
    "403 Forbidden: permission denied for user",
    "ERROR is not an option", "The configuration file was not found", "shutting down, DEBUG is required reading",
    "host lookup took 3 s", "a" * 100_000 + ": parameter not se",
]  # fmt: skip


@pytest.mark.parametrize("log", SILENT, ids=range(len(SILENT)))
def test_nothing_is_claimed_that_the_log_does_not_show(log: str) -> None:
    assert reason(log, Start()) is None


def test_the_option_to_add() -> None:
    def use(log: str, start: Start = Start(), *, network_open: bool = False) -> str:  # noqa: B008
        found = reason(log, start, network_open=network_open)
        return "" if found is None else found.use

    assert use("sh: SHOP_BROKER: parameter not set") == "-e SHOP_BROKER=VALUE"
    assert use("cat: /etc/shop.ini: No such file or directory") == "-v PATH:/etc/shop.ini"
    assert use("touch: /data/x: Read-only file system") == "--tmpfs /data"
    assert "--tmpfs /data" in use("touch: /data/x: Permission denied")
    assert use("getaddrinfo ENOTFOUND stock") == ""  # that imglint has closed the network is said elsewhere
    assert "--add-host stock" in use("getaddrinfo ENOTFOUND stock", network_open=True)
    conf = Start(mounts=(Mount("bind", "/home/me/data", "/data"),))
    assert use("touch: /data/x: Read-only file system", conf).startswith("-v /home/me/data:/data:rw")
    # What was given is not missing.
    assert reason("sh: SHOP_BROKER: parameter not set or null", Start({"SHOP_BROKER": ""})) is None


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (126, "executed"),
        (127, "not found"),
        (137, "SIGKILL"),
        (139, "SIGSEGV"),
        (143, "SIGTERM"),
        (134, "SIGABRT"),
    ],
)
def test_what_codes_stand_for(code: int, word: str) -> None:
    assert word in meaning(code)


def test_other_codes_are_the_programs_own() -> None:
    assert [meaning(code) for code in (None, 0, 1, 2, 3, 128, 200, 255)] == [""] * 8


def test_a_credential_in_the_log_is_no_name() -> None:
    found = reason("open /srv/ghp_0123456789abcdefghijABCDEFGHIJ012345: no such file or directory", Start())
    assert found is None
