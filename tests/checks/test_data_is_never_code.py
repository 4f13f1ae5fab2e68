"""Nothing that is read is run: no pickle, no eval, no YAML, no shell, no array of objects; looked for in every file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("labctl", "drivers", "protocols", "sim_backend")
MODULES = {
    "pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "ruamel", "oyaml",
    "code", "codeop", "runpy", "imp", "xmlrpc", "jsonpickle", "telnetlib",
}  # fmt: skip
NAMES = {"eval", "exec", "compile", "__import__", "execfile"}
METHODS = {"os.system", "os.popen", "builtins.eval", "builtins.exec", "sys.settrace", "numpy.loads"}
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def _complaints(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (f"import {one.name}" for one in names if one.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                yield f"from {module}"
            case ast.Call(func=ast.Name(id=name)) if name in NAMES:
                yield f"{name}()"
            case ast.Call(func=ast.Attribute() as function, keywords=keywords):
                given = {keyword.arg: keyword.value for keyword in keywords}
                yield from _calls(ast.unparse(function), given)
            case _:
                pass


def _calls(called: str, given: dict[str | None, ast.expr]) -> Iterator[str]:
    if called in METHODS:
        yield f"{called}()"
    pickles = given.get("allow_pickle")
    if called in ("np.load", "numpy.load", "np.save", "np.savez", "np.savez_compressed") and pickles is None:
        yield f"{called}() without allow_pickle=False"
    if pickles is not None and not (isinstance(pickles, ast.Constant) and pickles.value is False):
        yield f"{called}(allow_pickle=...)"
    shell = given.get("shell")
    if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
        yield f"{called}(shell=...)"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_runs_what_it_reads(package: str) -> None:
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] == package]
    assert len(files) >= 4
    found = {str(path.relative_to(ROOT)): list(_complaints(path.read_text(encoding="utf-8"))) for path in files}
    assert {path: complaints for path, complaints in found.items() if complaints} == {}


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from yaml import load", "import numpy as np\nnp.load(f)", "np.load(f, allow_pickle=True)",
     "x = eval('1')", "os.system('ls')", "subprocess.run('ls', shell=True)", "np.load(f, allow_pickle=given)"],
)  # fmt: skip
def test_what_is_looked_for_is_found(source: str) -> None:
    assert list(_complaints(source)) != []


def test_what_is_harmless_is_not_found() -> None:
    assert list(_complaints("np.load(f, allow_pickle=False)\nre.compile('x')\nruntime.eval_count")) == []
