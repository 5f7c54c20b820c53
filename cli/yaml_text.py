"""Changes a YAML text where it must change and nowhere else: comments, order, quotes and widths stay.

A parser tells where each value lies in the text; the change is cut in there. `pulumi config set` and every emitter of
YAML write the whole document in their own style instead. Each change is made twice, on the text and on the data, and
the changed text must read as the changed data: else it is refused, and no file gets a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import yaml

from cli.yaml_render import block_entry, block_item, inline

Path = Sequence[str | int]


class EditError(Exception):
    """The text is written in a way that cannot be changed in place."""


@dataclass(frozen=True)
class YamlText:
    """One document whose root is a map; each method gives the changed one."""

    text: str

    @property
    def data(self) -> dict[str, Any]:
        """What the text says.

        Raises:
            EditError: it is no YAML, or its root is no map.
        """
        try:
            found: object = yaml.safe_load(self.text)
        except yaml.YAMLError as error:
            raise EditError(f"it is not YAML: {error}") from error
        if found is not None and not isinstance(found, dict):
            raise EditError("its outermost part must be a map")
        return cast("dict[str, Any]", found or {})

    def get(self, path: Path) -> Any:  # noqa: ANN401
        """The value at a path, or None when there is none."""
        return _get(self.data, path)

    def set(self, path: Path, value: object) -> YamlText:
        """Put a value at a path, whatever was there; maps on the way are made.

        Raises:
            EditError: the text cannot be changed in place.
        """
        if self.get(path) == value and _exists(self.data, path):
            return self
        data = _copied(self.data)
        _set(data, path, value)
        return self._proved(_Surgeon(self.text).set(path, value), data, path)

    def append(self, path: Path, value: object) -> YamlText:
        """Add a value to the end of the list at a path, which is made where there is none.

        Raises:
            EditError: the text cannot be changed in place.
        """
        found = self.get(path)
        if not found:
            return self.set(path, [value])
        data = _copied(self.data)
        _get(data, path).append(value)
        return self._proved(_Surgeon(self.text).append(path, value), data, path)

    def remove(self, path: Path) -> YamlText:
        """Take a value away; a map or list below the root's own keys that this empties goes too.

        Raises:
            EditError: the text cannot be changed in place.
        """
        data = self.data
        if not _exists(data, path):
            return self
        while len(path) > 1 and len(_get(data, path[:-1])) == 1:
            path = path[:-1]
        if len(path) == 1 and isinstance(_get(data, path), dict):
            return self.set(path, {})
        data = _copied(data)
        del _get(data, path[:-1])[path[-1]]
        surgeon = _Surgeon(self.text)
        try:
            return self._proved(surgeon.remove(path), data, path)
        except EditError:
            # A literal text that comes to stand last needs its line break.
            return self._proved(surgeon.remove(path) + surgeon.newline, data, path)

    def _proved(self, text: str, data: dict[str, Any], path: Path) -> YamlText:
        changed = YamlText(text)
        try:
            same = changed.data == data
        except EditError:
            same = False
        if not same:
            where = ".".join(str(part) for part in path)
            raise EditError(f"`{where}` is written in a way that cannot be changed in place; change it by hand")
        return changed


def _copied(data: Any) -> Any:  # noqa: ANN401
    """A copy in which an alias is a thing of its own, so that a change shows in one place only."""
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in cast("dict[Any, Any]", data).items()}
    return [_copied(one) for one in cast("list[Any]", data)] if isinstance(data, list) else data


def _get(data: Any, path: Path) -> Any:  # noqa: ANN401
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = cast("dict[str, Any]", data).get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(cast("list[Any]", data)):
            data = cast("list[Any]", data)[part]
        else:
            return None
    return data


def _exists(data: Any, path: Path) -> bool:  # noqa: ANN401
    holder = _get(data, path[:-1])
    last = path[-1]
    if isinstance(holder, dict):
        return last in holder
    return isinstance(holder, list) and isinstance(last, int) and last < len(cast("list[Any]", holder))


def _set(data: dict[str, Any], path: Path, value: object) -> None:
    holder: Any = data
    for part in path[:-1]:
        if isinstance(holder, dict):
            known = cast("dict[Any, Any]", holder)
            if known.get(part) is None:
                known[part] = {}
            holder = known[part]
        else:
            holder = cast("list[Any]", holder)[cast("int", part)]
    holder[path[-1]] = value


class _Surgeon:
    """The text with the places of its values."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)

    def set(self, path: Path, value: Any) -> str:  # noqa: ANN401
        node = self._node(path)
        if node is not None:
            return self._replace(path, node, value)
        holder = self._node(path[:-1])
        if isinstance(holder, yaml.MappingNode) and holder.value:
            return self._insert(holder, str(path[-1]), value)
        if len(path) > 1:
            return self.set(path[:-1], {str(path[-1]): value})
        # An empty document, perhaps with comments.
        return self._after(len(self.text.rstrip()), block_entry(str(path[-1]), value, 0))

    def append(self, path: Path, value: Any) -> str:  # noqa: ANN401
        node = self._node(path)
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise EditError(f"`{path[-1]}` is not a list")
        last = _end(node.value[-1])
        if node.flow_style:
            return self._cut(last, last, f", {inline(value)}")
        return self._after(last, block_item(value, node.start_mark.column))

    def remove(self, path: Path) -> str:
        holder = self._node(path[:-1])
        if isinstance(holder, yaml.SequenceNode):
            spans = [(_start(item), _end(item)) for item in holder.value]
            index = cast("int", path[-1])
        elif isinstance(holder, yaml.MappingNode):
            spans = [(_start(key), _entry_end(key, value)) for key, value in holder.value]
            index = next(at for at, (key, _) in enumerate(holder.value) if key.value == path[-1])
        else:
            raise EditError(f"`{path[-1]}` lies in nothing that it could be taken out of")
        if holder.flow_style:
            if index + 1 < len(spans):
                return self._cut(spans[index][0], spans[index + 1][0], "")
            return self._cut(spans[index - 1][1], spans[index][1], "")
        return self._remove_lines(holder, spans, index)

    def _remove_lines(self, holder: yaml.CollectionNode, spans: list[tuple[int, int]], index: int) -> str:
        start, end = spans[index]
        begin = self._line_start(start)
        if isinstance(holder, yaml.MappingNode) and self.text[begin:start].strip():
            # The first key of a list's item stands behind the item's hyphen, which stays.
            return self._cut(start, spans[index + 1][0], "")
        if isinstance(holder, yaml.SequenceNode):
            hyphen = self.text.rfind("-", 0, start + 1)
            begin = self._line_start(hyphen)
            if self.text[begin:hyphen].strip():
                raise EditError("the list begins in the middle of a line")
        stop = self._next_line(end)
        if stop == len(self.text) and not self.text.endswith("\n"):
            begin = max(0, begin - len(self.newline))
        return self._cut(begin, stop, "")

    def _replace(self, path: Path, node: yaml.Node, value: Any) -> str:  # noqa: ANN401
        holder = self._node(path[:-1])
        plain = isinstance(node, yaml.ScalarNode) and not isinstance(value, dict | list)
        if isinstance(holder, yaml.MappingNode) and not holder.flow_style and not plain:
            entry = next(key for key, found in holder.value if found is node)
            column = entry.start_mark.column
            rendered = block_entry(str(path[-1]), value, column)
            after_key = self._lines(rendered[column + len(inline(path[-1])) :])
            return self._cut(_key_end(entry), _entry_end(entry, node), after_key.removesuffix(self.newline))
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            raise EditError(f"`{path[-1]}` is a block inside a list")
        start, end = _start(node), _end(node)
        return self._cut(start, end, f" {inline(value)}" if start == end else inline(value))

    def _insert(self, holder: yaml.MappingNode, key: str, value: Any) -> str:  # noqa: ANN401
        last = _entry_end(*holder.value[-1])
        if holder.flow_style:
            return self._cut(last, last, f", {inline(key)}: {inline(value)}")
        return self._after(last, block_entry(key, value, holder.value[0][0].start_mark.column))

    def _after(self, end: int, lines: str) -> str:
        """Whole lines, behind the one on which `end` lies."""
        place = self._next_line(end)
        lines = self._lines(lines)
        if self.text and place == len(self.text) and not self.text.endswith("\n"):
            lines = self.newline + lines.removesuffix(self.newline)
        return self._cut(place, place, lines)

    def _lines(self, text: str) -> str:
        return text.replace("\n", self.newline)

    def _cut(self, start: int, end: int, between: str) -> str:
        return self.text[:start] + between + self.text[end:]

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _next_line(self, index: int) -> int:
        if index and self.text[index - 1] == "\n":
            return index
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found + 1

    def _node(self, path: Path) -> yaml.Node | None:
        node = self.root
        for part in path:
            if isinstance(node, yaml.MappingNode):
                # Of a key that stands there twice the last one counts.
                node = next((value for key, value in reversed(node.value) if key.value == part), None)
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
            else:
                return None
        return node


def _start(node: yaml.Node) -> int:
    return cast("int", node.start_mark.index)


def _key_end(key: yaml.Node) -> int:
    return cast("int", key.end_mark.index)


def _entry_end(key: yaml.Node, value: yaml.Node) -> int:
    return max(_key_end(key), _end(value))


def _end(node: yaml.Node) -> int:
    """Where the last character of a value ends; a block's own mark lies behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _entry_end(*last) if isinstance(node, yaml.MappingNode) else _end(last)
    return cast("int", node.end_mark.index)
