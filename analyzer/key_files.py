"""Files that are made to hold credentials: whether one does, which its contents tell and not its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .credentials import find_credentials, is_placeholder, names_secret

MOST_READ = 1024 * 1024  # bytes of such a file

# Names of files, and the ends of their paths, that programs keep credentials in.
_NAMES = re.compile(
    r"(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|(?:[\w-]{1,40})?\.env(?:\.(?!example|sample|template|tmpl|dist|defaults?|test)[\w-]{1,20})?"
    r"|\.npmrc|\.yarnrc(?:\.yml)?|[._]netrc|\.pypirc|pip\.(?:conf|ini)|\.git-credentials|\.gitconfig|\.git/config|\.pgpass|\.my\.cnf|debian\.cnf"
    r"|\.htpasswd|kubeconfig|\.kube/config|\.docker/config\.json|\.dockercfg|\.aws/(?:credentials|config)|credentials\.json"
    r"|application_default_credentials\.json|adc\.json|\.azure/[\w.-]{1,40}\.json|service[-_]account[\w-]*\.json"
    r"|[\w.-]+\.(?:p12|pfx|jks|keystore|kdbx|ppk)|[\w.-]*private[\w.-]*\.(?:pem|key)|server\.key|\.vault[-_]token"
    r"|terraform\.tfstate(?:\.backup)?|[\w.-]{1,60}\.tfvars|\.terraformrc|credentials\.tfrc\.json|settings\.xml|gradle\.properties"
    r"|\.(?:bash|zsh|sh|ash|ksh|psql|mysql|python|node_repl|rediscli)_history|fish_history|wp-config\.php"
    r"|config/master\.key|config/credentials/\w{1,40}\.key|\.cargo/credentials(?:\.toml)?|cargo/credentials(?:\.toml)?|\.gem/credentials"
    r"|gh/hosts\.yml|\.config/hub|glab-cli/config\.yml|(?i:nuget\.config)|auth\.json|\.s3cfg|\.boto|rclone\.conf|wireguard/[\w.-]{1,40}\.conf"
    r"|config/database\.yml)$"
)
# What any of that ends in, which is looked at first: most paths end otherwise.
_ENDINGS = (
    *"rsa dsa ecdsa ed25519 .npmrc .yarnrc .yml netrc .pypirc .conf .ini .git-credentials config .pgpass .cnf".split(),
    *".htpasswd .json .dockercfg /credentials .p12 .pfx .jks .keystore .kdbx .ppk .pem .key -token _token".split(),
    *".tfstate .backup .tfvars .terraformrc .xml .properties _history .php .toml /hub .Config .s3cfg .boto".split(),
)

# NAME=value, name: value, "name": "value"
_ASSIGNMENT = re.compile(
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{0,100})[\"']?[ \t]{0,8}[=:][ \t]{0,8}(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;]+)"
)
# What the formats of these files call one, beside what every name says.
_FIELDS = frozenset("_auth auth identitytoken registrytoken client-key-data private_key _password".split())
_ABOUT = re.compile(r"(?i)(?:source|process|helpers?|store|command)$")
# Of what stands in a format of its own, by the end of the path.
_FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("netrc", re.compile(r"\b(?:password|passwd)[ \t]+(?P<value>\S+)")),
    (".pgpass", re.compile(r"(?m)^(?!#)(?:[^:\\\n]|\\.)+(?::(?:[^:\\\n]|\\.)+){3}:(?P<value>[^\n]+)$")),
    (".htpasswd", re.compile(r"(?m)^(?!#)[^:\s]+:(?P<value>\S{8,})")),
    ("token", re.compile(r"\A\s*(?P<value>[\w.-]{16,})\s*\Z")),
    ("master.key", re.compile(r"\A\s*(?P<value>[0-9a-f]{32})\s*\Z")),
    (".key", re.compile(r"\A\s*(?P<value>[0-9a-f]{32}|[0-9a-f]{64})\s*\Z")),
    ("settings.xml", re.compile(r"<(?:password|passphrase)>\s*(?P<value>[^<\s]{1,200})\s*</")),
    (".config", re.compile(r"key=\"(?:ClearText)?Password\"\s{1,8}value=\"(?P<value>[^\"]{1,500})\"")),
    ("wp-config.php", re.compile(
        r"define\(\s{0,8}['\"](?:DB_PASSWORD|\w{2,40}_(?:KEY|SALT))['\"]\s{0,8},\s{0,8}['\"](?P<value>[^'\"\n]{1,200})['\"]\s{0,8}\)"
    )),
    ("auth.json", re.compile(r"\"[\w-]{1,60}(?:\.[\w-]{1,60}){1,4}\"\s{0,8}:\s{0,8}\"(?P<value>[^\"\s]{8,200})\"")),
    (".gem/credentials", re.compile(r"(?m)^:[\w.-]{1,60}:\s{1,8}(?P<value>[0-9a-f]{32}|rubygems_[0-9a-f]{48})\s*$")),
    (".conf", re.compile(r"(?m)^\s{0,8}PrivateKey\s{0,8}=\s{0,8}(?P<value>[A-Za-z0-9+/]{43}=)")),
    ("_history", re.compile(
        r"(?:\bmysql\b[^\n]{0,200}\s-p|\bsshpass\s{1,4}-p\s{0,4}|\bcurl\b[^\n]{0,200}\s(?:-u|--user)\s{1,4}[\w.@-]{1,60}:)['\"]?"
        r"(?P<value>[^\s'\"]{4,100})"
    )),
)  # fmt: skip
_NO_VALUE = re.compile(
    r"(?i)\$|%\w+%$|%\(\w+\)s|\{\{|<|`|@\w+@$|\{[\w+/=]+\}$|(?:env|getenv|file)[\[(:]|\*+$|null$"
    r"|put your unique|password_here$"
    # Where a value is kept: files, and the stores of secrets.
    r"|/[\w.-]+/|vault:|arn:aws:|op://|bws?:|gcp-?sm:|sm://|ssm:|projects/[^/]+/secrets/|secret(?:s)?manager:|ENC\[|\w+@$"
)
_XML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_KEY = re.compile(r"PRIVATE KEY|PuTTY-User-Key-File")
# Key stores are closed: what they are is all that can be told. A Java one tells the kind of its first entry, too:
# 1 for a private key.
_KDBX = b"\x03\xd9\xa2\x9a"
_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")


# DER and BER: the SEQUENCE that all of it is, with one to four bytes of length, or none given.
_DER = tuple(b"\x30" + bytes([length]) for length in range(0x80, 0x85))
_SEQUENCE = rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)"
_PKCS7, _PKCS5, _PKCS12 = (
    rb"\x06.\x2a\x86\x48\x86\xf7\x0d\x01" + part for part in (rb"\x07", rb"\x05", rb"\x0c")
)
# PFX of version 3, whose authSafe is data or signedData (RFC 7292, section 4).
_STORE = re.compile(rb"(?s)" + _SEQUENCE + rb"\x02\x01\x03" + _SEQUENCE + _PKCS7 + rb"(?P<kind>[\x01\x02])")
# Keys as PKCS#8 and PKCS#1 have them, those of elliptic curves, and PKCS#8 encrypted (RFC 5958, 8017, 5915).
_KEY_IN_DER = re.compile(
    rb"(?s)"
    + _SEQUENCE
    + rb"(?:\x02\x01\x00(?:\x30|\x02\x81|\x02\x82|\x02[\x20-\x7f])|\x02\x01\x01(?:\x30|\x04[\x14-\x42])"
    rb"|" + _SEQUENCE + rb"(?:" + _PKCS5 + rb"|" + _PKCS12 + rb"\x01))"
)
_KEY_BAG = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01"  # 1 and 2 behind it: a key, plain or encrypted
_UNKNOWN_LENGTH = b"\x30\x80"  # bags may be cut into pieces there


def _is_key_in_der(data: bytes) -> bool:
    """Whether a file is a private key, or a PKCS#12 store that holds one; a store of certificates alone is none."""
    store = _STORE.match(data)
    if store is None:
        return _KEY_IN_DER.match(data) is not None
    certain = store["kind"] == b"\x01" and not data.startswith(_UNKNOWN_LENGTH)
    return not certain or any(_KEY_BAG + kind in data for kind in (b"\1", b"\2"))


