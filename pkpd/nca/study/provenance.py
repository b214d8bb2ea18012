"""What a result says of where it comes from: the settings that rerun it, the rules, the data."""

from __future__ import annotations

from typing import Any

from pkpd.about import package_version
from pkpd.nca.settings import NcaSettings
from pkpd.nca.study.intervals import TIE_RULE
from pkpd.study import Study


def attributes(study: Study, settings: NcaSettings) -> dict[str, Any]:
    """Return provenance: the settings that rerun the analysis, the rules, the data."""
    attrs: dict[str, Any] = {
        "title": f"non-compartmental analysis of {settings.analyte}",
        "analyte": settings.analyte,
        "rules": settings.rules.to_json(),
        "settings": settings.to_json(),
        "equal_times": TIE_RULE,
        "pkpd_version": package_version(),
    }
    return attrs | data_attributes(study)


def data_attributes(study: Study) -> dict[str, Any]:
    """Return what a study says of its data, as attributes that NetCDF can hold."""
    attrs: dict[str, Any] = {}
    for name in ("data_hash", "source", "synthetic"):
        value = getattr(study, name, None) or study.attrs.get(name)
        if value is not None:
            attrs[name] = int(value) if isinstance(value, bool) else str(value)
    return attrs
