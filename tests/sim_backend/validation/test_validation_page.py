"""What `labctl twin validate` prints and writes; the measurement itself is another file's."""

from __future__ import annotations

import base64
import json
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from labctl.cli import main
from sim_backend.validation import figures, report
from sim_backend.validation.acceptance import LINEARITY, PENDING, QUICK, Section
from sim_backend.validation.page import Occasion, render_page, worded
from sim_backend.validation.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.validation.acceptance import Sizes, Validation

OCCASION = Occasion(datetime(2026, 11, 21, 9, 30, tzinfo=UTC), 12.3, {"labctl": "0.1.0", "numpy": "2.1"})
ODD = Row("name with <b> & more", float("inf"), "dB", "less than < 1", passed=False, source="a source", note="why")


@pytest.fixture(scope="module")
def drawn(quick_validation: Validation) -> list[figures.Picture]:
    return figures.pictures(quick_validation)


@pytest.fixture
def asked(
    quick_validation: Validation, drawn: list[figures.Picture], monkeypatch: pytest.MonkeyPatch
) -> list[tuple[Sizes, int, bool]]:
    """Put a finished validation and its figures in the place of new ones; return what was asked of it."""
    calls: list[tuple[Sizes, int, bool]] = []

    def pictures(found: Validation) -> list[figures.Picture]:
        return drawn

    monkeypatch.setattr(figures, "pictures", pictures)
    monkeypatch.setattr(report, "validate", standing(quick_validation, calls))
    return calls


@pytest.fixture
def failing(quick_validation: Validation) -> Validation:
    return replace(quick_validation, sections=(*quick_validation.sections, Section("Odd", (ODD,))))


