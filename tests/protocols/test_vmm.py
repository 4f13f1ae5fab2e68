"""`vmm` on the twin: figures, codings, mappings, resuming, refusals."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import InputError, InterruptedRunError
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols.analysis.product_errors import snr_db
from protocols.vmm import VectorProduct


def carry_out(data: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    return run(RunRequest("vmm", settings, twin=twin or {}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[VectorProduct]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", VectorProduct)


def test_the_packaged_bench_multiplies_with_more_than_76_db(tmp_path: Path) -> None:
    summary = carry_out(tmp_path).summary
    assert summary.snr_db >= 76  # measured: 80.9
    assert summary.snr_raw_db >= 76
    assert (summary.averages, summary.passes, summary.passes_in_all) == (16, 2, 2 * (64 + 128))
    assert summary.enob == pytest.approx((summary.snr_db - 1.76) / 6.02)
    assert summary.worst_output_db < summary.snr_db
    assert summary.written == 1.0


def test_figures_are_those_of_the_records(tmp_path: Path) -> None:
    result = carry_out(tmp_path, quick="yes")
    records = records_of(result.folder)
    test = [record for record in records if record.role == "test"]
    ideal, raw, calibrated = (np.array([getattr(one, name) for one in test]) for name in ("ideal", "raw", "calibrated"))
    assert result.summary.snr_db == pytest.approx(snr_db(ideal, calibrated))
    assert result.summary.snr_raw_db == pytest.approx(snr_db(ideal, raw))
    assert {len(record.calibration) for record in records} == {64}
    assert len(test) == result.summary.vectors == 32


@pytest.mark.parametrize(
    ("settings", "passes", "least"),
    [
        ({"mapping": "differential"}, 2, 76),
        ({"mapping": "reference"}, 2, 73),
        ({"coding": "amplitude"}, 2, 60),  # cells' V0 depends on their state
        ({"coding": "bit-serial"}, 24, 73),
        ({"coding": "bit-serial", "bits": "6", "signed": "no"}, 6, 35),
        ({"signed": "no"}, 1, 73),
        ({"signed": "no", "floor": "1 mV"}, 2, 73),  # the floor's own currents take a pass
        ({"whole_levels": "no"}, 2, 76),
        ({"voltage": "0.1 V"}, 2, 70),
    ],
)
def test_every_mapping_and_coding_multiplies(
    tmp_path: Path, settings: dict[str, str], passes: int, least: float
) -> None:
    summary = carry_out(tmp_path, quick="yes", **settings).summary
    assert summary.passes == passes
    assert summary.snr_db >= least


def test_bent_amplitudes_are_far_better_than_straight_ones(tmp_path: Path) -> None:
    bent = carry_out(tmp_path, quick="yes", coding="amplitude").summary
    straight = carry_out(tmp_path, quick="yes", coding="amplitude", conduction_voltage="1000 V").summary
    assert bent.snr_db > straight.snr_db + 20


def test_averages_bring_what_noise_takes(tmp_path: Path) -> None:
    one = carry_out(tmp_path, quick="yes", averages="1").summary
    many = carry_out(tmp_path, quick="yes", averages="64").summary
    assert many.snr_db > one.snr_db + 2


@pytest.mark.parametrize("device", ["ru-azo-soft", "vteam-tio2", "vteam-taox"])
def test_other_devices_come_to_an_honest_end(tmp_path: Path, device: str) -> None:
    result = carry_out(tmp_path, twin={"device": device}, quick="yes")
    assert result.summary.snr_db > 20
    assert result.passed == (result.summary.snr_db >= 73)


def test_weights_that_are_there_are_used_as_they_are(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, quick="yes", program="no").summary
    assert summary.written is None
    assert summary.snr_db < 10  # an erased die holds no weights


def test_weights_and_vectors_come_from_files(tmp_path: Path) -> None:
    weights, vectors = np.eye(16) - 0.5, np.linspace(-1, 1, 3 * 16).reshape(3, 16)
    np.save(tmp_path / "w.npy", weights)
    np.savetxt(tmp_path / "x.csv", vectors, delimiter=",")
    files = {"matrix": str(tmp_path / "w.npy"), "inputs": str(tmp_path / "x.csv")}
    result = carry_out(tmp_path / "runs", quick="yes", rows="16", columns="16", **files)
    test = [record for record in records_of(result.folder) if record.role == "test"]
    np.testing.assert_allclose([one.ideal for one in test], vectors @ weights, atol=1e-12)
    assert result.summary.snr_db > 70


def test_a_finished_step_is_not_done_again(tmp_path: Path) -> None:
    class Stop(Watcher):
        def __init__(self, after: int) -> None:
            self.left = after

        def step_done(self, caption: object) -> None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    whole = records_of(carry_out(tmp_path / "whole", quick="yes").folder)
    for steps in (2, 4, 7):
        request = RunRequest("vmm", {"quick": "yes"}, options=BackendOptions(seed=1), data=tmp_path / str(steps))
        with pytest.raises((KeyboardInterrupt, InterruptedRunError)):
            run(request, Stop(steps))
        result = resume(next((tmp_path / str(steps)).iterdir()), Watcher())
        again = [replace(one, time=0.0) for one in records_of(result.folder)]
        assert again == [replace(one, time=0.0) for one in whole]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"training": "0"}, "without training vectors nothing is calibrated"),
        ({"training": "3"}, "do not tell a gain"),
        ({"voltage": "0.3 V"}, "reads and products up to 250 mV"),
        ({"voltage": "0.24 V"}, "may disturb"),
        ({"voltage": "-0.1 V"}, "above 0 V"),
        ({"scale": "1.5"}, "at most 1"),
        ({"mapping": "reference", "columns": "1"}, "too few"),
        ({"rows": "65"}, "beyond the die"),
        ({"read_voltage": "0.22 V"}, "may disturb"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        carry_out(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (np.zeros((3, 3)), "64 rows of 64 weights are needed"),
        (np.full((64, 64), np.nan), "must be a finite number"),
        (np.full((64, 64), 1.5), "numbers of -1 to 1"),
        (np.zeros(64), "two dimensions"),
        (np.zeros((64, 64), np.complex128), "real numbers"),
    ],
)
def test_a_matrix_that_cannot_be_programmed_is_refused(tmp_path: Path, numbers: np.ndarray, words: str) -> None:
    np.save(tmp_path / "w.npy", numbers)
    with pytest.raises(InputError, match=words):
        carry_out(tmp_path / "runs", matrix=str(tmp_path / "w.npy"))
    assert not (tmp_path / "runs").exists()


def test_inputs_below_0_need_two_passes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((2, 64), -0.5))
    with pytest.raises(InputError, match="signed=yes"):
        carry_out(tmp_path / "runs", inputs=str(tmp_path / "x.npy"), signed="no")
