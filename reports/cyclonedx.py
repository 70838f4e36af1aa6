"""The packages of one image as a bill of materials: CycloneDX 1.6 in JSON, written by that project's own library."""

from __future__ import annotations

import importlib.util
import json
import uuid
from typing import TYPE_CHECKING, Any

from ..analyzer.credentials import mask
from ..analyzer.image.system import os_release
from ..analyzer.packages.purl import purl
from .report import Report

if TYPE_CHECKING:
    from ..analyzer.image import Image
    from ..analyzer.packages import Package

_OURS = uuid.UUID("5c2f5a0e-7a8b-4c1d-9a70-1f6a0e3b9d42")  # the serial number follows from the image


def unable(report: Report) -> tuple[str, str] | None:
    """Why no bill of materials can be written, and what to do; None where one can."""
    if importlib.util.find_spec("cyclonedx") is None:
        return "CycloneDX needs a library that is not installed", "Use pip install 'imglint[sbom]'"
    if len(report.images) != 1:
        return f"a bill of materials is of one image, not of {len(report.images)}", "Use one SOURCE"
    return None


def render(report: Report) -> str:
    """The bill of materials of the report's one image."""
    from cyclonedx.model.bom import Bom as _Bom
    from cyclonedx.model.bom import BomMetaData as _BomMetaData
    from cyclonedx.output.json import JsonV1Dot6

    # The library's decorators hide from type checkers what its classes take.
    Bom: Any = _Bom  # noqa: N806
    BomMetaData: Any = _BomMetaData  # noqa: N806
    (image,) = report.images
    system = {field: _clean(value) for field, value in os_release(image).items()}
    components = [
        _component(one, number, image, system) for number, one in enumerate(image.packages.packages)
    ]
    whole = _image(image)
    bom = Bom(
        components=[*_operating_system(system), *components],
        metadata=BomMetaData(component=whole),
        serial_number=uuid.uuid5(_OURS, image.id),
    )
    bom.register_dependency(whole, components)
    return json.dumps(json.loads(JsonV1Dot6(bom).output_as_string()), ensure_ascii=True, indent=1) + "\n"


def _image(image: Image) -> Any:
    from cyclonedx.model.component import Component as _Component
    from cyclonedx.model.component import ComponentType

    Component: Any = _Component  # noqa: N806

    tag = image.tags[0] if image.tags else ""
    name, colon, version = tag.rpartition(":")
    if not colon or "/" in version:
        name, version = tag, ""
    properties = _properties({"imglint:image:id": image.id, "imglint:image:live_bytes": image.live_bytes})
    return Component(
        type=ComponentType.CONTAINER,
        name=_clean(name or image.id),
        version=_clean(version or image.id),
        bom_ref="image",
        properties=properties,
    )


def _operating_system(system: dict[str, str]) -> list[Any]:
    from cyclonedx.model.component import Component as _Component
    from cyclonedx.model.component import ComponentType

    Component: Any = _Component  # noqa: N806

    if "ID" not in system:
        return []
    return [
        Component(
            type=ComponentType.OPERATING_SYSTEM,
            name=system["ID"],
            version=system.get("VERSION_ID") or None,
            description=system.get("PRETTY_NAME") or None,
            bom_ref="system",
        )
    ]


def _component(package: Package, number: int, image: Image, system: dict[str, str]) -> Any:
    from cyclonedx.model.component import Component as _Component
    from cyclonedx.model.component import ComponentType

    Component: Any = _Component  # noqa: N806
    from packageurl import PackageURL

    package = package._replace(
        name=_clean(package.name),
        version=_clean(package.version),
        architecture=_clean(package.architecture),
    )
    found = purl(package, system)
    url: Any = None
    if found is not None:
        try:
            url = PackageURL(
                found.type, found.namespace or None, found.name, found.version or None, dict(found.qualifiers)
            )
            str(url)
        except (ValueError, TypeError):
            url = None  # a name that no package can have
    layer = None if package.layer is None else image.layers[package.layer]
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version or None,
        purl=url,
        bom_ref=f"package-{number}",
        properties=_properties({
            "imglint:package:ecosystem": package.ecosystem,
            "imglint:package:bytes": package.bytes,
            "imglint:package:database": f"/{package.database}",
            "imglint:package:part_of": package.part_of or None,
            "imglint:layer:index": package.layer,
            "imglint:layer:diff_id": layer.diff_id if layer else None,
            "imglint:layer:step": mask(image.made_by(layer)) or None if layer else None,
        }),
    )  # fmt: skip


def _clean(text: str) -> str:
    """A text without the halves of characters that JSON can spell and UTF-8 can't."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _properties(values: dict[str, Any]) -> list[Any]:
    from cyclonedx.model import Property as _Property

    Property: Any = _Property  # noqa: N806
    return [
        Property(name=name, value=_clean(str(value))) for name, value in values.items() if value is not None
    ]
