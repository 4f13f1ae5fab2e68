"""A damaged answer never yields a wrong number: every driver call gives the right value or an error of ours.

What is right is told by a twin of the instrument on the same cell, asked the same, whose answers arrive as they were
sent. Trials share an instrument by tens: what an answer leaves behind on the link may spoil the next call.
"""

from __future__ import annotations

import functools
import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from campaigns.damages import KINDS, DamagedPanel, Damager
from campaigns.frame import Campaign, HungError, Tally, dice, origin, within
from campaigns.smu_rig import MODELS, SmuRig, parts

from labctl.errors import LabctlError
from labctl.smu_data import OffMode, Reading, SourceSetup

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from campaigns.frame import CampaignReport

    Operation = Callable[[SmuRig], object]

TOGETHER: Final = 10
"""Trials on one instrument, one after the other."""
PATIENCE: Final = 20.0
"""Processor time of one driver call (s): an end that is far beyond every time-out on the virtual clock."""
SETUPS: Final = (
    SourceSetup(0.35, 1e-3, nplc=0.1),
    SourceSetup(1.5, 1e-2, current_range=1e-3),
    SourceSetup(1.5, 5e-5, current_range=1e-4, nplc=0.1, four_wire=True),
    SourceSetup(0.2, 2e-3, nplc=2.0, off_mode=OffMode.HIGH_IMPEDANCE),
    SourceSetup(1.0, 1e-2, current_range=1e-5, nplc=0.1),
)
"""The third limits the current of a conducting cell, the last one's range does not hold it."""
LEVELS: Final = (0.0, 0.001, -0.07, 0.1, 0.15, -0.2, 0.2)
KNOBS: Final = {"current_limit": (1e-4, 1e-3, 2e-3, 1.234e-3), "nplc": (0.1, 0.5, 1.0, 10.0)}
TIME_STEP: Final = 2e-3
"""How far times may lie apart that are the same (s): the coarsest instrument counts milliseconds."""


class Wrong(Exception):  # noqa: N818 (it is what is looked for)
    """A driver call returned what is not so."""


