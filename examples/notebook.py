"""From an archive to pandas: which layers and steps an image's bytes come from.

Run it as a script, or cell by cell where `# %%` is understood:

    python examples/notebook.py examples/waste/waste.tar
"""

# %%
import sys

import pandas as pd

import imglint

source = sys.argv[1] if len(sys.argv) > 1 else "examples/waste/waste.tar"
image = imglint.open_image(source)

# %% A row for each layer, in bytes
layers: pd.DataFrame = image.to_frame()
print(layers[["content_bytes", "live_bytes", "wasted_bytes"]].to_string())

# %% What is wasted, by cause
waste = pd.DataFrame(image.waste)
if len(waste):
    print(waste.groupby("cause")["bytes"].sum().sort_values(ascending=False).to_string())

# %% Tables of any number of images join by ID: which layer holds the largest files
tables = imglint.frames(imglint.open_images(source))
large = tables.files.nlargest(3, "size").merge(tables.layers, on=["image", "chain_id"])
print(large[["path", "size", "created_by"]].to_string(index=False))

# %% What the image rules say
report = imglint.audit(image=source)
findings = pd.DataFrame(
    [(one.rule.code, one.severity.label, one.message) for one in report.findings],
    columns=["code", "severity", "message"],
)
print(findings.groupby(["severity", "code"]).size().to_string())
