"""analysis/ needs none of the packages that run a sweep."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import analysis

FOLDER = Path(analysis.__file__).parent
ALLOWED = {"analysis", "sweep", "pandas", "numpy", "pyarrow", "matplotlib", "plotly", "jinja2"}
# Packages that are imported inside functions only.
LATE = {"fsspec", "moocore", "scipy"}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module).split(".")[0])
    return names


def test_only_the_light_packages_are_imported() -> None:
    known = ALLOWED | LATE | set(sys.stdlib_module_names)
    others = {
        str(file.relative_to(FOLDER)): names - known
        for file in sorted(FOLDER.rglob("*.py"))
        if (names := imported(ast.parse(file.read_text(encoding="utf-8")))) - known
    }
    assert others == {}


def loaded_by(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sorted(m.split('.')[0] for m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_loading_imports_no_plotting_package_and_no_part_of_the_stack() -> None:
    heavy = {"matplotlib", "plotly", "ray", "torch", "optuna", "transformers"}
    code = "import analysis, analysis.report, analysis.charts; analysis.load, analysis.Comparison"
    assert not (heavy | LATE) & loaded_by(code)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        analysis.nonsense  # noqa: B018
