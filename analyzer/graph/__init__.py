"""The layer graph: any number of images as one networkx DAG, and the questions that it answers."""

from .bases import base_depth, bases, built_on, common_layers, layer_path, rebuilt
from .build import doubts, layer_graph
from .dominators import exclusive_bytes
from .export import as_text
from .names import images_of, node_of
from .past import Past, history
from .storage import (
    Freed,
    Share,
    disk_bytes,
    freed,
    held_by,
    missing_layers,
    registry_bytes,
    shared_by,
    shares,
)
from .waste import CarriedWaste, HeldLayer, HeldWaste, held_layers, held_waste, wasted_everywhere

__all__ = [
    "CarriedWaste", "Freed", "HeldLayer", "HeldWaste", "Past", "Share", "as_text", "base_depth",
    "bases", "built_on", "common_layers", "disk_bytes", "doubts", "exclusive_bytes", "freed", "held_by",
    "held_layers", "held_waste", "history", "images_of", "layer_graph", "layer_path", "missing_layers", "node_of",
    "rebuilt", "registry_bytes", "shared_by", "shares", "wasted_everywhere",
]  # fmt: skip
