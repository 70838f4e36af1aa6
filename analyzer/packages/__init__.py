"""The packages of an image: what its databases say, with the bytes and layers that the image itself has of them."""

from .changes import PackageChange, package_changes
from .inventory import Group, Inventory, Package, inventory

__all__ = ["Group", "Inventory", "Package", "PackageChange", "inventory", "package_changes"]
