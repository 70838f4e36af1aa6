"""Images: open stream to layers to file trees to measurements."""

from .config import Healthcheck, ImageConfig
from .history import Step
from .image import Image, Layer, Waste, open_images
from .layer import ChainID, DiffID, Digest, Entry
from .source import Source, parse_source

__all__ = [
    "ChainID", "DiffID", "Digest", "Entry", "Healthcheck", "Image", "ImageConfig", "Layer", "Source", "Step",
    "Waste", "open_images", "parse_source",
]  # fmt: skip
