"""Credentials in text: found by shape and name, masked, and left alone where they are none."""

from __future__ import annotations

from typing import Any

import pytest

from imglint.analyzer.credentials import (
    find_credentials,
    mask,
    mask_cut,
    mask_lines,
    mask_shapes,
    masked,
    names_secret,
)

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


@pytest.mark.parametrize("border", ["%2F", "%2f", "%20", "%3D", "%0A", "%252F", "\\U0001f600"])
def test_an_escaped_character_is_a_border(border: str) -> None:
    text = f"x{border}{TOKEN}{border}y"
    (found,) = find_credentials(text)
    assert text[found.start : found.end] == TOKEN
    assert mask_shapes(text) == f"x{border}****{border}y"


def test_a_url_in_a_url() -> None:
    assert mask_shapes("?to=https%3A%2F%2Fme%3As3cr3t%2Bx%40example.org") == (
        "?to=https%3A%2F%2Fme%3A****%40example.org"
    )
    assert mask_shapes("https%3A%2F%2Fexample.org%3A80/@x") == "https%3A%2F%2Fexample.org%3A80/@x"


KEY_LINES = tuple(letter * 60 + "0aZ+" for letter in "ABCD")
BEGIN, END = "-----BEGIN RSA PRIVATE " + "KEY-----", "-----END RSA PRIVATE " + "KEY-----"


@pytest.mark.parametrize(
    "parts", [(BEGIN, END), (BEGIN, ""), ("", END)], ids=["whole", "no end", "no beginning"]
)
@pytest.mark.parametrize("before", ["", "\t"])
def test_lines_are_masked_as_the_whole_is(before: str, parts: tuple[str, str]) -> None:
    begin, end = parts
    text = "\n".join(
        ["FROM a", *(before + one for one in (begin, *KEY_LINES, "c2hvcnQ=", end) if one), "RUN b"]
    )
    lines = mask_lines(text)
    assert len(lines) == text.count("\n") + 1
    assert (lines[0], lines[-1]) == ("FROM a", "RUN b")
    assert not any(one in "\n".join(lines) for one in (*KEY_LINES, "c2hvcnQ="))


def test_a_key_of_which_each_line_is_written_alone() -> None:
    text = " && \\\n".join(f"echo '{one}' >> /key" for one in (BEGIN, *KEY_LINES, END)) + " && make"
    lines = mask_lines(text)
    assert not any(one in "\n".join(lines) for one in KEY_LINES)
    assert len(lines) == 6
    assert lines[-1].endswith(">> /key && make")


def test_a_quote_over_several_lines() -> None:
    assert mask_lines('ENV DB_PASSWORD="hunter22\\\nhunter33" A=b\nRUN c') == (
        "ENV DB_PASSWORD=****", "**** A=b", "RUN c",
    )  # fmt: skip
    assert mask("DB_PASSWORD='hunter22 x") == "DB_PASSWORD=**** x"


JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0" + ".c2lnbmF0dXJl" + "c2lnbmF0dXJl"


@pytest.mark.parametrize("ending", ["…", "...", "\\u2026", "…'"])
def test_beginnings_before_an_ellipsis(ending: str) -> None:
    for seen in (
        TOKEN[:20],
        "dop_v1_" + "0f1e2d3c4b5a" * 3,
        "glpat-" + "abcdefgh1",
        "AKIA" + "QZ3XK7PLMN",
        JWT[:50],
    ):
        assert mask_shapes(f"not {seen}{ending}") == f"not ****{ending}"
    told = mask_shapes(f"not https://me:s3cr3t{ending}")
    assert "s3cr3t" not in told


def test_beginnings_at_the_end_of_what_was_cut() -> None:
    assert mask_cut("a " + TOKEN[:12]) == "a ****"
    assert mask_cut("a https://me:s3cr3t") == "a https://me:****"
    assert mask_cut("a https://example.org:8080") == "a https://example.org:8080"
    for whole in ("pip install hf_transfer", "npm_config_cache", "sk-learn", "https://example.org:8080…"):
        assert mask(whole) == whole


def test_the_parts_of_a_json_web_token() -> None:
    head, body, _ = JWT.split(".")
    assert mask_shapes(f"gates.{head}.{body} is no key") == "gates.**** is no key"
    assert mask_shapes(f"{head} is no key") == "**** is no key"
