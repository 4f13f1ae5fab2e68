"""Figures become pictures: of the right size, in their colours, whatever is in them."""

from __future__ import annotations

import io
import struct
from typing import Literal

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.image import imread

from labctl.figure import Axis, Band, Bars, Curve, Figure, Map, Panel, curve
from labctl.report import drawing
from labctl.report.drawing import NARROW, WIDE, render
from labctl.report.palette import DARK, LIGHT, Palette

RNG = np.random.default_rng(3)
X = np.linspace(0.0, 1e-3, 50)
PANELS = (
    Panel("line", Axis("time", "s"), Axis("g", "S"), (curve(X, X, "a"), curve(X, X * 2, "b", "dashed"))),
    Panel("dots", Axis("time", "s"), Axis("g", "S"), (curve(X, X, "a", "points", error=X / 10),)),
    Panel("log", Axis("f", "Hz", log=True), Axis("d", "", log=True), (curve(X, X**2, "a", "line and points"),)),
    Panel("bars", Axis("error", "levels"), Axis("n", log=True), (Bars(np.arange(4.0), np.array([5.0, 0, np.nan])),)),
    Panel("map", Axis("column"), Axis("row"), (Map(RNG.normal(size=(8, 4)), "error", "levels", diverging=True),)),
    Panel("kinds", Axis("", names=("good", "open")), Axis("n"), (curve([0, 1], [3, 4], "", "points"),)),
    Panel("yield", Axis("column"), Axis("row"), (Map(np.array([[0.0, 1.0]]), "", names=("good", "open", "short")),)),
    Panel("band", Axis("x"), Axis("y", log=True), (Band(X + 1, X - 1, X + 2, "allowed"), curve(X + 1, X + 1))),
)


