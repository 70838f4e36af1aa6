"""Expectations and structure tests: what holds and what does not, on the server of test_verify_expect.py."""

from __future__ import annotations

from typing import Any

RIGHT = """
version: 1
ports: {8888/tcp: published, 9/tcp: closed}
other-ports: false
health: {status: healthy, within: 10}
user: {uid: 0, gid: 0, root: true}
processes: {max: 4, services: 1}
writes: [/tmp]
command: [sh, /server.sh]
output: [started]
commands:
- run: [echo, hello]
  stdout: ^hello$
- run: [sh, -c, "echo no >&2; exit 3"]
  exit: 3
  stderr: "no"
files:
  /server.sh: {mode: "0755", contains: nc -l}
  /nowhere: {exists: false}
"""


WRONG = """
ports: {8888/tcp: closed, 9/tcp: listening, 10/tcp: published}
health: {within: 0.1}
user: {uid: 5, root: false}
processes: {max: 1, services: 0}
writes: []
stop: {within: 1}
command: [sh]
output: [never]
commands:
- run: [echo, hello]
  stdout: bye
files:
  /server.sh: {exists: false}
  /nowhere: {}
"""


Q = [{"key": "Q", "value": "7"}]


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("command", {"command": "echo", "args": ["hi"], "expectedOutput": ["hi"]}, True),
    ("command", {"command": "sh", "args": ["-c", "exit 3"], "exitCode": 3}, True),
    ("command", {"command": "sh", "args": ["-c", "exit 3"]}, False),
    ("command", {"command": "nonesuch"}, False),
    ("command", {"command": "/nonesuch", "exitCode": 127}, False),
    ("command", {"command": "echo", "args": ["$A-$B"], "expectedOutput": ["1-x y"]}, True),
    ("command", {"command": "sh", "args": ["-c", "echo e >&2"], "expectedError": ["e"], "excludedOutput": ["e"]}, True),
    ("command", {"command": "cat", "args": ["/tmp/x"], "setup": [["sh", "-c", "echo 5 > /tmp/x"]],
                 "expectedOutput": ["5"]}, True),
    # A container is its test's own, so that there is nothing to take down.
    ("command", {"command": "true", "teardown": [["false"]]}, True),
    ("command", {"command": "echo", "args": ["$Q"], "envVars": Q, "expectedOutput": ["7"]}, True),  # not so there
    ("command", {"command": "echo", "args": ["hello"], "expectedOutput": ["^h.*o\n$"]}, True),
    ("command", {"command": "echo", "args": ["x"], "excludedOutput": ["x"]}, False),
    ("command", {"command": "id", "args": ["-u"], "expectedOutput": ["1000"]}, True),
    ("command", {"command": "pwd", "expectedOutput": ["/srv"]}, True),
    ("file", {"path": "/srv/a"}, True),
    ("file", {"path": "/srv/none", "shouldExist": False}, True),
    ("file", {"path": "/srv/none", "shouldExist": True}, False),
    ("file", {"path": "/srv/a", "shouldExist": True, "permissions": "-rw-r-----"}, True),
    ("file", {"path": "/srv/a", "shouldExist": True, "permissions": "-rw-r--r--"}, False),
    ("file", {"path": "/srv/a", "shouldExist": True, "uid": 7, "gid": 8}, True),
    ("file", {"path": "/srv/a", "shouldExist": True, "uid": 0}, False),
    ("file", {"path": "/srv/d", "shouldExist": True, "permissions": "dtrwxrwxrwx"}, True),
    ("file", {"path": "/srv/suid", "shouldExist": True, "permissions": "urwxr-xr-x"}, True),
    ("file", {"path": "/srv/l", "shouldExist": True, "permissions": "Lrwxrwxrwx"}, True),
    ("file", {"path": "/srv", "shouldExist": True, "permissions": "drwxr-xr-x"}, True),
    ("file", {"path": "/srv/suid", "shouldExist": True, "isExecutableBy": "any"}, True),
    ("file", {"path": "/srv/a", "shouldExist": True, "isExecutableBy": "owner"}, False),
    ("content", {"path": "/srv/a", "expectedContents": ["hell."]}, True),
    ("content", {"path": "/srv/a", "expectedContents": ["^hello$"]}, False),  # in Go `$` is the end of all
    ("content", {"path": "/srv/a", "excludedContents": ["hello"]}, False),
    ("content", {"path": "/none", "expectedContents": ["x"]}, False),
    ("content", {"path": "/srv/l", "expectedContents": ["hello"]}, True),  # not so there: it does not follow links
    ("metadata", {"envVars": [{"key": "A", "value": "1"}]}, True),
    ("metadata", {"envVars": [{"key": "A", "value": "2"}]}, False),
    ("metadata", {"envVars": [{"key": "B", "value": "x.*", "isRegex": True}]}, True),
    ("metadata", {"labels": [{"key": "org", "value": "me"}]}, True),
    ("metadata", {"labels": [{"key": "or", "value": "me"}]}, False),
    ("metadata", {"exposedPorts": ["8080"]}, True),
    ("metadata", {"exposedPorts": ["81"]}, False),
    ("metadata", {"exposedPorts": ["53/udp"]}, True),  # not so there: it drops the protocol
    ("metadata", {"unexposedPorts": ["53"]}, True),  # not so there
    ("metadata", {"unexposedPorts": ["8080"]}, False),
    ("metadata", {"volumes": ["/data"]}, True),
    ("metadata", {"volumes": ["/x"]}, False),
    ("metadata", {"unmountedVolumes": ["/data"]}, False),
    ("metadata", {"entrypoint": ["/bin/sh"], "cmd": ["-c", "true"], "workdir": "/srv", "user": "1000"}, True),
    ("metadata", {"cmd": ["-c"]}, False),
    ("metadata", {"workdir": "/x"}, False),
    ("metadata", {"user": "0"}, False),
    ("license", {"debian": False, "files": ["/srv/a"]}, True),
    ("license", {"debian": False, "files": ["/srv/lic"]}, False),
]  # fmt: skip


KEYS = {
    "command": "commandTests", "file": "fileExistenceTests", "content": "fileContentTests", "license": "licenseTests",
    "metadata": "metadataTest",
}  # fmt: skip
