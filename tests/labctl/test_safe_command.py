"""`labctl safe --bench FILE`, typed in another terminal, whatever runs, hangs, has died or cannot be reached."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from campaigns.served_rig import Client, ServedBench

from labctl import safe_command
from labctl.board_data import BoardState
from labctl.errors import InputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of the other kind")
Held = Callable[..., tuple[ServedBench, Client]]


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    """Serve a bench with a run on it."""
    with ExitStack() as stack:

        def call(*, terminals: bool = False) -> tuple[ServedBench, Client]:
            bench = stack.enter_context(closing(ServedBench(tmp_path, terminals=terminals)))
            client = stack.enter_context(closing(Client(bench, tmp_path, "hold")))
            client.wait_for("ends", 2)
            return bench, client

        yield call


def safe(bench: Path) -> tuple[int, dict[str, Any], str]:
    """Type it; return exit code, what it printed, and what it said."""
    command = [sys.executable, "-m", "labctl", "safe", "--bench", str(bench), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_run_that_goes_well_is_ended(held: Held) -> None:
    bench, client = held()
    code, found, _ = safe(bench.bench)
    assert code == 0
    assert found["ended"] == [client.folder.name]
    assert bench.is_safe
    assert client.end()[0] != 0


@pytest.mark.parametrize("terminals", [False, True], ids=["TCP", "a serial port"])
def test_a_run_that_hangs_is_ended(held: Held, terminals: bool) -> None:
    bench, client = held(terminals=terminals)
    client.signal(signal.SIGSTOP)
    code, found, error = safe(bench.bench)
    assert (code, found["still_running"]) == (0, []), error
    assert bench.is_safe
    assert client.process.wait(60) == -signal.SIGKILL
    assert [instrument["trouble"] for instrument in found["instruments"]] == ["", ""]


def test_what_a_dead_run_and_its_dead_guardian_left_on_is_made_safe(held: Held) -> None:
    bench, client = held()
    os.kill(client.guardian(), signal.SIGKILL)
    client.signal(signal.SIGKILL)
    client.end()
    assert bench.output_is_on
    code, found, _ = safe(bench.bench)
    assert (code, found["ended"]) == (0, [])
    assert bench.is_safe


@pytest.mark.parametrize("missing", ["smu", "board"])
def test_what_cannot_be_reached_is_named_and_the_others_are_safe(held: Held, missing: str) -> None:
    bench, client = held()
    os.kill(client.guardian(), signal.SIGKILL)
    client.signal(signal.SIGKILL)
    client.end()
    text = bench.bench.read_text(encoding="utf-8")
    wrong = bench.bench.with_name("wrong.toml")
    wrong.write_text(text.replace(str(bench.port(missing)), "1"), encoding="utf-8")
    code, found, _ = safe(wrong)
    assert (code, found["safe"]) == (3, False)
    assert {entry["name"]: bool(entry["trouble"]) for entry in found["instruments"]} == {
        "smu": missing == "smu",
        "board": missing == "board",
    }
    assert bench.state is BoardState.SAFE if missing == "smu" else not bench.output_is_on


def test_instruments_that_live_in_the_run_are_nobodys_to_switch_off(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text((Path(safe_command.__file__).parent / "benches" / "default.toml").read_text(encoding="utf-8"))
    with pytest.raises(InputError, match="live and die with their run"):
        safe_command.make_bench_safe(bench, "twin", json=True)
