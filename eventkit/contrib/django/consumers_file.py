"""Writing consumers as a file, as the admin and the command give them out."""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec
from typing import Any

from eventkit.typing import Json


def can_write_yaml() -> bool:
    """Tell whether PyYAML is installed."""
    return find_spec("yaml") is not None


def written(consumers: list[Json], suffix: str) -> str:
    """Write a consumers file; as YAML only where `can_write_yaml`."""
    content = {"consumers": consumers}
    if suffix == ".json":
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    yaml: Any = importlib.import_module("yaml")
    # The one in C takes a tenth of the time, which is seconds for a thousand consumers.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(content, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    return text
