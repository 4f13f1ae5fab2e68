"""The command tree of the status model: `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Node, check
from sim_backend.panels.keithley_2600_status import ALL_BITS, Register

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sim_backend.panels.keithley_2600_errors import ErrorQueue
    from sim_backend.panels.keithley_2600_nodes import Argument
    from sim_backend.panels.keithley_2600_status import Status

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

    measurement = register_node(status.measurement)
    measurement.parts["instrument"] = _with_channels(status.instrument, status.channels)
    measurement.parts |= {name: register_node(register) for name, (register, _) in status.summaries.items()}
    operation = register_node(status.operation)
    operation.parts |= {name: register_node(register) for name, register in status.idle.items()}
    operation.parts |= {
        "sweeping": register_node(status.sweeping),
        "remote": register_node(status.remote),
        "user": register_node(status.user),
        "instrument": _with_overruns(status),
    }

    def set_user(bits: int) -> None:
        status.user_condition = bits

    operation.parts["user"].attributes["condition"] = _bits(lambda: status.user_condition, set_user)
    questionable = register_node(status.questionable)
    questionable.parts |= {name: register_node(register) for name, register in status.questionable_parts.items()}
    questionable.parts["instrument"] = _with_channels(
        status.questionable_parts["instrument"], status.questionable_channels
    )
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
            "questionable": questionable,
            **{name: register_node(Register()) for name in ("system", "system2", "system3", "system4", "system5")},
            "standard": standard,
        },
    )


def _with_overruns(status: Status) -> Node:
    """Return the node of `status.operation.instrument`, with what triggers and may overrun."""
    node = register_node(status.operation_instrument)
    for name, register in status.overrun_sums.items():
        part = register_node(register)
        part.parts["trigger_overrun"] = register_node(status.overruns[name])
        node.parts[f"smu{name}" if len(name) == 1 else name] = part
    return node


def _with_channels(register: Register, channels: Mapping[str, Register]) -> Node:
    """Return the node of a register set that sums up the channels, with theirs."""
    node = register_node(register)
    for letter, part in channels.items():
        node.parts[f"smu{letter}"] = register_node(part)
    return node


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
