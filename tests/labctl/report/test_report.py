"""`labctl report` and `labctl show`, on runs that ended well, badly, or not at all."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any

import pytest

from labctl.figure import Axis, Figure, Panel, curve
from labctl.protocol import Protocol
from labctl.units import Written

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("pictures")

VOID = {"meta", "img", "br", "hr", "link"}
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e&"


class Page(HTMLParser):
    """Reads a page, and fails on markup that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def pictures(self) -> list[bytes]:
        """Return what is embedded, in the order of the page."""
        sources = [values["src"] or "" for tag, values in self.tags if tag == "img"]
        assert all(source.startswith("data:image/png;base64,") for source in sources)
        return [base64.b64decode(source.partition(",")[2]) for source in sources]


def page_of(done: Any) -> Page:
    assert done.code == 0, done.err
    return Page(Path(done.json["page"]).read_text(encoding="utf-8"))


def test_a_page_says_what_the_run_was_and_came_to(labctl: Any, slope: Any, make_run: Any) -> None:
    folder = make_run("finished", 5, {"height": "1.1 V"}, note="first light", seed=7, log=["a cable was moved"])
    page = page_of(labctl("report", "--json"))
    for words in (
        "slope", "a line that rises", folder.name, "finished, did not pass", "first light",
        "on the twin backend, die W12-D3, 2026-08-01 12:00:00 UTC, by Ada",
        "top 4 mS at least 2 mS met", "share 1 at most 0.5 NOT MET", "points 5",
        "height 1.1 V set", "points 5 default How many there are.", "quick no default",
        "KEITHLEY 2450 0123 1.7", "TCPIP0::192.168.1.50::5025::SOCKET", "die id W12-D3", "twin device ru-azo", "seed 7",
        "voltage 1.3 V", "cell current 15 mA", "pulse width 10 ms",
        "operator Ada", "protocol from a test 1.0", "labctl 0.1.0", "python 3.",
        "steps 5 of 5", "bench time 5 s", "wall time 250 ms", "2026-08-01 12:00:00 UTC", "a cable was moved",
    ):  # fmt: skip
        assert words in page.text


def test_figures_are_pictures_in_the_page_and_files_beside_it(
    drawn: None, labctl: Any, slope: Any, make_run: Any
) -> None:
    folder = make_run()
    done = labctl("report", folder, "--json")
    light, dark = page_of(done).pictures()
    assert light != dark
    figures = [Path(name) for name in done.json["figures"]]
    assert [(figure.name, figure.parent) for figure in figures] == [
        ("figure.png", folder / "report"),
        ("figure.pdf", folder / "report"),
    ]
    assert figures[0].read_bytes() == light
    assert figures[1].read_bytes().startswith(b"%PDF")
    assert len(light) > 10_000
    assert sorted(path.name for path in (folder / "report").iterdir()) == ["figure.pdf", "figure.png", "report.html"]


def test_the_page_loads_nothing_and_is_light_dark_and_on_paper(labctl: Any, slope: Any, make_run: Any) -> None:
    make_run()
    done = labctl("report", "--json")
    page, text = page_of(done), Path(done.json["page"]).read_text(encoding="utf-8")
    bare = re.sub(r"data:image/png;base64,[^\"]*", "", text)
    assert not re.search(r"https?:|//|url\(|@import", bare)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "form", "a"}
    policies = [values["content"] for _, values in page.tags if values.get("http-equiv")]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert [values["class"] for tag, values in page.tags if tag == "img"] == ["light", "dark"]
    assert all(values["alt"] for tag, values in page.tags if tag == "img")


@pytest.mark.parametrize("end", ["finished", "failed"])
def test_what_people_and_instruments_say_is_text(labctl: Any, slope: Any, make_run: Any, end: str) -> None:
    make_run(end, note=HOSTILE, model=HOSTILE, log=[HOSTILE])
    done = labctl("report", "--json")
    page, text = page_of(done), Path(done.json["page"]).read_text(encoding="utf-8")
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert page.text.count("<script>alert(1)</script>\\x1b[31m\\u202e&") >= 3
    assert not {"\x1b", "\u202e"} & set(text)
    shown = labctl("show")
    assert shown.code == 0
    assert not {"\x1b", "\u202e"} & set(shown.out)
    assert shown.out.count("<script>") >= 3


