"""The domains of a cohort: planes with the same values of a few fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_metaseg.acquisition.condition import domain_label
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.field import FieldEncoding, as_text, same_number
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.items import PlaneItem
from napari_metaseg.errors import InputError
from napari_metaseg.training.fields import domain_names
from napari_metaseg.training.request import TrainingRequest

MOST_DOMAINS = 16

_Key = tuple[Value, ...]


@dataclass(frozen=True)
class Domain:
    """The planes of one domain, and the field values that they share."""

    values: Mapping[str, Value]
    train: tuple[PlaneItem, ...]
    validation: tuple[PlaneItem, ...]

    @property
    def label(self) -> str:
        """Its name for people, such as `brightfield · 20x`."""
        return domain_label(self.values, tuple(self.values))


@dataclass(frozen=True)
class Domains:
    """Every domain, and the schema that tells how far one is from another.

    `choices` and `notices` are those of a training plan.
    """

    schema: MetadataSchema
    every: tuple[Domain, ...]
    choices: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def rarest(self) -> Domain:
        """The domain with the fewest training planes."""
        return min(self.every, key=lambda domain: len(domain.train))

    def named(self, values: Mapping[str, Value]) -> Domain:
        """The one domain with these values; `InputError` names the choices."""
        found = [domain for domain in self.every if _matches(domain, values)]
        if len(found) != 1:
            raise InputError(
                "no single domain is meant by the one to tune to",
                got=", ".join(f"{n}={as_text(v)}" for n, v in values.items()),
                way_out="Domains are: " + "; ".join(d.label for d in self.every),
            )
        return found[0]


def find_domains(
    request: TrainingRequest, train: Sequence[PlaneItem], validation: Sequence[PlaneItem]
) -> Domains:
    """The domains of the training planes, in the order of their values.

    Numbers closer than 1 % are one value. A plane of which a field is unknown is of no domain.
    Raises `InputError` for fields that make none or too many, for a domain that only validation
    images have, and for one without any annotated object in its training images.
    """
    names = _domain_fields(request, train)
    schema = MetadataSchema.fit([item.condition for item in train], names)
    keys = [_key(schema, item) for item in train]
    found = sorted({key for key in keys if key is not None}, key=_order)
    _check_count(found, names)
    here = [_key(schema, item) for item in validation]
    domains = tuple(
        Domain(
            values=dict(zip(names, key, strict=True)),
            train=tuple(i for i, k in zip(train, keys, strict=True) if k == key),
            validation=tuple(i for i, k in zip(validation, here, strict=True) if k == key),
        )
        for key in found
    )
    _check_untrained(validation, here, found, names)
    for domain in domains:
        _check_foreground(domain)
    told = _networks_told(request, len(domains), names)
    return Domains(schema, domains, told, _unknown_notice(keys.count(None), names))


def _domain_fields(request: TrainingRequest, train: Sequence[PlaneItem]) -> tuple[str, ...]:
    named = () if request.domain_fields else tuple(request.tuned_domain)
    names = named or domain_names(request, train)
    if not names:
        raise InputError(
            f"the strategy {request.strategy} needs metadata that tell domains apart",
            got="training images that differ in no field of few values",
            way_out="Name fields with --domain-fields, or choose --strategy general",
        )
    return names


def _key(schema: MetadataSchema, item: PlaneItem) -> _Key | None:
    """The item's value of every field, or None where one is unknown."""
    values = [_value(field, item.condition.get(field.name)) for field in schema.fields]
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else None


def _value(field: FieldEncoding, value: Value | None) -> Value | None:
    if value is None or field.kind != "float":
        return as_text(value) if isinstance(value, str) else value
    number = float(value)
    near = (float(seen) for seen in field.trained_values if same_number(number, float(seen)))
    return next(near, number)


def _order(key: _Key) -> tuple[tuple[float, str], ...]:
    return tuple((0.0, v) if isinstance(v, str) else (float(v), "") for v in key)


def _check_count(found: Sequence[_Key], names: Sequence[str]) -> None:
    if not found:
        raise InputError(
            "there is no domain to train a network for",
            got=f"no training image states {' and '.join(names)}",
            way_out="Fill these columns, or name others with --domain-fields",
        )
    if len(found) > MOST_DOMAINS:
        raise InputError(
            f"one network per domain would be {len(found)} networks",
            got=f"domains by {', '.join(names)}; {MOST_DOMAINS} are allowed",
            way_out="Name fewer fields with --domain-fields, ones of a few values each",
        )


def _check_untrained(
    validation: Sequence[PlaneItem],
    keys: Sequence[_Key | None],
    found: Sequence[_Key],
    names: Sequence[str],
) -> None:
    for item, key in zip(validation, keys, strict=True):
        if key is not None and key not in found:
            label = domain_label(dict(zip(names, key, strict=True)), tuple(names))
            raise InputError(
                f"the domain {label} has no training image",
                got=f"only images kept aside for validation, such as {item.name}",
                way_out="Put some into the split 'train', keep fewer images aside, or name fewer "
                "fields with --domain-fields",
            )


def _check_foreground(domain: Domain) -> None:
    if not any(item.surveyed().foreground.size for item in domain.train):
        raise InputError(
            f"the domain {domain.label} has no annotated object to learn from",
            got=f"{len(domain.train)} training image(s)",
            way_out="Annotate some objects there, or leave that domain out",
        )


def _matches(domain: Domain, values: Mapping[str, Value]) -> bool:
    return all(
        name in domain.values and _same(domain.values[name], v) for name, v in values.items()
    )


def _same(a: Value, b: Value) -> bool:
    if isinstance(a, str | bool) or isinstance(b, str | bool):
        return as_text(a) == as_text(b)
    return same_number(a, b)


def _networks_told(request: TrainingRequest, count: int, names: Sequence[str]) -> tuple[str, ...]:
    if not request.info.per_domain:
        return ()
    return (f"Each of {count} domains (images alike in {' and '.join(names)}) has its network.",)


def _unknown_notice(count: int, names: Sequence[str]) -> tuple[str, ...]:
    if not count:
        return ()
    fields = " and ".join(names)
    return (f"{count} training image(s) do not state {fields} and train none of the networks.",)