def standing(found: Validation, calls: list[tuple[Sizes, int, bool]]) -> Callable[..., Validation]:
    def validate(sizes: Sizes, seed: int, long: bool, tell: Callable[[Section], None] | None) -> Validation:
        calls.append((sizes, seed, long))
        for section in found.sections:
            if tell is not None:
                tell(section)
        return found

    return validate


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["twin", "validate", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not strict JSON")

    return json.loads(text, parse_constant=refuse)


class Balance(HTMLParser):
    """Check that what is opened is closed, and keep what is said and what is referred to."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.alternatives: list[str] = []
        self.text = ""

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.references += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.alternatives += [value or "" for name, value in attrs if name == "alt"]

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


class TestThePage:
    def test_it_is_whole_and_needs_nothing_else(
        self, quick_validation: Validation, drawn: list[figures.Picture]
    ) -> None:
        page = read(render_page(quick_validation, drawn, OCCASION))
        assert not page.tags & {"script", "link", "iframe", "object"}
        assert all(reference.startswith(("data:image/svg+xml;base64,", "#")) for reference in page.references)
        assert page.alternatives == [picture.caption for picture in drawn]
        pages = [reference for reference in page.references if reference.startswith("data:")]
        for reference in pages:
            root = ET.fromstring(base64.b64decode(reference.partition(",")[2]))
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert not [element for element in root.iter() if element.tag.endswith(("script", "image"))]

    def test_every_picture_has_its_section(self, quick_validation: Validation, drawn: list[figures.Picture]) -> None:
        titles = {section.title for section in quick_validation.sections} | {"Devices"}
        assert {picture.section for picture in drawn} <= titles

    def test_it_says_every_row_with_its_verdict(self, failing: Validation) -> None:
        text = read(render_page(failing, [], OCCASION)).text
        for row in failing.rows:
            assert row.name in text
            assert row.target in text
            assert worded(row.value, row.unit) in text
        assert f"{len(failing.rows) - 1} of {len(failing.rows)} rows passed; not passed: {ODD.name}" in text
        assert text.count("✗ not passed") == 1

    def test_it_says_when_with_what_and_what_is_missing(self, quick_validation: Validation) -> None:
        text = read(render_page(quick_validation, [], OCCASION)).text
        assert "2026-11-21 09:30 UTC; 12.3 s; seed 0; quick samples; labctl 0.1.0, numpy 2.1" in text
        for pending in (LINEARITY, *PENDING):
            assert pending.what in text
        for device in ("ru-azo-soft", "vteam-tio2", "vteam-taox"):
            assert device in text

    @pytest.mark.parametrize(
        ("value", "unit", "text"),
        [
            (357.16e-9, "S", "357.2 nS"), (16520.0, "", "16520"), (0.0, "levels", "0 levels"), (-0.0113, "", "-0.0113"),
            (46.1234, "dB", "46.12 dB"), (float("inf"), "dB", "inf dB"), (52.139, "K/W", "52.14 K/W"),
        ],
    )  # fmt: skip
    def test_values_are_written_for_people(self, value: float, unit: str, text: str) -> None:
        assert worded(value, unit) == text


class TestTheCommand:
    def test_it_prints_the_table_and_writes_the_page(
        self, asked: list[tuple[Sizes, int, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        monkeypatch.chdir(tmp_path)
        assert run("--quick", "--seed", "5") == 0
        assert asked == [(QUICK, 5, False)]
        out = capsys.readouterr().out
        assert re.search(r"passed +levels up +16520 +16520, exactly", out)
        assert "rows passed" in out
        assert f"page: {tmp_path / 'twin-validation.html'}" in out
        assert (tmp_path / "twin-validation.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")

    def test_json(
        self, quick_validation: Validation, asked: list[tuple[Sizes, int, bool]], tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        page = tmp_path / "here.html"
        assert run("--json", "--long", "--page", str(page)) == 0
        assert (asked[0][0].name, asked[0][2]) == ("full", True)
        answer = strict(capsys.readouterr().out)
        assert set(answer) == {"passed", "rows", "not_judged", "page"}
        assert answer["passed"] is True
        assert answer["page"] == str(page)
        assert page.is_file()
        assert len(answer["rows"]) == len(quick_validation.rows)
        assert set(answer["rows"][0]) == {"name", "value", "unit", "target", "passed", "source", "note"}

    def test_a_row_that_does_not_pass_is_exit_1(
        self, failing: Validation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(report, "validate", standing(failing, []))
        assert run("--json", "--no-page") == 1
        answer = strict(capsys.readouterr().out)
        assert answer["passed"] is False
        assert answer["page"] is None
        assert answer["rows"][-1]["value"] is None  # no infinity in strict JSON
        assert run("--no-page") == 1
        assert f"NOT PASSED  {ODD.name}" in capsys.readouterr().out
        assert list(tmp_path.iterdir()) == []

    def test_without_matplotlib_the_rows_are_printed_all_the_same(
        self, asked: list[tuple[Sizes, int, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        monkeypatch.chdir(tmp_path)
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        assert run("--json") == 0
        printed = capsys.readouterr()
        assert strict(printed.out)["page"] is None
        assert printed.err == 'labctl: the page needs matplotlib: pip install "labctl[report]"\n'
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("page", [".", "missing/page.html", "x" * 300])
    def test_a_page_that_cannot_stand_there_is_refused_before_anything_is_measured(
        self, page: str, asked: list[tuple[Sizes, int, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        monkeypatch.chdir(tmp_path)
        assert run("--page", page) == 2
        assert asked == []
        assert "--page" in capsys.readouterr().err

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_page_that_cannot_be_written_is_exit_3(
        self, asked: list[tuple[Sizes, int, bool]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("--page", "/dev/full") == 3
        assert "cannot write /dev/full: No space left" in capsys.readouterr().err

    def test_a_seed_is_not_negative(self, asked: list[tuple[Sizes, int, bool]]) -> None:
        assert run("--seed", "-1") == 2
        assert asked == []

    def test_asking_for_help_measures_and_draws_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("--help") == 0
        assert "--quick" in capsys.readouterr().out