class Pair:
    """An instrument behind a link that damages answers, and its undamaged twin; both are asked the same.

    Args:
        model: name of the driver.
        throw: dice of the session.
    """

    def __init__(self, model: str, throw: random.Random) -> None:
        self._model, self._throw = MODELS[model], throw
        resource = throw.choice(self._model.resources)
        self.damager, self._counter = Damager(throw), Damager(throw)
        self.rig = SmuRig(self._model, resource, lambda panel: DamagedPanel(panel, self.damager))
        self.twin = SmuRig(self._model, resource, lambda panel: DamagedPanel(panel, self._counter))
        self.setup = SETUPS[0]
        self.kind = ""
        self._started: list[tuple[float, float]] = []
        self.pulse()

    def source(self, level: float) -> None:
        """Have both source a level (V), undamaged, so that there is something to measure."""
        if abs(level) <= self.setup.voltage:
            self.twin.smu.source(level)
            self.rig.smu.source(level)

    def pulse(self) -> None:
        """Change both cells, so that no reading is like one before."""
        amplitude, count = self._throw.choice((0.9, 0.9, -0.75)), self._throw.randrange(100, 4000)
        self.rig.pulse(amplitude, count)
        self.twin.pulse(amplitude, count)

    def bring_up(self) -> None:
        """Configure both, output on; what a damaged answer left behind may spoil one try, not two.

        Raises:
            Wrong: if the instrument cannot be brought back.
        """
        self.setup, self._started = self._throw.choice(SETUPS), []

        def up(rig: SmuRig) -> None:
            rig.smu.configure(self.setup)
            rig.smu.output_on()

        up(self.twin)
        self.damager.disarm()
        for attempt in (1, 2):
            try:
                rig = self.rig
                rig.smu.make_safe()
                if not rig.is_off:
                    raise Wrong(f"make_safe went well, but the terminals are driven with {rig.drives}")
                return up(rig)
            except LabctlError as error:
                if attempt == 2:
                    raise Wrong(f"it cannot be brought back: {error}") from None
        return None

    def try_damaged(self, name: str, operation: Operation, kind: str) -> str:
        """Do an operation while an answer is damaged; return how it came out.

        Raises:
            Wrong: if it returned what is not so.
        """
        before = self._counter.passed
        truth = operation(self.twin)
        answers = self._counter.passed - before
        if not answers:
            operation(self.rig)
            return "nothing to damage"
        self.kind = kind
        self.damager.arm(kind, self._throw.randrange(answers))
        began = self.rig.clock.now()
        try:
            with within(PATIENCE):
                found = operation(self.rig)
        except LabctlError:
            return "error"
        finally:
            self.damager.disarm()
        return self.check(name, found, truth, began)

    def check(self, name: str, found: object, truth: object, began: float) -> str:
        """Compare what both drivers say, and both pairs of terminals; return how it came out.

        Raises:
            Wrong: if they differ.
        """
        if name == "measure":
            self._check_time(found, began)
        elif name == "source":  # which ends with a measurement, from which times may count
            self._started.append((began, self.rig.clock.now()))
        if name == "identify" and found != truth:
            return "right but for a text"  # nobody but a person can tell one name from another
        if name == "read_errors":
            return self._check_errors(found, truth)
        if not _same(found, truth):
            raise Wrong(f"{name} gave {found}, but {truth} is so")
        if self.rig.drives != self.twin.drives:
            raise Wrong(
                f"after {name} the terminals are driven with {self.rig.drives}, but should be with {self.twin.drives}"
            )
        if name == "configure" and (states := [_settings(rig.panel) for rig in (self.rig, self.twin)])[0] != states[1]:
            raise Wrong(f"after configure the instrument holds {_difference(*states)}")
        return "right"

    def _check_errors(self, found: object, truth: object) -> str:
        """Compare what stood in the error queue: no entry may be missing or told twice; its words nobody can check."""
        numbers = [[str(entry).partition(" ")[0] for entry in cast("list[str]", entries)] for entries in (found, truth)]
        if len(numbers[0]) != len(numbers[1]):
            raise Wrong(f"read_errors gave {found}, but {truth} is so")
        if numbers[0] != numbers[1] and self.kind != "cut middle":  # which may take any digit out of a code
            raise Wrong(f"read_errors gave {found}, but {truth} is so")
        return "right" if found == truth else "right but for a text"

    def _check_time(self, found: object, began: float) -> None:
        """See that the time of a reading is one at which it can have been taken."""
        if not isinstance(found, Reading):
            raise Wrong(f"measure gave {found!r}")
        self._started.append((began, self.rig.clock.now()))
        (first, _), ended = self._started[0], self.rig.clock.now()
        earliest = began - self._started[0][1] - TIME_STEP
        if not earliest <= found.time <= ended - first + TIME_STEP:
            raise Wrong(f"a reading of {found.time} s, taken between {earliest} s and {ended - first} s")

    def close(self) -> None:
        """Close every channel."""
        self.rig.close()
        self.twin.close()


def _same(found: object, truth: object) -> bool:
    """Return whether two results are the same; times of readings need only be alike."""
    one: Any = found
    other: Any = truth
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        several, right = cast("list[object]", found), cast("list[object]", truth)
        return len(several) == len(right) and all(map(_same, several, right))
    if isinstance(one, Reading):
        names = [entry.name for entry in fields(Reading) if entry.name != "time"]
        return all(_same(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other)))


def _settings(panel: Any) -> list[str]:
    """Return what an instrument is set to, a line each."""
    return [f"{key} = {value}" for part in parts(panel) for key, value in _flat(part.settings)]


def _flat(settings: object) -> list[tuple[str, str]]:
    """Return the fields of a settings object with what stands in them."""
    holder: Any = settings
    names = [entry.name for entry in fields(holder)] if is_dataclass(settings) else [*_names(settings)]
    return [(name, repr(getattr(holder, name))) for name in names]


def _names(settings: object) -> list[str]:
    return sorted(vars(settings))


def _difference(found: list[str], right: list[str]) -> str:
    return "; ".join(f"{one} instead of {other}" for one, other in zip(found, right, strict=True) if one != other)


def _source(level: float) -> Operation:
    def operation(rig: SmuRig) -> object:
        rig.smu.source(level)
        return rig.smu.measure().voltage

    return operation


def _knob(name: str, value: float) -> Operation:
    def operation(rig: SmuRig) -> object:
        setting = rig.knob(name).to(rig.smu, value)  # pyright: ignore[reportArgumentType]: every SMU driver has a link
        setting.send()
        return setting.confirm()

    return operation


def _errors(nonsense: bytes, count: int) -> Operation:
    def operation(rig: SmuRig) -> object:
        rig.panel.receive(nonsense * count)
        return rig.smu.read_errors()

    return operation


