"""What a finding claims and advises, where that hangs on how a thing was written."""

from __future__ import annotations

import pytest
from rule_examples import RULES

from imglint.analyzer.dockerfile import Dockerfile
from imglint.rules.judge import judge_dockerfile

NODE = "NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off for "
SAID = [
    ("CKV2_DOCKER_6", "ENV NODE_TLS_REJECT_UNAUTHORIZED=0", NODE + "every Node program of the image"),
    ("CKV2_DOCKER_6", "ENV NODE_TLS_REJECT_UNAUTHORIZED=0\nFROM b", NODE + "every Node program that this stage runs"),
    ("CKV2_DOCKER_6", "ARG NODE_TLS_REJECT_UNAUTHORIZED=0", NODE + "every Node program that this stage runs"),
    ("CKV2_DOCKER_6", "RUN NODE_TLS_REJECT_UNAUTHORIZED=0 npm i", NODE + "the Node programs of this command"),
    ("CKV2_DOCKER_6", "RUN env NODE_TLS_REJECT_UNAUTHORIZED=0 npm i", NODE + "the Node programs of this command"),
    ("CKV2_DOCKER_6", "RUN export NODE_TLS_REJECT_UNAUTHORIZED=0; npm i", NODE + "the Node programs of this RUN"),
    ("CKV2_DOCKER_5", "ENV PYTHONHTTPSVERIFY=0", "every Python 2.7 program of the image"),
    ("CKV2_DOCKER_12", "RUN npm config set strict-ssl false", "strict-ssl false makes npm download"),
    ("CKV2_DOCKER_12", "RUN yarn config set strict-ssl false -g", "strict-ssl false makes yarn download"),
    ("CKV2_DOCKER_12", "RUN npm i --strict-ssl=false", "--strict-ssl=false makes npm download"),
    ("CKV2_DOCKER_12", "ENV NPM_CONFIG_STRICT_SSL=false", "NPM_CONFIG_STRICT_SSL=false makes npm download"),
    ("CKV2_DOCKER_14", "RUN git config --global http.sslVerify false", "http.sslVerify false makes git clone"),
    ("CKV2_DOCKER_14", "RUN git -c http.sslVerify=0 clone x", "http.sslVerify=0 makes git clone"),
    ("DL3042", "RUN pip install b", "in ~/.cache/pip; use"),
    ("DL3042", "ENV PIP_CACHE_DIR=/p/\nRUN pip install b", "in /p; use"),
    ("DL3042", "ENV XDG_CACHE_HOME=/p\nRUN pip install b", "in /p/pip; use"),
    ("DL3042", "RUN pip install --cache-dir /p b", "in its cache; use"),
    ("DL3042", "RUN pip config set global.cache-dir /p && pip install b", "in its cache; use"),
    ("IL039", "ADD https://example.org/x /x", "; name its --checksum"),
    ("IL039", "ADD https://example.org/x https://example.org/y /z/", "; give it an ADD with --checksum"),
    ("IL039", "ADD http://example.org/x y /z/", "; use https, and give it an ADD with --checksum"),
    ("AV0805", "RUN docker login -u b -p $P", "docker login logs in with a credential that"),
    ("AV0805", "RUN npm config set //r/:_authToken $T", "npm config writes a credential that"),
    ("AV0805", "RUN aws configure set aws_secret_access_key $K", "aws configure writes a credential that"),
    ("AV0805", "RUN echo //r/:_authToken=$T > ~/.npmrc", "this writes a credential that"),
    ("AV1002", "RUN echo x >> /etc/hosts", "use --add-host"),
    ("AV1002", "RUN echo x > /etc/resolv.conf", "use --dns"),
    ("AV1002", "RUN echo x > /etc/hostname", "use --hostname"),
    ("DL3013", "RUN pip install b", "use package==version"),
    ("DL3013", "RUN pip install git+https://example.org/b", "use @ and a commit behind its path"),
    ("DL3008", "RUN apt-get install -y wget- curl+", "curl is not pinned"),
    ("DL3008", "RUN apt-get install -y g++", "g++ is not pinned"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "words"), SAID, ids=[f"{code}-{text}" for code, text, _ in SAID])
def test_a_claim_goes_no_further_than_what_is_written(code: str, text: str, words: str) -> None:
    found = judge_dockerfile(Dockerfile.from_string(f"FROM a\n{text}\n"), RULES).findings
    messages = [finding.message for finding in found if finding.rule.code == code]
    assert messages and all(words in message for message in messages), messages
