"""`labctl bench init`: a commented bench file to begin with, and what hangs on this computer."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

from labctl import plugins
from labctl.console import print_json, print_lines
from labctl.errors import InputError, StoreError
from labctl.escaped import escaped

if TYPE_CHECKING:
    from pathlib import Path

_TEMPLATE: Final = """\
# A bench for labctl. Mend the addresses, the envelope and the die; then `labctl bench check {file}` identifies
# every instrument and sets nothing. Quantities are text with a unit: "0.9 V", "15 mA", "80 ns".

[bench]
name = "my bench"
# visa = "system"                   # the vendor's VISA library; without this line pyvisa-py serves

# Drivers: {drivers}. `labctl drivers NAME` lists the keys that each of them takes.

[instruments.smu]
driver = "keithley-2450"
address = "TCPIP0::192.168.1.50::5025::SOCKET"   # any VISA resource name
expect = "2450"                     # must stand in its answer to *IDN?; a serial number makes sure that it is yours

[instruments.board]
driver = "probe-board"
address = "{port}"            # a serial port, or socket://host:port
watchdog = "1 s"                    # outputs go off this long after the last sign of life

[envelope]                          # what this die may ever see; checked before a byte leaves
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9               # over the die's life, by its id

[die]
id = "W12-D3"
rows = 64
columns = 64
# conduction_voltage = "343.826 mV"   # V0 of I ~ sinh(V / V0), to predict currents by; "1000 V" for ohmic cells

# [twin]                            # used with the twin only; these are the defaults
# device = "ru-azo"                 # ru-azo, ru-azo-soft, vteam-tio2, vteam-taox, or a profile file
# wires = "ideal"                   # ideal, metal, or a resistance a segment: "0.5 ohm"
# front_end = "board"               # board, ideal
# calibration = "factory"           # factory, none
# g_max = "5.9 mS"                  # scales the profile
"""
_USUAL_PORT: Final = "/dev/ttyACM0"


def begin_bench(file: Path, json: bool) -> None:
    """Write a bench file and print what was found on this computer; no instrument is opened.

    Raises:
        InputError: if the file exists.
        StoreError: if it cannot be written.
    """
    if file.exists():
        raise InputError(f"{file} exists; name another file, or remove it")
    visa, serial_ports = _visa_resources(), _serial_ports()
    port = next((port for port in serial_ports if "ACM" in port or "COM" in port or "usbmodem" in port), _USUAL_PORT)
    drivers = ", ".join(plugins.names(plugins.DRIVERS))
    text = _TEMPLATE.format(file=file.name, drivers=drivers, port=port.replace("\\", "\\\\"))
    listing = [f"#   {line}" for line in _listing(visa, serial_ports)]
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write("\n".join([text, "# Found on this computer when this file was written:", *listing]) + "\n")
    except FileExistsError:
        raise InputError(f"{file} exists; name another file, or remove it") from None
    except OSError as error:
        raise StoreError(f"{file}: the bench file cannot be written: {error.strerror or error}") from error
    if json:
        print_json({"bench": str(file.absolute()), "visa": visa, "serial": serial_ports})
    else:
        print_lines(
            [
                f"{file} is written; mend it, then: labctl bench check {file}",
                "found on this computer:",
                *(f"  {line}" for line in _listing(visa, serial_ports)),
            ]
        )


def _listing(visa: list[str], serial_ports: dict[str, str]) -> list[str]:
    lines = [f"VISA    {name}" for name in visa] or ["VISA    nothing (raw sockets announce themselves to nobody)"]
    return lines + ([f"serial  {port}  {what}".rstrip() for port, what in serial_ports.items()] or ["serial  nothing"])


def _visa_resources() -> list[str]:
    """Return the resources that the VISA libraries of this computer see; opens none of them."""
    import pyvisa

    found: set[str] = set()
    for library in ("@py", "@ivi"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each interface whose driver is not installed
            try:
                found.update(pyvisa.ResourceManager(library).list_resources("?*"))
            except Exception:  # noqa: BLE001, S112 (a library that is not there, or stumbles over what it looks at)
                continue
    return sorted(escaped(name) for name in found)


def _serial_ports() -> dict[str, str]:
    """Return the serial ports, with what their USB devices call themselves."""
    from serial.tools.list_ports import comports

    ports = {escaped(port.device): escaped(port.description or "") for port in comports()}
    return {name: "" if what == "n/a" else what for name, what in sorted(ports.items())}
