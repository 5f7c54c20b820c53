"""Checks of the memory store."""

import datetime as dt
import re
from collections.abc import Iterator

from components.quantity import parse_bytes, parse_cpu
from components.settings.faults import Fault
from components.settings.grammar import name_faults, number_faults, object_faults, quantity_faults, url_faults
from components.settings.raw import Check, Raw, mapping, production

MOST_INSTANCES = 9
LONGEST_STORE = 30
"""The operator makes names of pods, volumes and services from it."""
_FIELDS = 6
_FIELD = re.compile(r"[0-9A-Za-z*/,?-]+")
_RESERVED = ("memory-redis", "memory-backups", "cloudnative-pg")
_QUANTITIES = (("storage", parse_bytes), ("redis.memory", parse_bytes), ("backups.storage", parse_bytes))


def _memory(raw: Raw) -> Raw:
    return mapping(raw.get("memory"))


def _shape(raw: Raw) -> Iterator[Fault]:
    memory = _memory(raw)
    name = memory.get("name")
    yield from name_faults("memory.name", name)
    if isinstance(name, str) and len(name) > LONGEST_STORE:
        yield Fault("memory.name", f"must have at most {LONGEST_STORE} characters: names of pods are made from it")
    if name in _RESERVED:
        yield Fault("memory.name", f"`{name}` is the name of another part of the store. Choose another")
    yield from number_faults("memory.instances", memory.get("instances"), 1, MOST_INSTANCES)
    yield from number_faults("memory.passwordGeneration", memory.get("passwordGeneration"), 0, 10**9)
    yield from object_faults("memory.storageClass", memory.get("storageClass"), "storage class")
    yield from object_faults("memory.operatorNamespace", memory.get("operatorNamespace"), "namespace")
    for path, parse in _QUANTITIES:
        section, _, key = path.rpartition(".")
        owner = mapping(memory.get(section)) if section else memory
        yield from quantity_faults(f"memory.{path}", owner.get(key), parse)
    resources = mapping(memory.get("resources"))
    for kind in ("requests", "limits"):
        both = mapping(resources.get(kind))
        yield from quantity_faults(f"memory.resources.{kind}.cpu", both.get("cpu"), parse_cpu)
        yield from quantity_faults(f"memory.resources.{kind}.memory", both.get("memory"), parse_bytes)


def _production(raw: Raw) -> Iterator[Fault]:
    memory = _memory(raw)
    if not production(raw) or memory.get("enabled") is not True:
        return
    if memory.get("instances") in (1, 2):
        yield Fault(
            "memory.instances",
            "must be 3 or more in prod: with fewer, a lost node loses acknowledged memories or stops all writing",
        )
    if mapping(memory.get("backups")).get("enabled") is not True:
        yield Fault("memory.backups.enabled", "must be true in prod: replicas repeat a mistaken delete, backups do not")


def _backups(raw: Raw) -> Iterator[Fault]:
    backups = mapping(_memory(raw).get("backups"))
    schedule = backups.get("schedule")
    if isinstance(schedule, str):
        fields = schedule.split()
        if len(fields) != _FIELDS or not all(map(_FIELD.fullmatch, fields)):
            yield Fault(
                "memory.backups.schedule",
                f"`{schedule}` must have six fields, seconds first, such as `0 0 2 * * *` for 02:00:00 each day",
            )
    yield from number_faults("memory.backups.keepDays", backups.get("keepDays"), 1, 3650)
    bucket = mapping(backups.get("bucket"))
    yield from url_faults("memory.backups.bucket.endpoint", bucket.get("endpoint"))
    endpoint = bucket.get("endpoint")
    if isinstance(endpoint, str) and endpoint.startswith("http://"):
        yield Fault("memory.backups.bucket.endpoint", "must be https: the key that may write goes with each request")
    yield from object_faults("memory.backups.bucket.credentialsSecret", bucket.get("credentialsSecret"), "Secret")
    if "storage" in backups and backups.get("bucket") is not None:
        yield Fault("memory.backups.storage", "is of the volume, and there is a bucket. Leave one of them out")


def _recovery(raw: Raw) -> Iterator[Fault]:
    memory = _memory(raw)
    if memory.get("recovery") is None:
        return
    recovery = mapping(memory.get("recovery"))
    yield from name_faults("memory.recovery.source", recovery.get("source"))
    if recovery.get("source") == memory.get("name", "memory"):
        yield Fault(
            "memory.name",
            f"must differ from the source `{recovery.get('source')}`: the restored store archives under its own name, "
            "and would overwrite the backup that it comes from",
        )
    if mapping(memory.get("backups")).get("enabled") is not True:
        yield Fault("memory.recovery", "needs `memory.backups.enabled: true`: the backup comes out of that archive")
    time = recovery.get("time")
    if isinstance(time, str) and not _moment(time):
        yield Fault("memory.recovery.time", f"`{time}` must be a moment with its offset, such as 2027-01-31T12:00:00Z")


def _moment(text: str) -> bool:
    try:
        return dt.datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


CHECKS: tuple[Check, ...] = (_shape, _production, _backups, _recovery)