@pytest.mark.parametrize(("end", "word"), [("running", "died"), ("stopped", "stopped"), ("failed", "failed")])
def test_a_run_that_ended_early_shows_what_it_left(labctl: Any, slope: Any, make_run: Any, end: str, word: str) -> None:
    make_run(end, 3)
    page = page_of(labctl("report", "--json"))
    assert word in page.text
    assert "steps 3 of 5" in page.text
    assert "top 2 mS at least 2 mS met" in page.text
    assert "the summary is of the records that are there" in page.text
    assert len(page.pictures()) == 2
    shown = labctl("show", "--json").json
    assert (shown["state"], shown["passed"], shown["steps"]) == (word, None, 3)
    assert [criterion["met"] for criterion in shown["criteria"]] == [True, False]


def test_a_run_that_is_under_way_runs(labctl: Any, slope: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_work(folder: Path) -> bool:
        return True

    make_run("running", 2)
    monkeypatch.setattr("labctl.report.facts.is_alive", at_work)
    assert labctl("show", "--json").json["state"] == "running"
    assert "running" in page_of(labctl("report", "--json")).text


def test_a_run_without_a_record_has_no_figure(labctl: Any, slope: Any, make_run: Any) -> None:
    make_run("failed", 0)
    page = page_of(labctl("report", "--json"))
    assert "there are no records yet" in page.text
    assert page.pictures() == []


def test_a_protocol_that_is_not_installed_is_named(labctl: Any, make_run: Any) -> None:
    make_run(protocol="stranger")
    page = page_of(labctl("report", "--json"))
    assert "unknown protocol 'stranger'" in page.text
    assert page.pictures() == []
    assert "top 4 mS at least 2 mS met" in page.text  # as the run wrote it down
    assert "unknown protocol 'stranger'" in labctl("show").out


def test_a_protocol_of_another_version_is_not_asked(
    labctl: Any, slope: Protocol[Any, Any], offer: Any, make_run: Any
) -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Other:
        time: float

    make_run()
    offer(dataclasses.replace(slope, record=Other))
    assert "written by another version of Other" in page_of(labctl("report", "--json")).text


def test_a_figure_that_fails_does_not_take_the_page_with_it(
    labctl: Any, slope: Protocol[Any, Any], offer: Any, make_run: Any
) -> None:
    def broken(*arguments: Any) -> Any:
        raise ZeroDivisionError("nobody thought of this")

    make_run()
    offer(dataclasses.replace(slope, figure=broken))
    page = page_of(labctl("report", "--json"))
    assert "ZeroDivisionError: nobody thought of this" in page.text
    offer(dataclasses.replace(slope, figure=None))
    assert "slope has no figure" in page_of(labctl("report", "--json")).text


def test_two_runs_stand_side_by_side(labctl: Any, slope: Any, make_run: Any) -> None:
    one = make_run("finished", 5, seed=1)
    other = make_run("stopped", 2, {"height": "1.2 V", "points": "8"}, seed=1)
    done = labctl("report", one, other, "--json")
    page = page_of(done)
    assert "height 900 mV 1.2 V" in page.text
    assert "points 5 8" in page.text
    assert "top at least 2 mS 4 mS (met) 1 mS (NOT MET)" in page.text
    assert "seed 1 " in page.text
    assert len(page.pictures()) == 4
    place = one / "report" / "with_00000001"
    assert Path(done.json["page"]) == place / "report.html"
    assert len(done.json["figures"]) == 4
    assert not (one / "report" / "report.html").exists()


def test_runs_of_different_protocols_have_summaries_of_their_own(
    labctl: Any, slope: Protocol[Any, Any], offer: Any, make_run: Any
) -> None:
    one = make_run(settings={"height": "1.2 V"})
    other = make_run(protocol="stranger")
    page = page_of(labctl("report", one, other, "--json"))
    assert "Summaries slope top 4 mS (at least 2 mS: met) share 1 (at most 0.5: NOT MET) points 5 stranger" in page.text
    assert "What differs slope stranger protocol slope stranger" in page.text
    manifest = json.loads((other / "manifest.json").read_text(encoding="utf-8"))
    manifest["parameters"]["depth"] = 7
    (other / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    page = page_of(labctl("report", one, other, "--json"))
    assert "What one run alone has slope nothing stranger depth 7 Course slope stranger" in page.text


def test_a_run_that_took_other_steps_than_planned_is_whole(labctl: Any, slope: Any, make_run: Any) -> None:
    make_run("finished", 3)
    assert "steps 3; 5 were planned" in [" ".join(line.split()) for line in labctl("show").out.splitlines()]


def test_a_parameter_without_a_value_is_called_as_it_is_set(
    labctl: Any, slope: Protocol[Any, Any], offer: Any, make_run: Any
) -> None:
    def parse(value: object) -> object:
        return None if value in (None, "auto") else value

    class Perhaps(slope.parameters):
        scale: Annotated[float | None, Written("number, or auto", parse, "auto")] = None
        """What `auto` finds."""

    folder = make_run()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["parameters"]["scale"] = None
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    offer(dataclasses.replace(slope, parameters=Perhaps))
    done = labctl("report", "--json")
    assert "scale auto default What auto finds." in page_of(done).text
    assert "What <code>auto</code> finds." in Path(done.json["page"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_shows_what_is_long_below_its_column(
    labctl: Any, slope: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    make_run(note="word " * 60 + "x" * 200, log=["a cable was moved " * 20])
    whole = labctl("show").out
    assert max(map(len, whole.splitlines())) > 300  # into a pipe, a line stays one
    monkeypatch.setattr("labctl.report.command._terminal_width", lambda: columns)
    shown = labctl("show").out
    assert max(map(len, shown.splitlines())) <= columns
    assert "".join(shown.split()) == "".join(whole.split())


def test_it_prints_where_the_files_are(labctl: Any, slope: Any, make_run: Any) -> None:
    make_run()
    done = labctl("report", "--json").json
    assert labctl("report").out.splitlines() == [done["page"], *done["figures"]]


def test_a_figure_that_makes_no_picture_leaves_a_remark(
    drawn: None, labctl: Any, slope: Protocol[Any, Any], offer: Any, make_run: Any
) -> None:
    def crooked(*arguments: Any) -> Figure:
        return Figure("crooked", (Panel("p", Axis("x"), Axis("y"), (curve([1, 2, 3], [1, 2]),)),))

    make_run()
    offer(dataclasses.replace(slope, figure=crooked))
    page = page_of(labctl("report", "--json"))
    assert "the figure cannot be drawn: Curve '' has parts of shapes (3,), (2,)" in page.text
    assert page.pictures() == []


def test_without_matplotlib_it_says_what_to_install(
    labctl: Any, slope: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = labctl("report")
    assert done.code == 2
    assert done.err == 'labctl: the report needs matplotlib: pip install "labctl[report]"\n'
    assert labctl("show").code == 0


def test_show_is_the_same_in_the_terminal(labctl: Any, slope: Any, make_run: Any) -> None:
    folder = make_run(settings={"height": "1.1 V"}, log=["a cable was moved"])
    lines = [" ".join(line.split()) for line in labctl("show").out.splitlines()]
    for words in (
        folder.name, "slope: a line that rises", "top 4 mS at least 2 mS met", "share 1 at most 0.5 NOT MET",
        "height 1.1 V set", "points 5 default", "voltage 1.3 V", "state finished, did not pass",
        "2026-08-01 12:00:00 UTC a cable was moved",
    ):  # fmt: skip
        assert words in lines
    shown = labctl("show", folder.name[:20], "--json").json
    assert shown["summary"] == {"top": 4e-3, "share": 1.0, "points": 5}
    assert shown["units"]["top"] == "S"
    assert shown["manifest"]["parameters"]["height"] == 1.1
    assert shown["run"] == str(folder)


def test_a_run_that_was_resumed_says_when(labctl: Any, slope: Any, make_run: Any) -> None:
    from contextlib import closing
    from datetime import UTC, datetime

    from labctl.store import RunWriter

    folder = make_run("stopped", 3)
    with closing(RunWriter(folder, {"record": slope.record}, power_safe=False)) as writer:
        for hour, state in enumerate(("running", "paused", "running")):
            writer.set_state(datetime(2026, 8, 2, hour, tzinfo=UTC), state)
    lines = [" ".join(line.split()) for line in labctl("show").out.splitlines()]
    assert "resumed 2026-08-02 00:00:00 UTC" in lines
    assert "paused 2026-08-02 01:00:00 UTC" in lines
    assert "went on 2026-08-02 02:00:00 UTC" in lines


def test_the_commands_of_the_documentation_run(labctl: Any, slope: Any, make_run: Any) -> None:
    text = (Path(__file__).parents[3] / "docs" / "reports.md").read_text(encoding="utf-8")
    make_run()
    (block,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    for line in block.splitlines():
        assert labctl(*shlex.split(line)[1:]).code == 0
