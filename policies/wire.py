"""Resource properties as the engine sends them, made into plain data that says what is unknown and what is secret.

The SDK's own view raises at the first unknown that a policy touches and skips the rest of that policy, so that one
unknown field hides every violation beside it; and it shows secrets as ordinary text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast, final

from google.protobuf.struct_pb2 import Struct, Value

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker of the wire format
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

SENTINELS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)
"""What stands for a value that is not known before the deploy."""


@final
class Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
"""A value that only the deploy will tell."""


class SecretText(str):
    """Text that the stack holds as a secret; its representation never shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "[secret]"


def plain(value: object) -> Any:  # noqa: ANN401
    """Plain dictionaries, lists, texts, numbers, booleans and None, `UNKNOWN` and `SecretText` in their places.

    Args:
        value: a dictionary of the test's own, the SDK's proxies of either kind, or its wrapper of a secret.
    """
    if isinstance(value, str):
        # A secret that a remediation passes on is a SecretText already.
        return UNKNOWN if value in SENTINELS else value
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return _mapping(cast("Mapping[object, object]", value))
    if isinstance(value, Sequence):
        return [plain(item) for item in _elements(cast("Sequence[object]", cast("object", value)))]
    if type(value).__name__ == "Secret" and hasattr(value, "value"):
        return secret(plain(cast("Any", value).value))
    # Assets, archives, output values of a program: nothing that a check reads.
    return value


def from_struct(properties: Struct) -> dict[str, Any]:
    """The same, out of a request of the engine.

    Several times faster than the SDK's way by JSON, which it goes anew for each policy.
    """
    return cast("dict[str, Any]", _signed({key: _value(value) for key, value in properties.fields.items()}))


def secret(value: Any) -> Any:  # noqa: ANN401
    """`value` with each text in it marked."""
    if isinstance(value, str):
        return SecretText(value)
    if isinstance(value, dict):
        return {key: secret(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [secret(item) for item in cast("list[Any]", value)]
    return value


def _value(value: Value) -> Any:  # noqa: ANN401
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in SENTINELS else value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _signed({key: _value(item) for key, item in value.struct_value.fields.items()})
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case _:
            return None


def _elements(value: Sequence[object]) -> Sequence[object]:
    # Reading an element of the SDK's proxy would raise where it is unknown.
    proxied = type(value).__module__.startswith("pulumi_policy")
    return cast("Sequence[object]", cast("Any", value)["__target"]) if proxied else value


def _mapping(value: Mapping[object, object]) -> Any:  # noqa: ANN401
    if type(value).__module__.startswith("pulumi_policy"):
        value = cast("Mapping[object, object]", value["__target"])
    return _signed({str(key): plain(item) for key, item in value.items()})


def _signed(value: dict[str, Any]) -> Any:  # noqa: ANN401
    signature = value.get(SIGNATURE)
    if signature == SECRET:
        return secret(value.get("value"))
    if signature == OUTPUT:
        inner = value.get("value", UNKNOWN)
        return secret(inner) if value.get("secret") is True else inner
    return value
