"""Recipes of pretraining: one TOML file that says all, checked before any work."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from minent.errors import InputError, did_you_mean, listing, whole

TEXT = {"passage_bytes": 440, "distinct_from": 24}
VECTOR_TOKENS = 8_000_000
CARD = ("cloze", "words")


@dataclass(frozen=True)
class Recipe:
    """What a recipe says, by section.

    Attributes:
        name: Of the encoder.
        text: `passage_bytes`, `distinct_from`.
        tokenizer: Fields of `TokenizerConfig`.
        vectors: Fields of `VectorsConfig`, and `tokens`.
        encoder: Fields of `EncoderConfig`, but `vocab_size`.
        pretrain: Fields of `PretrainConfig`.
        sources: What is known of a source: `text`, `licence`.
        card: Examples for the model card: `cloze`, `words`.
    """

    name: str = "encoder"
    text: dict[str, int] = field(default_factory=dict)
    tokenizer: dict[str, Any] = field(default_factory=dict)
    vectors: dict[str, Any] = field(default_factory=dict)
    encoder: dict[str, Any] = field(default_factory=dict)
    pretrain: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    card: dict[str, list[str]] = field(default_factory=dict)


def read_recipe(path: str | Path, changes: Iterable[str] = ()) -> Recipe:
    """Read a recipe, and change some of its values.

    Args:
        path: A TOML file.
        changes: `"section.key=value"` each; the value as TOML, or bare text.

    Raises:
        InputError: No such file, no TOML, or a section, key or change that means nothing; the place is named.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "small.toml")
        >>> _ = path.write_text('[encoder]\\ndim = 320\\n')
        >>> read_recipe(path, ["encoder.dim=64", "encoder.mixer=attention"]).encoder
        {'dim': 64, 'mixer': 'attention'}
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a recipe in TOML ({error}).") from error
    for change in changes:
        _change(content, change)
    _check(content, str(path))
    text = TEXT | content.get("text", {})
    recipe = Recipe(**{name: content[name] for name in content if name != "text"}, text=text)
    _try(recipe, str(path))
    return recipe


def _change(content: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    section, dot, name = key.partition(".")
    if not equals or not dot:
        raise InputError(f"--set is {change!r}; it takes section.key=value, such as --set encoder.dim=256.")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    content.setdefault(section, {})[name] = parsed


def _check(content: Mapping[str, Any], path: str) -> None:
    known = [one.name for one in fields(Recipe)]
    for section, values in content.items():
        if section not in known:
            hint = did_you_mean(section, known)
            raise InputError(f"{path}: there is no section {section!r}; it takes {listing(known)}.{hint}")
        if section != "name" and not isinstance(values, dict):
            raise InputError(f"{path}: {section} is {values!r}; it takes a section of keys and values.")
    if not isinstance(content.get("name", ""), str):
        raise InputError(f"{path}: name is {content['name']!r}; it takes text.")
    for section, names in _keys().items():
        for key in content.get(section, {}):
            if key not in names:
                raise InputError(f"{path}: [{section}] has no key {key!r}.{did_you_mean(key, names)}")
    for name, told in content.get("sources", {}).items():
        if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
            raise InputError(f"{path}: [sources] {name} is {told!r}; it takes texts, such as licence = 'MIT'.")
    for key, examples in content.get("card", {}).items():
        if key not in CARD or not isinstance(examples, list):
            raise InputError(f"{path}: [card] has {key} = {examples!r}; it takes lists for {listing(CARD)}.")
    for key, value in content.get("text", {}).items():
        whole(f"{path}: [text] {key}", value, 1)


def _try(recipe: Recipe, path: str) -> None:
    """Refuse now, not after an hour of work, what a stage would refuse."""
    from minent.encoders import EncoderConfig, PretrainConfig
    from minent.tokenizer import TokenizerConfig
    from minent.vectors import VectorsConfig

    steps = {name: value for name, value in recipe.vectors.items() if name != "tokens"}
    for section, make in (
        ("tokenizer", lambda: TokenizerConfig(**recipe.tokenizer)),
        ("vectors", lambda: VectorsConfig(**steps)),
        ("encoder", lambda: EncoderConfig(vocab_size=259, **recipe.encoder)),
        ("pretrain", lambda: PretrainConfig(**recipe.pretrain)),
    ):
        try:
            make()
        except (InputError, TypeError) as error:
            raise InputError(f"{path}: [{section}] {error}") from error


def _keys() -> dict[str, set[str]]:
    from minent.encoders import EncoderConfig, PretrainConfig
    from minent.tokenizer import TokenizerConfig
    from minent.vectors import VectorsConfig

    configs: dict[str, Any] = {"tokenizer": TokenizerConfig, "vectors": VectorsConfig}
    configs |= {"encoder": EncoderConfig, "pretrain": PretrainConfig}
    names = {section: {one.name for one in fields(config)} for section, config in configs.items()}
    names["encoder"] -= {"vocab_size"}
    names["vectors"] = (names["vectors"] | {"tokens"}) - {"dim"}
    return names | {"text": set(TEXT)}
