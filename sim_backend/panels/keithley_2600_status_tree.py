"""The command tree of the status model: `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Node, check
from sim_backend.panels.keithley_2600_status import ALL_BITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_errors import ErrorQueue
    from sim_backend.panels.keithley_2600_nodes import Argument
    from sim_backend.panels.keithley_2600_status import Register, Status

STANDARD_BITS: Final = {
    "OPERATION_COMPLETE": 1, "OPC": 1, "QUERY_ERROR": 4, "QYE": 4, "DEVICE_DEPENDENT_ERROR": 8, "DDE": 8,
    "EXECUTION_ERROR": 16, "EXE": 16, "COMMAND_ERROR": 32, "CME": 32, "USER_REQUEST": 64, "URQ": 64,
    "POWER_ON": 128, "PON": 128,
}  # fmt: skip
BYTE_BITS: Final = {
    "MEASUREMENT_SUMMARY_BIT": 1, "MSB": 1, "SYSTEM_SUMMARY_BIT": 2, "SSB": 2, "ERROR_AVAILABLE": 4, "EAV": 4,
    "QUESTIONABLE_SUMMARY_BIT": 8, "QSB": 8, "MESSAGE_AVAILABLE": 16, "MAV": 16, "EVENT_SUMMARY_BIT": 32, "ESB": 32,
    "MASTER_SUMMARY_STATUS": 64, "MSS": 64, "OPERATION_SUMMARY_BIT": 128, "OSB": 128,
}  # fmt: skip


def status_tree(status: Status, errors: ErrorQueue) -> Node:
    """Return the node of `status`."""

    def reset(_: Arguments) -> None:
        status.reset()

    instrument = register_node(status.instrument)
    for letter, register in status.channels.items():
        instrument.parts[f"smu{letter}"] = register_node(register)
    measurement = register_node(status.measurement)
    measurement.parts["instrument"] = instrument
    measurement.parts |= {name: register_node(register) for name, (register, _) in status.summaries.items()}
    operation = register_node(status.operation)
    operation.parts["sweeping"] = register_node(status.sweeping)
    standard = Node(
        {
            "condition": Attribute(lambda: float(errors.standard)),
            "event": Attribute(lambda: float(status.read_standard())),
            "enable": _bits(lambda: status.standard_enable, lambda bits: setattr(status, "standard_enable", bits)),
        },
        constants={name: float(bit) for name, bit in STANDARD_BITS.items()},
    )
    enable = _bits(lambda: status.request_enable, lambda bits: setattr(status, "request_enable", bits))
    return Node(
        {
            "condition": Attribute(lambda: float(status.byte())),
            "request_enable": enable,
            "node_enable": enable,
            "request_event": Attribute(lambda: float(status.byte() & status.request_enable)),
            "node_event": Attribute(lambda: float(status.byte() & status.request_enable)),
        },
        {"reset": reset},
        {name: float(bit) for name, bit in BYTE_BITS.items()},
        {
            "measurement": measurement,
            "operation": operation,
            "questionable": register_node(status.questionable),
            "standard": standard,
        },
    )


def register_node(register: Register) -> Node:
    """Return the node of a register set."""

    def condition() -> float:
        register.refresh()
        return float(register.condition)

    return Node(
        {
            "condition": Attribute(condition),
            "event": Attribute(lambda: float(register.read_event())),
            "enable": _bits(lambda: register.enable, lambda bits: setattr(register, "enable", bits)),
            "ptr": _bits(lambda: register.rising, lambda bits: setattr(register, "rising", bits)),
            "ntr": _bits(lambda: register.falling, lambda bits: setattr(register, "falling", bits)),
        },
        constants={name: float(bit) for name, bit in register.names.items()},
    )


def _bits(get: Callable[[], int], put: Callable[[int], None]) -> Attribute:
    def assign(value: Argument) -> None:
        put(int(check(value, 0, ALL_BITS)))

    return Attribute(lambda: float(get()), assign)
