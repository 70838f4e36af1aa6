"""What credentials tell of themselves: checksums, and parts that decode to what they must."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_FACTORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_MOST_ACCOUNTS = 10**12  # the number of an AWS account has twelve digits


def base62_crc(token: bytes) -> bool:
    """Whether the last six characters are the CRC32, in base 62, of the thirty before: GitHub's and npm's form."""
    body, check = token[-36:-6], token[-6:]
    number = 0
    for digit in check:
        number = number * 62 + _BASE62.index(digit)
    return number == zlib.crc32(body)


def grafana_crc(token: bytes) -> bool:
    """Whether the last eight digits are the CRC32 of what stands before their underscore, in either order of bytes."""
    body, _, check = token.rpartition(b"_")
    crc = zlib.crc32(body)
    return check.lower() in (b"%08x" % crc, crc.to_bytes(4, "little").hex().encode())


def atlassian_crc(token: bytes) -> bool:
    """Whether the eight digits behind the equals sign are the CRC32 of what stands before it."""
    body, _, check = token.rpartition(b"=")
    return check.upper() == b"%08X" % zlib.crc32(body)


def bech32(token: bytes) -> bool:
    """Whether the last six characters are the checksum that Bech32 (BIP 173) has."""
    human, _, data = token.lower().rpartition(b"1")
    values = [one >> 5 for one in human] + [0] + [one & 31 for one in human]
    values += [_BECH32.find(one) for one in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for at, factor in enumerate(_BECH32_FACTORS):
            check ^= factor if top >> at & 1 else 0
    return check == 1


def aws_account(token: bytes) -> bool:
    """Whether the number of an account stands in an access key ID, as in all that were made since 2019.

    Of ten random ones nine have it, too, so that only its absence says anything.
    """
    first = base64.b32decode(token[4:])
    account = (int.from_bytes(first[:6], "big") & 0x7FFFFFFFFF80) >> 7
    return account < _MOST_ACCOUNTS


def json_web_token(token: bytes) -> bool:
    """Whether the first two parts decode to objects, and the header names a way to sign."""
    header, payload = (_decoded_json(part) for part in token.split(b".")[:2])
    return isinstance(header, dict) and isinstance(payload, dict) and header.get("alg") not in (None, "none")


def _decoded_json(part: bytes) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None


def discord_id(token: bytes) -> bool:
    """Whether the first part decodes to the number of an account."""
    part = token.partition(b".")[0]
    try:
        number = base64.b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error:
        return False
    return re.fullmatch(rb"\d{17,20}", number) is not None


def encrypted_openssh(body: bytes) -> bool:
    """Whether a key in OpenSSH's form, of which the lines are given, names a cipher."""
    try:
        data = base64.b64decode(re.sub(rb"[^A-Za-z0-9+/]", b"", body)[:80])
    except binascii.Error:
        return False
    magic = b"openssh-key-v1\0"
    return data.startswith(magic) and not data[len(magic) :].startswith(b"\0\0\0\4none")
