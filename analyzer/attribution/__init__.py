"""Which instruction of a Dockerfile made which step of an image, told by what each builder writes."""

from .attribution import Attribution, attribute

__all__ = ["Attribution", "attribute"]
