"""Credentials of every known shape, and what commands say that were given them.

The values are put together here, so that scanners of this repository find none.
"""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from imglint.__main__ import main
from imglint.reports.formats import FORMATS

RANDOM = "q7Zt2Kx9LmB4vRn8WcY3pHs6JdF1gTa5UeQ0yNiXoEwPbDkMzGhVrSfLuCjA2t9"


SHAPED = {
    "aws": "AKIA" + "QZ3XK7PLMN4RTUVW",
    "github": "ghp_" + RANDOM[:36],
    "github-oauth": "gho_" + RANDOM[1:37],
    "github-fine": "github_pat_" + RANDOM[:22] + "_" + RANDOM[:59],
    "gitlab": "glpat-" + RANDOM[3:23],
    "slack": "xoxb-" + "123456789012-1234567890123-" + RANDOM[:24],
    "google": "AIza" + "Sy" + RANDOM[:33],
    "stripe": "sk_live_" + RANDOM[2:26],
    "npm": "npm_" + RANDOM[4:40],
    "pypi": "pypi-" + "AgEIcHlwaS5vcmc" + RANDOM,
    "docker": "dckr_pat_" + RANDOM[:27],
    "digitalocean": "dop_v1_" + "0f1e2d3c4b5a6978" * 4,
    "huggingface": "hf_" + RANDOM[5:39],
    "sendgrid": "SG." + RANDOM[:22] + "." + RANDOM[:43],
    "anthropic": "sk-ant-" + "api03-" + RANDOM + RANDOM[:30],
    "openai": "sk-" + RANDOM[6:46],
    "jwt": "eyJ" + RANDOM[:20] + ".eyJ" + RANDOM[:30] + "." + RANDOM[:40],
}


PASSWORD = "Tr0ub4dor" + "-x9Kq"


URL = f"https://deploy:{PASSWORD}@registry.internal:5000/shop"


NAMED = "Zm9vYmFy" + "-q8Lw2"  # told by the name that it is given to


KEY_LINES = tuple("MIIE" + RANDOM[at : at + 44] for at in range(6))


KEY = "\n".join(["-----BEGIN RSA PRIVATE " + "KEY-----", *KEY_LINES, "-----END RSA PRIVATE KEY-----"])


SEEDS = {**SHAPED, "url": PASSWORD, "named": NAMED, **{f"key {at}": one for at, one in enumerate(KEY_LINES)}}


def leaks(text: str) -> list[str]:
    """The seeds of which more stands in a text than could be shown of one, also where it was cut."""
    flat = text.replace("\n    ", "")
    return [
        name
        for name, seed in SEEDS.items()
        for shown in (text, flat)
        if seed in shown or (len(seed) > 18 and (seed[-14:] in shown or seed[8:22] in shown))
    ]


def clean(*texts: str | bytes) -> None:
    for text in texts:
        assert leaks(text.decode("utf-8", "replace") if isinstance(text, bytes) else text) == []


def formats() -> list[str]:
    return [word for form in FORMATS for word in ("--format", form, "--output", f"out.{form}")]


def run(capfd: pytest.CaptureFixture[str], *arguments: str, codes: tuple[int, ...] = (0, 1)) -> str:
    """Run a command here: nothing of it may leak."""
    code = main(arguments)
    out, errors = capfd.readouterr()
    assert code in codes, errors
    clean(out, errors)
    return out + errors


def written(*patterns: str) -> None:
    """No file that was written leaks, and those that others read can be read."""
    files = [path for pattern in patterns for path in Path().glob(pattern)]
    assert files
    for path in files:
        data = path.read_bytes()
        assert data
        clean(data)
        if path.suffix in (".json", ".sarif", ".gitlab"):
            json.loads(data)
        if path.suffix in (".junit", ".checkstyle", ".graphml"):
            ElementTree.fromstring(data)
