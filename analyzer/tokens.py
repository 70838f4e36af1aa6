"""Credentials of well-known services in bytes: whole files, block by block, whatever they hold.

Stricter than `credentials`, which masks whatever could be one: what is found here has the length and
the characters that the service gives out, and is no example of its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

PRIVATE_KEY = "private key"
MOST_TOKENS = 100  # that are told of one file

_URL = "password in a URL"
# What stands before these belongs to them, or can't be part of a word.
_WITHIN_WORDS = frozenset({_URL, "Slack webhook", "AWS secret key", PRIVATE_KEY})
_REACH = 2048  # no token is longer
_BEFORE = 128  # what has to be seen before one
_HEAD = 4096
_TEXT_HEAD = 512  # what has no zero in it is no program
_END = rb"(?![A-Za-z0-9_])"


class Token(NamedTuple):
    """A credential in a file: what it is, and where it begins, by bytes from 0 and by lines from 1."""

    kind: str
    shown: str  # it with its secret part masked
    offset: int
    line: int | None  # None in what is no text
    inside: str = ""  # the member of the archive that the file is


class _Shape(NamedTuple):
    """What a token looks like: one of the marks that no other text begins like, and the rest."""

    kind: str
    marks: tuple[bytes, ...]
    rest: bytes


_SHAPES = (
    _Shape("AWS access key ID", (b"AKIA", b"ASIA"), rb"[A-Z2-7]{16}" + _END),
    _Shape(
        "AWS secret key",
        (b"ecret_access_key", b"ECRET_ACCESS_KEY", b"ecretAccessKey"),
        rb"[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _Shape("GitHub token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"[A-Za-z0-9]{36,251}" + _END),
    _Shape("GitHub token", (b"github_pat_",), rb"[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _END),
    _Shape(
        "GitLab token",
        tuple(b"gl%b-" % kind for kind in b"pat dt rt rtr cbt ptt soat oas agent imt ft ffct".split()),
        rb"[\w-]{20,300}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7})?" + _END,
    ),
    _Shape(
        "Slack token",
        (b"xoxa-", b"xoxb-", b"xoxo-", b"xoxp-", b"xoxr-", b"xoxs-"),
        rb"(?:\d-)?\d{8,14}-[A-Za-z0-9-]{16,100}" + _END,
    ),
    _Shape("Slack token", (b"xapp-",), rb"\d-[A-Z0-9]{8,16}-\d{8,16}-[a-z0-9]{32,128}" + _END),
    _Shape(
        "Slack webhook",
        (b"hooks.slack.com/",),
        rb"(?:services|workflows)/T[A-Z0-9]{7,20}/[AB][A-Z0-9]{7,20}/[A-Za-z0-9]{20,40}" + _END,
    ),
    _Shape("Stripe key", (b"sk_live_", b"rk_live_"), rb"[0-9A-Za-z]{24,247}" + _END),
    _Shape("Google API key", (b"AIza",), rb"[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    _Shape("npm token", (b"npm_",), rb"[A-Za-z0-9]{36}" + _END),
    # The first bytes say for which of the two indexes it is.
    _Shape("PyPI token", (b"pypi-",), rb"AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZ)[\w-]{50,400}" + _END),
    _Shape("Docker Hub token", (b"dckr_",), rb"[po]at_[\w-]{27,40}" + _END),
    _Shape("DigitalOcean token", (b"dop_v1_", b"doo_v1_", b"dor_v1_"), rb"[0-9a-f]{64}" + _END),
    _Shape("Hugging Face token", (b"hf_",), rb"[A-Za-z0-9]{34}" + _END),
    _Shape("SendGrid key", (b"SG.",), rb"[\w-]{22}\.[\w-]{43}(?![\w-])"),
    _Shape("Anthropic key", (b"sk-ant-",), rb"[a-z]{2,10}\d{2}-[\w-]{80,200}" + _END),
    _Shape("OpenAI key", (b"T3BlbkFJ",), rb"[\w-]{20,100}" + _END),  # OpenAI in base64
    _Shape(
        _URL,
        (b"://",),
        rb"(?P<user>[\w.%+~-]{0,64}):(?P<value>[^\s/@:?#'\"`$<>{}()\[\]|\\,;\x00-\x20\x7f-\xff]{6,100})"
        rb"@(?P<host>[A-Za-z0-9_][\w.-]{0,250})",
    ),
    # The first line alone stands in every program that reads keys. JSON writes line ends as \\n.
    _Shape(
        PRIVATE_KEY,
        (b"PRIVATE KEY",),
        rb"(?: BLOCK)?-----(?:\s|\\[rn]){1,8}(?:[\w-]{1,40}:[^\n]{0,200}\n\s{0,8}){0,8}[A-Za-z0-9+/]{40}",
    ),
)


# The marks of some stand in their middle: how these begin.
_BEGINNINGS = {
    PRIVATE_KEY: re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}\Z"),
    "OpenAI key": re.compile(rb"sk-[\w-]{20,110}\Z"),
}


class _Screen(NamedTuple):
    """Finds several marks that end in the same character by what stands around that, at the cost of one."""

    pattern: re.Pattern[bytes]
    marks: tuple[bytes, ...]
    rests: dict[bytes, tuple[str, re.Pattern[bytes]]]


def _screen(pattern: bytes, marks: bytes) -> _Screen:
    wanted = tuple(marks.split())
    rests = {
        mark: (shape.kind, re.compile(shape.rest))
        for shape in _SHAPES
        for mark in shape.marks
        if mark in wanted
    }
    return _Screen(re.compile(pattern), wanted, rests)


_UNDERSCORES = b"ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ sk_live_ rk_live_ npm_ dop_v1_ doo_v1_ dor_v1_ hf_"
_HYPHENS = b" ".join(
    mark for shape in _SHAPES for mark in sorted(shape.marks, key=len, reverse=True) if mark.endswith(b"-")
)
_SCREENS = (
    _screen(rb"_(?<=[efmoprstu1]_)(?=[A-Za-z0-9]{22})", _UNDERSCORES),
    _screen(rb"-(?<=[a-z]-)(?=[\w-]{16})", _HYPHENS),
)
# Each of the others is looked for by itself.
_SINGLE = tuple(
    (shape.kind, mark, re.compile(re.escape(mark) + shape.rest))
    for shape in _SHAPES
    for mark in shape.marks
    if not any(mark in screen.rests for screen in _SCREENS)
)


def _candidates(data: bytes) -> Iterator[tuple[str, int, re.Match[bytes]]]:
    """The kind, the beginning, and a match that ends where the token does."""
    for pattern, marks, rests in _SCREENS:
        for hit in pattern.finditer(data):
            at = hit.end()
            if not data[max(at - 16, 0) : at].endswith(marks):
                continue
            for mark, (kind, rest) in rests.items():
                if data.startswith(mark, at - len(mark)) and (found := rest.match(data, at)):
                    yield kind, at - len(mark), found
                    break
    for kind, mark, pattern in _SINGLE:
        if mark in data:
            for found in pattern.finditer(data):
                yield kind, found.start(), found


# What may stand before a token though it ends like a word: the n of a line end that JSON and C escape, and other escapes.
_ESCAPE = re.compile(rb"(?:\\[nrt]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})\Z")
_LONGEST_ESCAPE = 6


def _stands_alone(data: bytes, start: int) -> bool:
    """Whether no word goes on here."""
    before = data[max(start - _LONGEST_ESCAPE, 0) : start]
    return not re.match(rb"[A-Za-z0-9_]", before[-1:]) or bool(_ESCAPE.search(before))


_FILLERS = re.compile(rb"(?i)example|x{4}|\*{3}|0{8}|\.{3}")
_FEWEST_CHARACTERS = 6
# What documentation calls a password, and names that lead nowhere.
_NO_PASSWORDS = re.compile(
    rb"(?i)(?:(?:my|your|the|user|some|super|db|proxy|new|a)?[-_.]?(?:pass|passwd|password|passw0rd|passphrase|pwd|secret|token"
    rb"|api[-_]?key)[-_.]?(?:\d{1,3}|here)?|pass\W.*|changeme|change[-_]me|foobar|foobarbaz|s3cr3t|hunter2|letmein|p@ssw0rd"
    rb"|.*(?:not[-_]?my|fake|dummy).*|123456\d*|abcdef\w*|xyz\w*|%\w+%?|_+\w+_+)$"
)
_NO_HOSTS = re.compile(
    rb"(?i)(?:.*\.)?(?:example(?:\.\w+)?|invalid|test|localhost|host|hostname|domain|server|foo|bar|baz|foobar|url|address|ip"
    rb"|proxy|company|(?:your|my|some)[-_]?(?:host|server|domain|company|db|database|site|app|proxy|registry|repo)\w*)(?:\.(?:com|org|net|io|tld|local))?$|127\.|\d$"
)


def _is_example(kind: str, found: re.Match[bytes]) -> bool:
    """Whether it only shows what a token looks like, as documentation does."""
    if kind == PRIVATE_KEY:
        return False
    groups = found.groupdict()
    value = groups.get("value") or found[0]
    if _FILLERS.search(value) or len(set(value)) < _FEWEST_CHARACTERS:
        return True
    if kind != _URL:
        return False
    user, host = groups["user"], groups["host"]
    return user == value or bool(_NO_PASSWORDS.match(value) or _NO_HOSTS.match(host))


def _shown(kind: str, found: re.Match[bytes]) -> str:
    if kind == _URL:
        return f"{found['user'].decode()}:****@{found['host'].decode()}"
    return "****"


class TokenFinder:
    """Finds the tokens of one file in its blocks; `tokens` has them after `end`."""

    def __init__(self, *, text: bool, inside: str = "", first: int = 0, step: int = 1) -> None:
        """`text`: lines can be told. The bytes given here are every `step`th of the file from its `first` on."""
        self.tokens: list[Token] = []
        self._text = text
        self._inside = inside
        self._first = first
        self._step = step
        self._rest = b""
        self._at = 0  # of the rest, in the file
        self._line = 1
        self._told = 0  # what begins before was looked at

    def add(self, block: bytes) -> None:
        """The next block. What begins near its end waits for more."""
        data = self._rest + block if self._rest else block
        cut = len(data) - _REACH
        if cut <= 0:
            self._rest = data
            return
        self._look(data, cut)
        keep = max(cut - _BEFORE, 0)
        if self._text:
            self._line += data.count(b"\n", 0, keep)
        self._at += keep
        self._rest = data[keep:]

    def end(self) -> None:
        """There is no more."""
        self._look(self._rest, len(self._rest))
        self._rest = b""

    def _look(self, data: bytes, cut: int) -> None:
        for kind, start, found in _candidates(data):
            if not self._told <= self._at + start < self._at + cut:
                continue
            if kind in _BEGINNINGS:
                before = max(start - _BEFORE, 0)
                beginning = _BEGINNINGS[kind].search(data[before:start])
                if beginning is None:
                    continue
                start = before + beginning.start()
            if kind not in _WITHIN_WORDS and not _stands_alone(data, start):
                continue
            if len(self.tokens) >= MOST_TOKENS or _is_example(kind, found):
                continue
            line = self._line + data.count(b"\n", 0, start) if self._text else None
            offset = (self._at + start) * self._step + self._first
            self.tokens.append(Token(kind, _shown(kind, found), offset, line, self._inside))
        self._told = self._at + cut


def find_tokens(blocks: Iterator[bytes], inside: str = "") -> list[Token]:
    """The tokens in a file, in their order. It is read in blocks, so that its size does not matter.

    Text of one, two and four bytes a character is read, also where it follows other text, and that of two bytes in
    programs for Windows, too.
    """
    first = next(blocks, b"")
    head = first[:_HEAD]
    step = 2 if head.startswith(b"MZ") else _width(head)
    narrow = TokenFinder(text=b"\0" not in head, inside=inside)
    # Each second, or fourth, byte of wide text is what other text would be.
    text = not head.startswith(b"MZ")
    wide = [TokenFinder(text=text, inside=inside, first=part, step=step) for part in range(step) if step > 1]
    at = 0
    block = first
    while block:
        narrow.add(block)
        if not wide and b"\0" not in head[:_TEXT_HEAD] and (zero := block.find(0)) >= 0:
            step = _width(block[zero : zero + _HEAD])
            if step > 1:
                starts = [at + (part - at) % step for part in range(step)]
                wide = [
                    TokenFinder(text=False, inside=inside, first=start, step=step)
                    for start in sorted(starts, key=lambda start: start % step)
                ]
        for part, finder in enumerate(wide):
            finder.add(block[(part - at) % step :: step])
        at += len(block)
        block = next(blocks, b"")
    finders = [narrow, *wide]
    for finder in finders:
        finder.end()
    found = (token for finder in finders for token in finder.tokens)
    return sorted(found, key=lambda token: token.offset)[:MOST_TOKENS]


def _width(data: bytes) -> int:
    """How many bytes a character has, if this is text: 1, 2 or 4."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return 4
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return 2
    if b"\0" not in data:
        return 1
    zeros = sorted(data[part::4].count(0) * 16 for part in range(4))
    # Of ASCII in four bytes, three are always zero, of that in two one is; other letters have a few less.
    if zeros[1] > len(data) * 3 and zeros[0] < len(data):
        return 4
    halves = [data[part::2].count(0) * 4 for part in range(2)]
    return 2 if max(halves) > len(data) and min(halves) < len(data) // 8 else 1