class FileCredential(NamedTuple):
    """A credential in a file that is made to hold some: its value, and its line from 1; None in a key store."""

    value: bytes
    line: int | None


def may_hold_credentials(path: str) -> bool:
    """Whether a file is made to hold credentials, by its name."""
    return (path.endswith(_ENDINGS) or ".env" in path) and _NAMES.search(path) is not None


def holds_credentials(path: str, data: bytes) -> bool:
    """Whether a file with the name of one that holds credentials does.

    Args:
        path: its path; the name says which format it has.
        data: its contents, or how they begin.
    """
    return first_credential(path, data) is not None


def first_credential(path: str, data: bytes) -> FileCredential | None:
    """The first credential of a file that is made to hold some; None where it holds none.

    Args: as for `holds_credentials`.
    """
    if data.startswith(_KDBX) or _is_key_in_der(data):
        return FileCredential(data, None)
    if data.startswith(_DER):
        return None  # a certificate, a request, a list of those that are no longer good
    if data.startswith(_JAVA):
        return FileCredential(data, None) if data[12:16] == b"\0\0\0\1" else None
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    if path.lower().endswith((".xml", ".config")):
        text = _XML_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    for start, value in _values(path, text):
        return FileCredential(value.encode("utf-8", "surrogatepass"), text.count("\n", 0, start) + 1)
    return None


def _values(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Where credentials begin, and what they are, in no order."""
    if key := _KEY.search(text):
        yield key.start(), text[key.start() : key.start() + 2000]
    for credential in find_credentials(text):
        value = text[credential.start : credential.end]
        if _is_value(value):
            yield credential.start, value
    for ending, pattern in _FORMATS:
        if path.lower().endswith(ending):
            for found in pattern.finditer(text):
                if _is_value(found["value"]):
                    yield found.start(), found["value"]
    for found in _ASSIGNMENT.finditer(text):
        name, value = found["name"], found["value"].strip("\"'")
        if (
            (name.lower() in _FIELDS or names_secret(name))
            and not _ABOUT.search(name)
            and _is_value(found["value"])
        ):
            yield found.start(), value


def _is_value(value: str) -> bool:
    value = value.strip("\"'")
    return not is_placeholder(value) and not _NO_VALUE.match(value)
