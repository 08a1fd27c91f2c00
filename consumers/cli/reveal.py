"""Sealed fields as people may see them: masked, in clear on request, or erased."""

from __future__ import annotations

import json
from typing import Any, Final

from consumers.cli.options import Lang
from consumers.cli.texts import text
from ledger.adapters.keys import KeyStore, KeyStoreError, SubjectErasedError, SubjectKeys
from ledger.core.action import Action
from ledger.entry.sealed import SealedError, open_text, sealed_key_id

_ATTRIBUTE: Final = 3
"""An imported attribute is [name, type, text]; of type `sealed` its text is a sealed field."""


class Revealer:
    """Replaces sealed fields of an action's data; `is_open` shows those of dossiers that still have
    their key, and notes in `opened` which streams they are of.

    What is sealed elsewhere stays masked: to open an officer's data takes two people (E76).
    """

    def __init__(
        self, keys: KeyStore, lang: Lang, *, is_open: bool, opened: set[str] | None = None
    ) -> None:
        self._keys = keys
        self._lang: Lang = lang
        self._is_open = is_open
        self._streams = set[str]() if opened is None else opened
        self._opened: SubjectKeys | None = None

    def data(self, action: Action) -> dict[str, Any]:
        """The data with each sealed field replaced by a text."""
        return {
            name: self._value(action.stream, name, value) for name, value in action.data.items()
        }

    def _value(self, stream: str, path: str, value: Any) -> Any:
        if isinstance(value, dict):
            key = sealed_key_id(value)
            if key is not None:
                return self._text(stream, path, value, key)
            return {name: self._value(stream, f"{path}.{name}", v) for name, v in value.items()}
        if isinstance(value, list):
            if len(value) == _ATTRIBUTE and value[1] == "sealed":
                return self._attribute(stream, path, value)
            return [self._value(stream, path, item) for item in value]
        return value

    def _attribute(self, stream: str, path: str, value: list[Any]) -> list[Any]:
        name, _, sealed = value
        # The importer seals `data.case.<name>` and `data.attributes.<name>`.
        place = f"data.{path.rpartition('.')[2]}.{name}"
        try:
            box = json.loads(sealed)
        except (TypeError, ValueError):
            return value
        key = sealed_key_id(box)
        return value if key is None else [name, "sealed", self._text(stream, place, box, key)]

    def _text(self, stream: str, path: str, box: object, key_id: str) -> str:
        try:
            if self._opened is None:
                self._opened = self._keys.subjects()
            key = self._opened.by_id(key_id)
        except SubjectErasedError:
            return text("erased", self._lang)
        except KeyStoreError:
            return text("sealed", self._lang)
        if not self._is_open or not stream.startswith("dossier:"):
            return text("masked", self._lang)
        for place in (path, f"data.{path}"):
            try:
                opened = open_text(key, stream, place, box)
            except SealedError:
                continue
            self._streams.add(stream)
            return opened
        return text("sealed", self._lang)
