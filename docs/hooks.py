"""MkDocs hooks: they add pages that are not files in docs/.

``configuration.md`` is generated from the JSON schema of a config, so that it agrees with the code.
``index.md``, ``contributing.md`` and ``changelog.md`` are copies of files in the top folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.config.text import json_schema

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

TOP = Path(__file__).parents[1]
COPIES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}

_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}

_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):<code>(~[\w.]*\.)?([\w.]+)</code>")

_HEAD = """\
# Configuration

A config is a YAML file. This page is generated from its JSON schema, which `sweep schema` prints.
Each setting below has a dotted path, which also works on the command line:

    sweep run my.yaml search.trials=8 task.max_length=64

`sweep init my.yaml` writes a config with a comment for every setting. `sweep check my.yaml` lists
all errors of a config at once. For completion and checks in an editor, save the schema beside the
config (`sweep schema > sweep.schema.json`) and add this line to the config:

    # yaml-language-server: $schema=sweep.schema.json

*required* in the column "default" means that the config, or the optional section, must have the
setting.
"""

_SPACE = """\
`space` sets the values that the search may give to each parameter of a trial. A parameter has one
of these forms:

- one value: `sparsity: 0.5`;
- a list: `method: [l1-norm, sparsegpt]`;
- a range: `sparsity: {low: 0.5, high: 0.95}`, with `step: 0.05` or `log: true` if wanted;
- a list or a range with a condition:
  `ramp_epochs: {values: [1, 2], when: {method: movement}}`. The condition is a value, a list of
  values, or a range. If the condition does not hold, the trial uses the parameter's default.

The sampler `grid` needs a list or a step. `space.weight` and `space.activation` accept the nested
form of MASE's tutorial 4: `weight: {sparsity: 0.5, method: l1-norm, scope: local}`.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    pages = {to: _at_home((TOP / name).read_text("utf-8")) for name, to in COPIES.items()}
    pages["configuration.md"] = configuration(json_schema())
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Change links to files of the top folder, such as ../README.md, to links to their pages."""
    for name, to in COPIES.items():
        markdown = markdown.replace(f"](../{name}", f"]({to}")
    return markdown


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace Sphinx roles in docstrings by plain names."""
    return _ROLE.sub(r"<code>\2</code>", html)


def _at_home(text: str) -> str:
    """Adapt a file of the top folder: links to pages stay links, others become plain paths."""

    def link(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        path, anchor = re.fullmatch(r"([^#]*)(#.*)?", target).groups()  # type: ignore[union-attr]
        if not path or "://" in path:
            return found[0]
        if path in COPIES:
            return f"[{label}]({COPIES[path]}{anchor or ''})"
        if path.startswith("docs/") and not path.endswith(".py"):
            return f"[{label}]({path.removeprefix('docs/')}{anchor or ''})"
        return label if path in label else f"{label} (`{path}`)"

    return re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", link, text)


def configuration(schema: dict[str, Any]) -> str:
    """Return the page of all settings.

    >>> page = configuration(json_schema())
    >>> "| `search.trials` | integer, at least 1 | `64` |" in page
    True
    """
    sections = list(_sections(schema, schema["properties"], set(schema["required"])))
    return "\n".join([_HEAD, *sections])


def _sections(schema: dict[str, Any], top: dict[str, Any], required: set[str]) -> Iterator[str]:
    plain = {name: node for name, node in top.items() if _object(schema, node) is None}
    plain.pop("space", None)
    yield "## Top level\n"
    yield _table(schema, plain, "", required)
    for name, node in top.items():
        if name == "space":
            yield f"## {name}\n\n{_SPACE}"
            yield _table(schema, _space(schema, node), "space.", set())
        elif (section := _object(schema, node)) is not None:
            yield f"## {name}\n\n{section['description']}\n"
            yield _table(schema, dict(_flat(schema, section)), f"{name}.", set())


def _object(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any] | None:
    """Return the section that a node refers to, also if it may be null; None for a setting."""
    for one in (node, *node.get("anyOf", ())):
        if "$ref" in one:
            found: dict[str, Any] = schema["$defs"][one["$ref"].rpartition("/")[2]]
            if "properties" in found:
                return found
    return None


def _space(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _resolved(schema, node)["properties"]
    return {
        name: {**one["oneOf"][0], **one}
        for name, one in found.items()
        if name not in ("weight", "activation")
    }


def _flat(
    schema: dict[str, Any], section: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the settings of a section, and of the sections within it, with dotted paths."""
    must = set(section.get("required", ()))
    for name, node in section["properties"].items():
        yield f"{prefix}{name}", {**node, "must": name in must}
        if (inner := _object(schema, node)) is not None:
            yield from _flat(schema, inner, f"{prefix}{name}.")


def _table(
    schema: dict[str, Any], settings: dict[str, Any], prefix: str, required: set[str]
) -> str:
    rows = [
        "| setting | type and allowed values | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    for name, node in settings.items():
        must = node.get("must", name in required)
        default = "*required*" if must else f"`{json.dumps(node.get('default'))}`"
        cells = [f"`{prefix}{name}`", _type(schema, node), default, node.get("description", "")]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = {
            **schema["$defs"][node["$ref"].rpartition("/")[2]],
            **{key: value for key, value in node.items() if key != "$ref"},
        }
    return node


def _type(schema: dict[str, Any], node: dict[str, Any]) -> str:
    """Describe the type of a node in words.

    >>> _type({}, {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]})
    'integer, at least 1; or null'
    >>> _type({}, {"enum": ["moasha", "fifo"], "type": "string"})
    '`moasha`, `fifo`'
    """
    if "anyOf" in node:
        return "; or ".join(dict.fromkeys(_type(schema, one) for one in node["anyOf"]))
    node = _resolved(schema, node)
    if "properties" in node:
        return f"section of {', '.join(f'`{key}`' for key in node['properties'])}"
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if node.get("type") == "array":
        inner = node.get("items")
        return f"list of {_type(schema, inner)}" if inner else "list"
    if node.get("type") == "object":
        keys = node.get("propertyNames", {}).get("enum")
        inner = node.get("additionalProperties")
        of = f" of {_type(schema, inner)}" if isinstance(inner, dict) and inner else ""
        return f"mapping{of}" + (f"; keys: {', '.join(f'`{key}`' for key in keys)}" if keys else "")
    bounds = [f"{word} {node[key]}" for key, word in _BOUNDS.items() if key in node]
    return ", ".join([str(node.get("type", "any")), *bounds])
