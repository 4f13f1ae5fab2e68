"""The twin's VISA library under pyvisa's own resource manager: names, opening, closing, several worlds."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING, cast

import pytest
import pyvisa
from pyvisa.constants import StatusCode
from pyvisa.errors import InvalidSession, VisaIOError
from pyvisa.resources import MessageBasedResource, SerialInstrument, TCPIPInstrument, TCPIPSocket, USBInstrument
from pyvisa.rname import InvalidResourceName

from sim_backend.visa_library import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.visa.conftest import Bench


SOCKET = "TCPIP0::192.168.1.50::5025::SOCKET"
LAN = "TCPIP0::192.168.1.50::inst0::INSTR"
USB = "USB0::0x05E6::0x2450::01419969::0::INSTR"
SERIAL = "ASRL/dev/ttyUSB0::INSTR"
ALL = (SOCKET, LAN, USB, SERIAL)


def status_of(error: pytest.ExceptionInfo[VisaIOError]) -> StatusCode:
    """Return the code of a VISA error."""
    return StatusCode(error.value.error_code)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(SOCKET, TCPIPSocket), (LAN, TCPIPInstrument), (USB, USBInstrument), (SERIAL, SerialInstrument)],
)
def test_pyvisas_own_classes_come_out(bench: Bench, name: str, kind: type[MessageBasedResource]) -> None:
    resource = bench.open(name)
    assert type(resource) is kind
    assert resource.resource_name == name
    assert resource.resource_class == name.rpartition("::")[2]
    assert resource.interface_type == resource.resource_info.interface_type
    assert resource.interface_number == 0
    assert resource.resource_manufacturer_name == "labctl"
    assert resource.timeout == 2000
    assert resource.last_status == StatusCode.success


def test_an_unknown_resource(bench: Bench) -> None:
    with pytest.raises(VisaIOError) as error:
        bench.open("TCPIP0::192.168.1.51::5025::SOCKET")
    assert status_of(error) == StatusCode.error_resource_not_found
    with pytest.raises(VisaIOError) as error:
        bench.library.open(bench.manager.session, "nonsense")
    assert status_of(error) == StatusCode.error_invalid_resource_name


def test_a_name_that_is_none_cannot_be_served(make_bench: Callable[..., Bench]) -> None:
    with pytest.raises(InvalidResourceName):
        make_bench("/dev/ttyACM0")


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        (SOCKET, "tcpip::192.168.1.50::5025::SOCKET"),
        (LAN, "TCPIP::192.168.1.50"),
        (USB, "usb::0x05E6::0x2450::01419969::INSTR"),
        (SERIAL, "asrl/dev/ttyUSB0"),
    ],
)
def test_other_spellings_of_a_name(bench: Bench, name: str, spelling: str) -> None:
    assert canonical(spelling) == name
    assert bench.open(spelling, read_termination="\n").query("say hello") == "hello"


def test_listing(bench: Bench) -> None:
    assert set(bench.manager.list_resources("?*")) == set(ALL)
    assert set(bench.manager.list_resources()) == {LAN, USB, SERIAL}
    assert bench.manager.list_resources("USB?*") == (USB,)
    assert bench.manager.list_resources("GPIB?*") == ()
    assert bench.manager.list_resources_info("USB?*")[USB].resource_name == USB


def test_closing_and_opening_again(bench: Bench) -> None:
    with bench.open(LAN) as resource:
        resource.write("say lost")
    with pytest.raises(InvalidSession):
        resource.read()
    again = bench.open(LAN)
    assert again.query("say hello") == "hello\n"
    assert bench.manager.list_opened_resources() == [again]


def test_a_resource_manager_can_be_closed_and_opened_again(bench: Bench) -> None:
    resource = bench.open(LAN)
    bench.manager.close()
    bench.manager.close()
    with pytest.raises(InvalidSession):
        resource.query("say hello")
    manager = pyvisa.ResourceManager(bench.library)
    again = cast("MessageBasedResource", manager.open_resource(LAN))
    assert again.query("say hello") == "hello\n"
    manager.close()


def test_worlds_do_not_see_each_other(make_bench: Callable[..., Bench]) -> None:
    one, other = make_bench(), make_bench()
    assert one.manager is not other.manager
    first, second = one.open(LAN), other.open(LAN)
    first.write("say one")
    second.write("say other")
    assert (first.read(), second.read()) == ("one\n", "other\n")
    one.manager.close()
    second.write("work 0.25")
    assert second.query("say still here") == "still here\n"
    assert (one.clock.now(), other.clock.now()) == (0.0, 0.25)


def test_a_forgotten_bench_closes_itself(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        type(bench)().open(LAN).query("say hello")
        gc.collect()
    assert caplog.records == []


def test_a_session_that_is_not_open(bench: Bench) -> None:
    resource = bench.open(LAN)
    session = resource.session
    resource.close()
    with pytest.raises(VisaIOError) as error:
        bench.library.read(session, 1)
    assert status_of(error) == StatusCode.error_invalid_object
