"""What only shows how a credential looks: placeholders, examples of documentation, files of tests."""

from __future__ import annotations

import base64
import re

from .shapes import PRIVATE_KEY, URL

_FILLERS = re.compile(
    rb"(?i)example|sample|dummy|fake|placeholder|redacted|changeme|replace|insert|your[-_]?|abcdefghij|0123456789abcdef"
    rb"|qwerty|deadbeef|x{4}|\*{3}|0{8}|\.{3}|(.)\1{7}|(.{2,8}?)\2{3}"
)
_FEWEST_CHARACTERS = 6
# Of services' own documentation, where they stand in many packages.
_PUBLISHED = frozenset(
    (
        b"sk_" + b"test_4eC39HqLyjWDarjtT1zdp7dc", b"sk_" + b"test_BQokikJOvBiI2HlWgH4olfQ2", b"sk_"
        + b"test_tR3PYbcVNZZ796tH88S4VQ2u", b"sk_" + b"test_26PHem9AhJZvU623DfE1x4sd",
    )
)  # fmt: skip
# What documentation calls a password, and names that lead nowhere.
_NO_PASSWORDS = re.compile(
    rb"(?i)(?:(?:my|your|the|user|some|super|db|proxy|new|a)?[-_.]?(?:pass|passwd|password|passw0rd|passphrase|pwd|secret|token"
    rb"|api[-_]?key)[-_.]?(?:\d{1,3}|here)?|pass\W.*|changeme|change[-_]me|foobar|foobarbaz|s3cr3t|hunter2|letmein|p@ssw0rd"
    rb"|.*(?:not[-_]?my|fake|dummy).*|123456\d*|abcdef\w*|xyz\w*|key[-_]?\d*|%\w+%?|_+\w+_+)$"
)
_NO_HOSTS = re.compile(
    rb"(?i)(?:.*\.)?(?:example(?:\.\w+)?|invalid|test|localhost|host|hostname|domain|server|foo|bar|baz|foobar|url|address|ip"
    rb"|proxy|company|(?:your|my|some)[-_]?(?:host|server|domain|company|db|database|site|app|proxy|registry|repo)\w*)(?:\.(?:com|org|net|io|tld|local))?$|127\.|\d$"
)
_MADE_UP_CLAIMS = (b'"1234567890"', b"John Doe", b"jwt.io")
# Where packages keep what they test themselves with, and what they tell people.
_PATHS = re.compile(
    r"(?i)(?:^|/)(?:tests?|testing|testdata|test[-_]data|__tests__|specs?|fixtures?|mocks?|__mocks__|e2e|cypress"
    r"|examples?|samples?|demos?|docs?|documentation|man|benchmarks?|tutorials?)/"
    r"|\.(?:dist|egg)-info/(?:metadata|pkg-info)$"  # holds the README
    r"|(?:^|/)(?:test_[^/]*\.py|conftest\.py|[^/]*(?:_test\.(?:go|py|rb|exs?)|[._-](?:spec|test)\.[cm]?[jt]sx?|\.d\.ts)"
    r"|(?:readme|changelog|changes|history|news|contributing|tutorial)(?:\.(?:txt|html?|gz))?|[^/]*\.(?:md|markdown|mdx|rst|adoc|pod))$"
)


def is_example(kind: str, token: bytes, groups: dict[str, bytes]) -> bool:
    """Whether a credential only shows what one looks like.

    Args:
        kind: what it is.
        token: all of it.
        groups: what of it its pattern names: the value, and of a URL user and host.
    """
    if kind == PRIVATE_KEY:
        return False
    if kind == "JSON web token":
        claims = base64.urlsafe_b64decode(token.split(b".")[1] + b"==")
        return any(claim in claims for claim in _MADE_UP_CLAIMS)
    value = groups.get("value") or token
    if token in _PUBLISHED or _FILLERS.search(value) or len(set(value)) < _FEWEST_CHARACTERS:
        return True
    if kind != URL:
        return False
    user, host = groups["user"], groups["host"]
    return user == value or bool(_NO_PASSWORDS.match(value) or _NO_HOSTS.match(host))


_HOME = re.compile(r"(?:home/[^/]+|root)/")  # of somebody who may be called test or demo


def is_example_path(path: str) -> bool:
    """Whether a file is one of tests or documentation, by its path."""
    home = _HOME.match(path)
    return _PATHS.search(path, home.end() - 1 if home else 0) is not None
