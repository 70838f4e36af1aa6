"""What the commands that start containers write: masked, whole, or told to be lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from container_images import Images
from masked import NAMED, SHAPED, URL, formats, run, written

from imglint.runner import Engine

pytestmark = pytest.mark.container


def test_verify_and_push(
    engine: Engine,
    images: Images,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "\n".join([
        f"ENV A={SHAPED['npm']} API_TOKEN={NAMED} U={URL}",
        f"LABEL a={SHAPED['stripe']}",
        f'CMD ["/bin/busybox", "sh", "-c", "echo {SHAPED["github"]}; echo {URL}; env; exit 3", "--password={NAMED}"]',
    ])  # fmt: skip
    tag = images.on(engine, lines)
    told = run(capfd, "verify", tag, "-f", "full", *formats())
    assert "disproved" in told or Path("out.full").read_text()
    run(capfd, "verify", tag, "--deep", "-f", "full")
    run(capfd, "audit", "--image", tag, "--run", "-f", "full")
    run(capfd, "push", tag, "--to", "127.0.0.1:1/x:1", codes=(1, 2))
    written("out.*")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_verify_on_a_full_device(engine: Engine, images: Images) -> None:
    tag = images.on(engine, 'CMD ["/bin/busybox", "sleep", "1"]')
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "imglint", "verify", tag],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("imglint: standard output: can't be written: no space left on device\n")
