"""Takes the picture of docs/images.md: the page that `--format html` writes of an example, in Debian's chromium.

`python docs/page_picture.py` writes the picture and the digest of the page that it shows. A test compares the digest alone:
what it looks like differs from browser to browser.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from imglint import Settings
from imglint.measuring import measure
from imglint.reports.formats import render

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs/html-report.png"
DIGEST = ROOT / "docs/html-report.sha256"
_IMAGE = "examples/waste/waste.tar"
_SIZE = (1000, 1640)  # pixels of the page
_SCALE = 0.7  # … to those of the picture


def pictured() -> str:
    """The page. It judges by one rule, so that it is another only where pages are."""
    report = measure([str(ROOT / _IMAGE)], Settings(select=("AV0303",)))
    return render(report, "html").replace(f"{ROOT}/", "")


def digest() -> str:
    """What the picture shows, as a line."""
    return hashlib.sha256(pictured().encode()).hexdigest() + "\n"


def take() -> None:
    """Write the picture, and the digest of what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(pictured(), encoding="utf-8")
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--force-device-scale-factor={_SCALE}",
                f"--user-data-dir={folder}/profile", f"--window-size={_SIZE[0]},{_SIZE[1]}",
                f"--screenshot={PICTURE}", page.as_uri(),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
    DIGEST.write_text(digest())


if __name__ == "__main__":
    take()