DPI = 60


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw small pictures: the layout is the same, and they are there sooner."""
    monkeypatch.setattr(drawing, "DPI", DPI)


def size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(imread(io.BytesIO(png), format="png"))[..., :3]


def colour(text: str) -> list[float]:
    return [int(text[k : k + 2], 16) / 255 for k in (1, 3, 5)]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_every_mark_is_drawn(panel: Panel) -> None:
    seen = pixels(render(Figure("one", (panel,)), LIGHT, ("png",))["png"])
    empty = render(Figure("one", (Panel(panel.title, panel.x, panel.y, ()),)), LIGHT, ("png",))["png"]
    assert not np.array_equal(seen, pixels(empty))


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_the_palette_is_that_of_the_page(palette: Palette) -> None:
    panel = PANELS[0]
    png = render(Figure("one", (panel,)), palette, ("png",))["png"]
    seen = pixels(png)
    assert np.allclose(seen[0, 0], colour(palette.card), atol=0.01)
    assert np.ptp(seen.reshape(-1, 3), axis=0).max() > 0.5  # something stands on the ground


@pytest.mark.parametrize(("count", "columns", "width"), [(5, 2, WIDE), (2, 1, 0.75 * WIDE)])
def test_sizes(count: int, columns: int, width: float) -> None:
    drawn = render(Figure("several", PANELS[:count]), LIGHT, ("png", "pdf"), columns=columns)
    assert size(drawn["png"])[0] == pytest.approx(width * DPI, abs=1)
    assert drawn["pdf"].startswith(b"%PDF")


def test_the_same_figure_is_the_same_file() -> None:
    figure = Figure("one", PANELS[:1])
    assert render(figure, LIGHT, ("png", "pdf")) == render(figure, LIGHT, ("png", "pdf"))


def test_compared_figures_have_the_same_scales() -> None:
    small = Figure("a", (Panel("p", Axis("x"), Axis("y", "V"), (curve([0, 1], [0, 1]),)),))
    large = Figure("a", (Panel("p", Axis("x"), Axis("y", "V"), (curve([0, 1], [0, 1000]),)),))
    alone = pixels(render(small, LIGHT, ("png",), columns=1)["png"])
    beside = render(small, LIGHT, ("png",), [large], columns=1)["png"]
    assert size(beside)[0] == pytest.approx(NARROW * DPI, abs=1)
    assert not np.array_equal(alone, pixels(beside))


def test_a_million_points_are_drawn_with_some_thousands() -> None:
    many = np.arange(1e6)
    panel = Panel("many", Axis("time", "s"), Axis("g", "S"), (curve(many, RNG.normal(size=many.size)),))
    assert len(render(Figure("many", (panel,)), LIGHT, ("pdf",))["pdf"]) < 300_000


@pytest.mark.parametrize("style", ["line", "dashed"])
def test_a_line_without_a_name_has_the_colour_of_the_curve_before_it(
    style: Literal["line", "dashed"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "DPI", 150)  # thin lines need pixels that are theirs alone

    def seen(*fits: Curve) -> list[int]:
        marks = [mark for k, fit in enumerate(fits) for mark in (curve(X[:1], X[:1] + k, f"points {k}", "points"), fit)]
        panel = Panel("p", Axis("x"), Axis("y"), (*marks, curve(X, X + 2, "last")))
        picture = pixels(render(Figure("fits", (panel,)), LIGHT, ("png",))["png"])
        return [int(np.isclose(picture, colour(c), atol=0.02).all(axis=-1).sum()) for c in LIGHT.curves[:5]]

    fitted, bare = seen(curve(X, X, "", style), curve(X, X + 1, "", style)), seen(curve([], []), curve([], []))
    assert fitted[0] > bare[0] + 20
    assert fitted[1] > bare[1] + 20
    assert fitted[2:] == bare[2:]  # of the last curve, and of none


def test_the_names_of_kinds_stand_at_the_axis() -> None:
    def drawn(*names: str) -> bytes:
        panel = Panel("kinds", Axis("", names=names), Axis("n"), (curve([0, 1], [3, 4], "", "points"),))
        return render(Figure("one", (panel,)), LIGHT, ("png",))["png"]

    assert drawn("good", "open") != drawn("good", "short")


def test_a_kind_has_its_own_colour_whichever_others_there_are() -> None:
    def seen(values: list[float]) -> np.ndarray:
        drawn = Map(np.array([values]), "", names=("good", "open", "short"))
        panel = Panel("yield", Axis("column"), Axis("row"), (drawn,))
        picture = pixels(render(Figure("one", (panel,)), LIGHT, ("png",))["png"])
        return picture[picture.shape[0] // 2]

    alone, beside = seen([1.0, 1.0]), seen([1.0, 2.0])
    middle = alone.shape[0] // 4
    np.testing.assert_array_equal(alone[middle], beside[middle])


def test_text_is_only_text() -> None:
    hostile = "$\\frac{1}{$ \x1b[31m \u202e 漢字 _" + "long " * 60
    panel = Panel(hostile, Axis(hostile, hostile), Axis(hostile, "S", log=True), (curve(X, X, hostile),))
    assert size(render(Figure(hostile, (panel,)), LIGHT, ("png", "pdf"))["png"])[0] > 0


def test_nothing_to_draw_is_drawn() -> None:
    assert render(Figure("nothing"), LIGHT, ("png",))["png"]
    empty = Panel("empty", Axis("x", log=True), Axis("y", "S"), (curve([], []), curve([1.0], [np.nan])))
    assert render(Figure("nothing", (empty,)), DARK, ("png",))["png"]


@pytest.mark.parametrize(
    "mark",
    [
        curve([1, 2], [1]),
        curve([1, 2], [1, 2], error=[1]),
        Bars(np.arange(3.0), np.arange(3.0)),
        Map(np.arange(3.0), "flat"),
    ],
)
def test_marks_that_do_not_fit_together_are_refused(mark: object) -> None:
    panel = Panel("p", Axis("x"), Axis("y"), (mark,))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="make no picture"):
        render(Figure("f", (panel,)), LIGHT, ("png",))
