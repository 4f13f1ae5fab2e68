"""Every error that labctl raises on purpose, and what its reader should do.

LabctlError                      carries the exit code of the command line
├── InputError (2)               mend what you typed; nothing was sent
│   ├── UnitError                write the quantity with its unit, as in "0.9 V"
│   ├── UnknownNameError         use the name that the message offers
│   ├── PluginError              update or uninstall the package that the message names
│   ├── BenchFileError           mend the line of the bench file that the message names
│   ├── ParameterError           mend the `--set` that the message names
│   ├── EnvelopeError            stay inside the die's envelope, or widen it on purpose
│   ├── DieFileError             name a die file that is there and whole
│   ├── ModelError               give the simulation numbers that a device or a circuit can have
│   └── RunNotFoundError         name a run folder that exists
├── EquipmentError (3)           look at the bench
│   ├── LinkError                check cable, power and address
│   │   └── InDoubtError         a write's outcome is unknown: re-read the cells
│   ├── IdentityError            another instrument stands at this address
│   ├── RefusedError             the instrument refused a command: its answer is in the message
│   ├── SettingError             the instrument holds another value than it was given
│   ├── TrippedError             a protection fired: find the cause, then clear it
│   ├── AddressLockedError       another run holds this address
│   ├── OutputError              what was to be printed could not be: a full disk, a closed pipe
│   ├── DeniedError              the protocol asked for what die or board do not allow, and ended there
│   └── StoreError               the run folder cannot be written or read
├── InterruptedRunError (128 + signal)  someone stopped the run; it is saved and safe
└── BugError (70)                tell us: something was raised that is not in this tree
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class LabctlError(Exception):
    """The root of the tree."""

    exit_code: int = 70
    run: Path | None = None
    """The run folder that this error ended, if there is one."""


class InputError(LabctlError):
    """What was asked for cannot be; nothing was sent."""

    exit_code = 2


class UnitError(InputError):
    """A quantity is not written as `number space? prefix? unit`."""


class UnknownNameError(InputError):
    """There is no protocol, driver, backend or parameter of this name.

    Args:
        kind: what was looked for, as in "protocol".
        name: what was asked for.
        known: the names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = nearest(name, names)
        hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")


class PluginError(InputError):
    """A package offers a driver, a protocol or the like that cannot be loaded, or is none."""


class BenchFileError(InputError):
    """The bench file is not TOML, or a key of it is wrong."""


class ParameterError(InputError):
    """A parameter of the protocol is wrong."""


class EnvelopeError(InputError):
    """A voltage, current, width or count lies outside what this die may ever see."""


class DieFileError(InputError):
    """A die file is missing, damaged, or of another version."""


class ModelError(InputError):
    """A simulation was given a number that no device or circuit can have."""


class RunNotFoundError(InputError):
    """No run folder answers to this name."""


class EquipmentError(LabctlError):
    """An instrument, link, lock or disk failed."""

    exit_code = 3


class LinkError(EquipmentError):
    """The instrument did not answer, or the connection is gone."""


class InDoubtError(LinkError):
    """It is unknown whether a write happened; the cells must be re-read."""


class IdentityError(EquipmentError):
    """Another instrument than the expected one answers at this address."""


class RefusedError(EquipmentError):
    """The instrument answered a command with an error."""


class SettingError(EquipmentError):
    """The instrument read back another value than it was given."""


class TrippedError(EquipmentError):
    """A protection of the instrument fired."""


class AddressLockedError(EquipmentError):
    """Another run holds this address."""


class OutputError(EquipmentError):
    """The result could not be printed."""


class DeniedError(EquipmentError):
    """During a run the protocol asked for what the die or the board do not allow; the run ended there, safe."""


class StoreError(EquipmentError):
    """A run folder or an audit file cannot be written or read, or a die file not written."""


class InterruptedRunError(LabctlError):
    """The run was stopped by a signal; it is saved, and the bench is safe.

    Args:
        signal_number: the signal, as in SIGINT (2) or SIGTERM (15).
        message: how far it had come.
    """

    def __init__(self, signal_number: int, message: str = "stopped before anything was set") -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number
        self.summary: object = None
        """What the records so far amount to, once they have been summed up."""


class BugError(LabctlError):
    """Something was raised that none of us raises on purpose; the cause is chained."""


BEGINNING = 3
"""Letters of a name that tell which one is meant, if only one begins with them."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` most likely meant, or None; one that it begins counts before one like it."""
    names = list(known)
    begun = [each for each in names if len(name) >= BEGINNING and each.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return matches[0] if matches else None
