"""Plain data -> YAML that the strict reader reads back as it was."""

from __future__ import annotations

from typing import Any

import yaml

from simulator.spec.reader import plain


class _Strict(yaml.SafeDumper):
    """Writes every text so that YAML 1.2 reads a text: in 1.1, which PyYAML knows, `1e3` needs no quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal values out each time: readers look for the value, not for a mark."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    quotes = '"' if not text.isprintable() else None if isinstance(plain(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=quotes)


_Strict.add_representer(str, _text)


def to_yaml(data: Any) -> str:
    """`data` (maps, lists, numbers, texts) as a YAML document, keys in their order."""
    return yaml.dump(data, Dumper=_Strict, sort_keys=False, allow_unicode=True, width=120)
