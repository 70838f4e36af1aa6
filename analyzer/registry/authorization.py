"""What a registry asks for before it answers, and what is told to whom."""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from typing import NamedTuple

# The user's login for a registry, by the name of its host: "username" and "password", or "identitytoken"; {}: none.
Login = Callable[[str], Mapping[str, str]]

REFUSED = "it wants a login, or refuses the one that there is"


class TokenRequest(NamedTuple):
    """Where and how a token is asked for."""

    url: str
    headers: Mapping[str, str]
    form: bytes | None


def challenges(headers: Message) -> Iterator[tuple[str, dict[str, str]]]:
    """The ways to authorize that a 401 names: "bearer" or "basic", and what belongs to it."""
    for challenge in headers.get_all("WWW-Authenticate") or []:
        scheme, _, rest = str(challenge).partition(" ")
        yield scheme.lower(), dict(re.findall(r'(\w+)="([^"]*)"', rest))


def basic(credentials: Mapping[str, str]) -> str:
    """An Authorization with name and password; "" without a name."""
    if not credentials.get("username"):
        return ""
    pair = f"{credentials['username']}:{credentials.get('password', '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def token_request(
    challenge: Mapping[str, str], repository: str, credentials: Mapping[str, str]
) -> TokenRequest:
    """How a challenge wants a token to be asked for, with which a repository can be read."""
    query = {"scope": challenge.get("scope") or f"repository:{repository}:pull"}
    if "service" in challenge:
        query["service"] = challenge["service"]
    realm = challenge["realm"]
    identity = credentials.get("identitytoken")
    if identity:
        form = {**query, "grant_type": "refresh_token", "refresh_token": identity, "client_id": "imglint"}
        return TokenRequest(realm, {}, urllib.parse.urlencode(form).encode())
    joint = "&" if "?" in realm else "?"
    url = f"{realm}{joint}{urllib.parse.urlencode(query)}"
    return TokenRequest(url, {"Authorization": basic(credentials)}, None)
