"""Files that are made to hold credentials: whether one does, which its contents tell and not its name."""

from __future__ import annotations

import re

from .credentials import find_credentials, is_placeholder, names_secret

# NAME=value, name: value, "name": "value"
_ASSIGNMENT = re.compile(
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{0,100})[\"']?[ \t]{0,8}[=:][ \t]{0,8}(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;]+)"
)
# What the formats of these files call one, beside what every name says.
_NAMES = frozenset("_auth auth identitytoken registrytoken client-key-data private_key _password".split())
_ABOUT = re.compile(r"(?i)(?:source|process|helpers?|store|command)$")
_NETRC = re.compile(r"\b(?:password|passwd)[ \t]+(?P<value>\S+)")
_PGPASS = re.compile(r"(?m)^(?!#)(?:[^:\\\n]|\\.)+(?::(?:[^:\\\n]|\\.)+){3}:(?P<value>[^\n]+)$")
_HTPASSWD = re.compile(r"(?m)^(?!#)[^:\s]+:(?P<value>\S{8,})")
_VAULT_TOKEN = re.compile(r"\A\s*(?P<value>[\w.-]{16,})\s*\Z")
_LINES = {".netrc": _NETRC, ".pgpass": _PGPASS, ".htpasswd": _HTPASSWD, "token": _VAULT_TOKEN}
_NO_VALUE = re.compile(r"\$|%\w+%$|\{\{|<|\*+$|null$")
_KEY = ("PRIVATE KEY", "PuTTY-User-Key-File")
# Key stores are closed: what they are is all that can be told. A Java one tells the kind of its first entry, too:
# 1 for a private key.
_DER, _KDBX = (b"\x30\x80", b"\x30\x82", b"\x30\x83"), b"\x03\xd9\xa2\x9a"
_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")


def holds_credentials(path: str, data: bytes) -> bool:
    """Whether a file with the name of one that holds credentials does.

    Args:
        path: its path; the name says which format it has.
        data: its contents, or how they begin.
    """
    name = path.rpartition("/")[2]
    if data.startswith((*_DER, _KDBX)):
        return not name.endswith((".crt", ".cer"))
    if data.startswith(_JAVA):
        return data[12:16] == b"\0\0\0\1"
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    if any(mark in text for mark in _KEY):
        return True
    if any(_is_value(text[found.start : found.end]) for found in find_credentials(text)):
        return True
    for ending, line in _LINES.items():
        if name.endswith(ending) and any(_is_value(found["value"]) for found in line.finditer(text)):
            return True
    return any(
        (found["name"].lower() in _NAMES or names_secret(found["name"]))
        and not _ABOUT.search(found["name"])
        and _is_value(found["value"])
        for found in _ASSIGNMENT.finditer(text)
    )


def _is_value(value: str) -> bool:
    value = value.strip("\"'")
    return not is_placeholder(value) and not _NO_VALUE.match(value)
