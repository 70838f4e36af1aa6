"""Credentials in text: found by shape and name, masked, and left alone where they are none."""

from __future__ import annotations

from typing import Any

import pytest

from imglint.analyzer.credentials import find_credentials, mask, masked, names_secret

TOKEN = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD",
        "apiKey",
        "API_KEY",
        "authToken",
        "SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "MYSQL_PASS",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    ["USERNAME", "PASSWORD_FILE", "TOKENIZER", "PUBLIC_KEY", "NGINX_GPG_KEY", "PWD", "KEY_ALIAS", "SECRET_NAME",
     "PASSWORDLESS_SUDO", "KEYCLOAK", "COMPASS", "BYPASS_CACHE", "MONKEY"],
)  # fmt: skip
def test_names_of_no_secrets(name: str) -> None:
    assert not names_secret(name)


MASKED: list[tuple[Any, Any]] = [
    (f"x {TOKEN} y", "x **** y"),
    ("git clone https://me:s3cr3t@example.org/x", "git clone https://me:****@example.org/x"),
    ("git clone https://$U:$P@example.org/x", "git clone https://$U:$P@example.org/x"),
    ("|1 TOKEN=hunter22 /bin/sh -c make", "|1 TOKEN=**** /bin/sh -c make"),
    ("ENV DB_PASSWORD=hunter22", "ENV DB_PASSWORD=****"),
    ("app --password=hunter22 --port=80", "app --password=**** --port=80"),
    (["app", "--password", "hunter22", "--port", "80"], ["app", "--password", "****", "--port", "80"]),
    ({"argv": ["a", TOKEN], "n": 3}, {"argv": ["a", "****"], "n": 3}),
    ("ENV PASSWORD_FILE=/run/secrets/x", "ENV PASSWORD_FILE=/run/secrets/x"),
]


@pytest.mark.parametrize(("value", "expected"), MASKED)
def test_masking(value: Any, expected: Any) -> None:
    assert masked(value) == expected


def test_places_do_not_overlap() -> None:
    text = f"https://me:{TOKEN}@example.org"
    (found,) = find_credentials(text)
    assert text[found.start : found.end] == TOKEN
    assert TOKEN not in mask(text)
