"""The user guide builds without a warning, and whatever it points at is there."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from filelock import FileLock
from typing_extensions import override

from labctl import plugins
from labctl.bench_file import BenchFile
from labctl.protocol import list_parameters

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
FOLDERS = "labctl|drivers|protocols|sim_backend|docs|tests|benchmarks|examples"


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the guide was built, once for all processes that share the tests."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if shared.name.startswith("popen-") else shared
    out, log = shared / "guide", shared / "guide.log"
    with FileLock(shared / "guide.lock"):
        if not log.exists():
            command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(DOCS), str(out)]
            done = subprocess.run(command, cwd=shared, capture_output=True, text=True, timeout=110)
            log.write_text(f"{done.stdout}{done.stderr}[{done.returncode}]", encoding="utf-8")
    assert log.read_text(encoding="utf-8") == "[0]"
    return out


class _Links(HTMLParser):
    """Collects what a page of HTML points at, and the anchors that it has."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.add(value)
            if name == "id" and value:
                self.anchors.add(value)


def test_every_page_is_built_and_stands_in_the_contents(guide: Path) -> None:
    contents = _Links(guide / "index.html").targets
    for page in PAGES:
        name = page.relative_to(DOCS).with_suffix(".html").as_posix()
        assert (guide / name).is_file(), name
        assert name == "index.html" or name in contents, f"{name} stands in no table of contents"


def test_what_the_built_pages_point_at_is_there(guide: Path) -> None:
    """Pages, pictures, style sheets and the places inside pages; nothing is fetched from elsewhere to show a page."""
    pages = {page: _Links(page) for page in guide.rglob("*.html")}
    missing: list[str] = []
    for page, links in pages.items():
        for target in links.targets:
            path, anchor = urldefrag(target)
            path = path.partition("?")[0]
            if re.match(r"[a-z]+:", path):
                continue
            found = (page.parent / unquote(path)).resolve() if path else page
            anchors = pages[found].anchors if found in pages else set[str]()
            if not found.is_file() or (anchor and anchor not in anchors):
                missing.append(f"{page.relative_to(guide)}: {target}")
    assert not missing


def test_nothing_is_loaded_from_the_network(guide: Path) -> None:
    for page in guide.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|link)\b[^>]*?(?:src|href)=\"(https?://[^\"]*)", page.read_text("utf-8"))
        assert not loaded, page.name


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_files_that_a_page_names_are_in_the_repository(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {ROOT / path for path in re.findall(rf"`(?:python )?((?:{FOLDERS})/[\w./-]*\w)", text)}
    linked = {page.parent / target for target in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", text)}
    assert [str(path) for path in named | linked if not path.exists()] == []


def test_the_reference_lists_everything_there_is(guide: Path) -> None:
    """Each protocol with each parameter, each driver, each table of the bench file."""

    def built(name: str) -> str:
        return (guide / "reference" / f"{name}.html").read_text(encoding="utf-8")

    parameters, drivers, bench = built("parameters"), built("drivers"), built("bench-file")
    for name in plugins.names(plugins.PROTOCOLS):
        assert f'<section id="{name}">' in parameters
        for parameter in list_parameters(plugins.load(plugins.PROTOCOLS, name).parameters):
            assert f">{parameter.name}<" in parameters
    for name in plugins.names(plugins.DRIVERS):
        assert f'<section id="{name}">' in drivers
    for table, field in BenchFile.model_fields.items():
        assert f"[{table}" in bench
        for key in getattr(field.annotation, "model_fields", ()):
            assert f">{key}<" in bench


def test_the_reference_has_every_command_with_its_options(guide: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (guide / "reference/commands.html").read_text(encoding="utf-8")
    sections = dict(re.findall(r'<section id="(labctl[a-z-]+)">(.*?)</section>', page, re.DOTALL))

    def help_of(*words: str) -> str:
        done = subprocess.run([sys.executable, "-m", "labctl", *words, "--help"], capture_output=True, text=True)
        return done.stdout

    listed = re.findall(r"^  ([a-z]+)  ", help_of().partition("Commands:")[2], re.MULTILINE)
    assert {name.split("-")[1] for name in sections} == set(listed)
    for option in re.findall(r"^  (--[a-z-]+)", help_of("run"), re.MULTILINE):
        assert option == "--help" or option in sections["labctl-run"]