def _measure(rig: SmuRig) -> Reading:
    return rig.smu.measure()


def _off_and_on(rig: SmuRig) -> None:
    rig.smu.output_off()
    if not rig.is_off:
        raise Wrong(f"output_off went well, but the terminals are driven with {rig.drives}")
    rig.smu.output_on()


def _safe(rig: SmuRig) -> None:
    rig.smu.make_safe()


def _draw(model: str, throw: random.Random) -> tuple[str, Operation]:
    """Return a driver call and its name."""
    name = throw.choices(
        ("measure", "sweep", "configure", "knob", "read_errors", "output", "make_safe", "source", "identify"),
        (30, 15, 15, 12, 8, 8, 4, 6, 2),
    )[0]
    match name:
        case "measure":
            return name, _measure
        case "sweep":
            levels = throw.sample(LEVELS, throw.randrange(1, len(LEVELS)))
            delay = throw.choice((0.0, 1e-3))
            return name, lambda rig: rig.smu.sweep(levels, delay)
        case "configure":
            setup = throw.choice(SETUPS)
            return name, lambda rig: rig.smu.configure(setup)
        case "knob":
            knob = throw.choice(tuple(KNOBS))
            return name, _knob(knob, throw.choice(KNOBS[knob]))
        case "read_errors":
            return name, _errors(MODELS[model].nonsense, throw.randrange(4))
        case "output":
            return name, _off_and_on
        case "make_safe":
            return name, _safe
        case "source":
            return name, _source(throw.choice(LEVELS))
        case _:
            return name, lambda rig: rig.smu.identify()


def _session(model: str, throw: random.Random, first: int, tally: Tally, last: int) -> None:
    """Do the trials `first` to `last` on one instrument."""
    pair = Pair(model, throw)
    try:
        pair.bring_up()
        for number in range(first, last + 1):
            name, operation = _draw(model, throw)
            kind = throw.choice(KINDS)
            _trial(pair, (name, operation, kind), number, throw, tally)
    finally:
        pair.close()


def _trial(pair: Pair, call: tuple[str, Operation, str], number: int, throw: random.Random, tally: Tally) -> None:
    """Do one call while an answer is damaged, and bring both instruments back to where they can go on."""
    name, operation, kind = call
    what, outcome = f"{name}, {kind}", "wrong"
    try:
        pair.source(throw.choice(LEVELS))
        outcome = pair.try_damaged(name, operation, kind)
        if outcome.startswith("right"):
            # What is left on the link may spoil the next call, but gives no wrong number.
            outcome = _follow(pair, name, outcome)
    except LabctlError:
        outcome = "error in the next call"  # what an answer before left on the link was seen only here
    except (Wrong, HungError) as wrong:
        tally.fail(number, f"{what}: {pair.damager.done!r}: {wrong}")
    except Exception as error:  # noqa: BLE001 (an error that is not ours is a failure of the trial)
        tally.fail(number, f"{what}: {pair.damager.done!r}: {origin(error)}")
    tally.count(number, kind, outcome)
    pair.pulse()
    if not outcome.startswith("right") or name in ("configure", "make_safe", "knob"):
        try:
            pair.bring_up()
        except Wrong as wrong:
            tally.fail(number, f"{what}: {pair.damager.done!r}: {wrong}")


def _follow(pair: Pair, name: str, outcome: str) -> str:
    """Measure once more, undamaged; return how that came out, or `outcome` if it was right."""
    if name in ("configure", "make_safe"):
        return outcome
    truth, began = pair.twin.smu.measure(), pair.rig.clock.now()
    try:
        found = pair.rig.smu.measure()
    except LabctlError:
        return "error in the next call"
    pair.check("measure", found, truth, began)
    return outcome


def run(model: str, numbers: range, seed: int) -> CampaignReport:
    """Do the trials of these numbers with one driver."""
    name = f"damage/{model}"
    tally = Tally(name, seed, numbers)
    for first in range(numbers.start - numbers.start % TOGETHER, numbers.stop, TOGETHER):
        last = min(first + TOGETHER, numbers.stop) - 1
        _session(model, dice(name, seed, first), first, tally, last)
    return tally.report()


DAMAGE: Final = tuple(
    Campaign(
        f"damage/{model}",
        "damaged answers give the right value or an error of ours",
        2_000,
        100_000,
        functools.partial(run, model),
    )
    for model in MODELS
)
