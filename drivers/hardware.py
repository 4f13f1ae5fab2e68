"""The bench as a backend: pyvisa resources, serial ports and the time on the wall.

Speaks to no instrument: what a channel carries is the drivers' affair.
"""

from __future__ import annotations

import errno
import re
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakSet

import pyvisa
import serial
from pyvisa import rname
from pyvisa.constants import StatusCode
from pyvisa.resources import MessageBasedResource
from typing_extensions import override

from drivers.visa_library import bench_library, resource_class
from labctl.backend import Backend, BackendOptions, WallClock
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.bench_file import BenchFile

PYVISA_PY = "pyvisa-py"
SYSTEM = "system"
"""What the bench file's `visa` key may say apart from a path."""
OPEN_TIMEOUT = 5000
"""How long a connection may take (ms)."""
SERIAL_TIMEOUT = 1.0
"""Default time-out of serial reads and writes (s)."""
PACKAGES = ("pyvisa", "pyvisa-py", "pyserial")


class HardwareBackend(Backend):
    """Opens channels to real instruments.

    Args:
        visa: "pyvisa-py", "system" for the vendor's VISA library, or a path to one.
    """

    def __init__(self, visa: str = PYVISA_PY) -> None:
        self.clock = WallClock()
        self._visa = visa
        self._manager: pyvisa.ResourceManager | None = None
        self._opened: WeakSet[MessageBasedResource | serial.SerialBase] = WeakSet()

    @override
    @classmethod
    def for_bench(cls, bench: BenchFile, options: BackendOptions) -> HardwareBackend:
        return cls(bench.bench.visa)

    @override
    def open_visa(self, resource_name: str, **settings: Any) -> MessageBasedResource:
        manager = self._resource_manager()
        kind = resource_class(resource_name) if self._visa == PYVISA_PY else None
        try:
            resource = manager.open_resource(
                resource_name, open_timeout=OPEN_TIMEOUT, resource_pyclass=kind, **settings
            )
        except Exception as error:  # pyvisa-py raises bare Exception when it cannot connect
            advice = _visa_advice(error, resource_name)
            raise LinkError(f"cannot open {resource_name}: {_reason(error)}; {advice}") from error
        if not isinstance(resource, MessageBasedResource):
            resource.close()
            raise LinkError(f"cannot open {resource_name}: it is not an instrument that exchanges messages")
        self._opened.add(resource)
        return resource

    @override
    def open_serial(self, port: str, **settings: Any) -> serial.SerialBase:
        options: dict[str, Any] = {
            "timeout": SERIAL_TIMEOUT,
            "write_timeout": SERIAL_TIMEOUT,
            "exclusive": True,
        } | settings
        try:
            channel = serial.serial_for_url(port, **options)
        except (OSError, ValueError) as error:
            raise LinkError(f"cannot open {port}: {_reason(error)}; {_serial_advice(error)}") from error
        self._opened.add(channel)
        return channel

    @override
    @classmethod
    def lock_names(cls, bench: BenchFile, options: BackendOptions) -> tuple[str, ...]:
        return tuple(sorted({canonical_address(entry.address) for entry in bench.instruments.values()}))

    @override
    def describe(self) -> Mapping[str, object]:
        library = self._visa if self._manager is None else str(self._manager.visalib)
        return {"visa_library": library} | {name: _version(name) for name in PACKAGES}

    @override
    def close(self) -> None:
        # The resource manager stays: pyvisa shares it among all who use the same library in this process, and closing
        # it would close their resources, too.
        for channel in list(self._opened):
            with suppress(OSError, pyvisa.Error):  # one whose peer is gone must not keep the others open
                channel.close()
        self._opened.clear()

    def _resource_manager(self) -> pyvisa.ResourceManager:
        if self._manager is None:
            try:
                if self._visa == PYVISA_PY:
                    self._manager = pyvisa.ResourceManager(bench_library())
                else:
                    self._manager = pyvisa.ResourceManager("@ivi" if self._visa == SYSTEM else self._visa)
            except (OSError, ValueError, pyvisa.Error) as error:
                raise LinkError(
                    f"cannot load the VISA library {self._visa!r}: {_reason(error)}; "
                    'mend `visa` in [bench]: "pyvisa-py", "system" or a path to a library'
                ) from error
        return self._manager


def canonical_address(address: str) -> str:
    """Return one name for all ways to write an address: of a VISA resource, serial device, COM port or socket.

    Two interfaces of one instrument, or two names of one host, are two addresses.
    """
    if "::" in address or address.upper().startswith("ASRL"):
        return _canonical_visa(address)
    if "://" in address:
        url = urlsplit(address)
        return f"{url.scheme}://{url.netloc}{url.path}".lower()
    return _canonical_device(address)


def _canonical_visa(address: str) -> str:
    if match := re.fullmatch(r"ASRL(.*?)(::INSTR)?", address, re.IGNORECASE):
        return _canonical_device(match[1] if not match[1].isdigit() else f"COM{match[1]}")
    try:
        parsed = rname.ResourceName.from_string(address.upper())
    except rname.InvalidResourceName:
        return address.upper()
    if isinstance(parsed, rname.TCPIPSocket):
        return f"socket://{parsed.host_address}:{parsed.port}".lower()
    name = str(parsed)
    if isinstance(parsed, rname.USBInstr):
        for number in (parsed.manufacturer_id, parsed.model_code):
            name = name.replace(f"::{number}::", f"::{int(number, 0):#06X}::", 1)
    return name.upper()


def _canonical_device(port: str) -> str:
    if match := re.fullmatch(r"(?:\\\\\.\\)?(COM\d+)", port, re.IGNORECASE):
        return match[1].upper()
    return str(Path(port).resolve())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _reason(error: Exception) -> str:
    """Return what `error` says, in one line."""
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".:")


def _visa_advice(error: Exception, resource_name: str) -> str:
    if isinstance(error, pyvisa.VisaIOError) and error.error_code == StatusCode.error_invalid_resource_name:
        return "write it like 'TCPIP0::192.168.1.50::5025::SOCKET'"
    if isinstance(error, ValueError):  # pyvisa-py has no session of this kind
        return 'do that, or use the vendor\'s library: visa = "system" in [bench]'
    if resource_name.upper().startswith("TCPIP"):
        return "check that the instrument is on, its network cable, and the address"
    if resource_name.upper().startswith("ASRL"):
        return "check that the port exists, that you may open it, and that no other program has it"
    return "check that the instrument is on, its cable, and the address"


def _serial_advice(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT:
        return "check that it is plugged in, and its name"
    if number == errno.EACCES:
        group = "" if sys.platform == "win32" else "; on Linux add yourself to the group that owns it, often `dialout`"
        return f"you may not open it, or another program has it{group}"
    if number in (errno.EAGAIN, errno.EBUSY):
        return "another program has it; close that first"
    return "check its name, its cable, and that no other program has it"
