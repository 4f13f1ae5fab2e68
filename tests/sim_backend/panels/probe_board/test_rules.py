"""Which test proves which sentence of the board's wire specification, version 1.

`session`, `checks`, `states`, `time`, `runs`, `places`, `interruptions`, `multiply`, `features`, `trips` and `bad_links`
are this folder's test_*.py; `wire` is tests/labctl/test_wire.py, `golden` tests/wire/test_golden.py, `link`, `broken`,
`lost` and `twin` are tests/drivers/board/test_board_link.py, test_broken_links.py, test_lost_writes.py and
test_twin_links.py, `loop` tests/sim_backend/server/test_loop.py, `serve` tests/sim_backend/server/test_serve.py, `ranges`
tests/sim_backend/front_end/test_reader_ranges.py, `schemes` tests/sim_backend/crossbar/test_schemes.py, `world`
tests/sim_backend/test_products.py.

| rule | sentence | tests |
|---|---|---|
| polarity | a positive voltage: row positive, potentiates, positive current | places.test_pulses places.test_reads places.test_routes places.test_products multiply.test_a_positive_voltage_makes_rows_positive_and_a_positive_current |
| places | cells at (row, column) | places.test_reads places.test_pulses places.test_pulse_and_read places.test_routes places.test_products places.test_a_product_of_all_lines_is_the_sum_of_its_cells |
| frame | COBS, header, CRC | wire.test_a_frame_survives_the_link golden.test_frames_encode_and_decode |
| frame | a sender puts one 0x00 before its first frame | session.test_a_delimiter_stands_before_the_first_frame_of_a_link |
| frame | empty pieces are ignored, bad ones dropped and counted | session.test_damaged_frames_are_dropped_in_silence_and_counted wire.test_what_is_no_frame_is_dropped_and_counted wire.test_each_bad_piece_counts_once_and_empty_ones_not_at_all |
| frame | 14 to 16,400 bytes decoded | wire.test_the_longest_payload_fits_and_one_byte_more_does_not multiply_arguments.test_how_many_vectors_fit |
| frame | replies repeat opcode, sequence and session | session.test_some_operations_are_accepted_with_any_session_and_sequence |
| frame | session 0 only outside a session | session.test_without_a_session_nothing_is_carried_out session.test_another_session_is_refused_and_uses_up_nothing |
| 1 | HELLO: a nonce that is never 0 and never the previous one | session.test_a_session_is_never_0_and_never_the_last_one session.test_the_session_after_a_restart_is_none_of_those_before_it |
| 1 | it forgets the old session, and expects sequence 1 | session.test_a_new_session_forgets_the_old_one |
| 1 | sequence last + 1 is executed, any other refused | session.test_any_other_sequence_is_refused_and_uses_up_nothing |
| 1 | 16 replies are kept, answered byte for byte, not executed | session.test_sixteen_replies_are_kept session.test_a_repeat_is_answered_byte_for_byte_and_not_carried_out multiply.test_a_repeat_is_answered_from_the_cache |
| 1 | the sequence alone decides | session.test_the_sequence_alone_decides_what_is_a_repeat |
| 1 | SESSION and SEQUENCE use up nothing and are not cached | session.test_sequence_and_session_errors_are_not_cached |
| 1 | every other error is cached | session.test_other_errors_use_up_their_sequence_and_are_cached runs.test_a_tripped_list_is_repeated_from_the_cache trips.test_the_board_says_so_and_is_safe |
| 2 | the same host nonce changes nothing | session.test_the_same_host_nonce_gets_the_same_payload_and_changes_nothing |
| 2 | HELLO keeps state, settings and trips | session.test_hello_keeps_state_settings_and_trips |
| 2 | replies go to the connection that asked | session.test_replies_go_to_the_connection_that_asked |
| 3 | any session, any sequence, nothing used up, never cached | session.test_some_operations_are_accepted_with_any_session_and_sequence session.test_their_answers_are_never_cached |
| 3 | hosts: sequences from 0x80000000 up; foreign replies thrown away | link.test_requests_without_session_never_repeat_a_sequence link.test_what_was_not_asked_for_is_thrown_away |
| 4 | hosts: the same bytes up to three times, then a new session and the count | link.test_a_request_without_reply_is_sent_again_as_the_same_bytes lost.test_a_lost_list_is_settled_by_the_count lost.test_a_restart_leaves_a_list_in_doubt |
| 5 | SESSION, SEQUENCE, BAD_OPCODE | checks.test_a_foreign_session_is_noticed_before_a_wrong_sequence checks.test_a_wrong_sequence_is_noticed_before_an_undefined_operation checks.test_operations_that_do_not_exist |
| 5 | UNSUPPORTED before BAD_LENGTH | features.test_a_board_without_a_feature golden.test_the_board_holds_the_conversation |
| 5 | BAD_LENGTH before arguments | checks.test_a_length_is_noticed_before_any_argument checks.test_half_a_head_is_of_a_wrong_length multiply_arguments.test_a_length_is_looked_at_first multiply_arguments.test_a_length_follows_the_direction features.test_lengths session.test_a_wrong_length_is_refused_outside_a_session_too |
| 5 | scalar arguments, entry 0xFFFF | checks.test_scalar_arguments checks.test_scalars_are_looked_at_before_entries multiply_arguments.test_scalar_arguments features.test_lines |
| 5 | then entry by entry | checks.test_entries checks.test_entries_are_looked_at_one_after_the_other multiply_arguments.test_entries_are_inputs_one_vector_after_the_other features.test_coefficients_that_no_reader_has |
| 5 | CALIBRATION_KEY before the state | features.test_coefficients_that_no_reader_has |
| 5 | then the 5 s, then the state | checks.test_entries_are_looked_at_before_the_run_is_timed checks.test_the_run_is_timed_before_the_state_is_looked_at multiply_arguments.test_scalars_before_entries_before_the_run_before_the_state |
| 5 | 0 of anything, slots, reverse | checks.test_scalar_arguments checks.test_reverse_reads_are_positive multiply_arguments.test_scalar_arguments multiply_arguments.test_no_vector_is_out_of_range |
| 5 | edges are inside | checks.test_the_edges_of_the_ranges_are_inside multiply_arguments.test_the_edges_are_inside |
| 5 | nothing was done | checks.test_a_refused_list_does_nothing states.test_a_refused_request_leaves_the_port_as_it_is |
| 6 | SAFE: port open, third, ground | states.test_safe_opens_the_port_from_any_state states.test_schemes_and_compliance_are_used_and_reset |
| 6 | CLEAR | states.test_clear_leads_from_safe_to_idle_and_changes_nothing_elsewhere time.test_a_trip_stays_until_it_is_cleared |
| 6 | while the cause of a trip lasts: TRIPPED | trips.test_clear_does_not_leave_safe_while_the_cause_lasts trips.test_a_hot_board_trips_and_cools_down |
| 6 | ARM | states.test_arming_and_disarming states.test_a_watchdog_of_0_does_not_leave_safe time.test_a_longer_period_takes_the_place_of_a_shorter_one |
| 6 | what needs which state, what works always | states.test_what_is_refused_in_safe states.test_what_is_refused_in_idle states.test_nothing_is_refused_when_armed |
| 6 | products: the read limit, floor included | multiply_arguments.test_scalar_arguments multiply_arguments.test_entries_are_inputs_one_vector_after_the_other |
| 6 | READ, PULSE, PULSE_READ and MULTIPLY open the port first | states.test_reading_and_pulsing_open_the_port_first multiply.test_it_opens_the_port_first |
| 7 | what restarts the watchdog | time.test_requests_that_are_carried_out_restart_the_watchdog time.test_a_repeat_of_one_that_was_carried_out_restarts_it |
| 7 | what does not | time.test_refused_requests_do_not_restart_it time.test_a_repeat_of_a_refused_request_does_not_restart_it time.test_requests_outside_the_session_do_not_restart_it time.test_a_hello_does_not_restart_it time.test_a_wrong_session_or_sequence_does_not_restart_it |
| 7 | it stands still while a request runs | time.test_it_stands_still_while_a_request_runs multiply.test_the_watchdog_stands_still_meanwhile |
| 7 | when the period passes: SAFE, trip WATCHDOG | time.test_the_watchdog_bites_on_time |
| 7 | over 5 s: RANGE | checks.test_runs_last_five_seconds_at_most checks.test_a_long_read_is_timed_too multiply_arguments.test_a_run_lasts_five_seconds_at_most |
| 7 | SAFE is obeyed on arrival | interruptions.test_safe_breaks_a_list_off_before_the_next_pulse interruptions.test_safe_breaks_a_read_off interruptions.test_safe_breaks_a_pulse_read_off_and_keeps_what_was_read multiply.test_safe_breaks_it_off_within_a_millisecond features.test_a_self_test_takes_its_time_and_is_broken_off_by_safe |
| 7 | and answered in order; others wait | interruptions.test_others_wait_while_a_list_runs_and_are_answered_in_order interruptions.test_safe_that_came_while_others_waited_is_obeyed_in_its_turn_again |
| 7 | served: real time, watchdog on the wall | loop.test_operations_take_their_time loop.test_operations_take_none_when_it_hurries loop.test_the_watchdog_bites_on_the_wall_when_nobody_talks |
| 8 | delivered and boot | runs.test_every_pulse_is_counted_and_is_in_the_audit states.test_a_power_cycle_starts_anew trips.test_a_list_says_how_far_it_came |
| 9 | no repeat, no split, no new order; one after the other | runs.test_pulses_reach_the_cell_they_name runs.test_each_cell_is_read_after_its_pulse |
| 9 | slots of pulses | time.test_a_pulse_takes_its_slot |
| 9 | cells of one row are converted together | time.test_a_read_takes_its_groups |
| 9 | voltages are rounded to the grid | runs.test_voltages_are_rounded_to_the_converters_grids multiply.test_amplitudes multiply.test_widths |
| 9 | times of READ, PULSE_READ and MULTIPLY | time.test_a_read_takes_its_groups time.test_each_entry_of_a_pulse_read_is_converted_alone multiply_arguments.test_a_vector_takes_its_slots |
| operations | every layout, every reply, every error | golden.test_every_operation_and_every_error_is_there golden.test_the_board_holds_the_conversation |
| operations | result flags: saturated, in compliance | multiply.test_what_the_largest_range_does_not_hold_is_saturated runs.test_a_clamped_line_is_flagged runs.test_a_clamped_pulse_is_flagged_with_its_reading multiply.test_a_line_at_its_limit_is_held_and_flags_its_vector multiply.test_an_output_at_its_limit_is_held_and_flagged_alone |
| operations | COMPLIANCE: clamp or trip, survives SAFE and HELLO | states.test_schemes_and_compliance_are_used_and_reset runs.test_a_read_can_trip runs.test_a_pulse_can_trip multiply.test_a_product_can_trip multiply.test_an_output_that_trips_is_no_entrys_fault |
| operations | ROUTE and UNROUTE | states.test_the_port_opens_and_closes places.test_routes |
| operations | MULTIPLY: coding, direction, floor, slot, limits | multiply.test_amplitudes multiply.test_widths multiply_arguments.test_how_many_vectors_fit world.test_amplitudes_are_the_crossbars world.test_widths_are_the_crossbars |
| operations | TEMPERATURE and SELFTEST | features.test_the_temperature_is_that_of_status features.test_a_board_passes_its_own_tests |
| operations | calibration: order, identity, lines | features.test_what_is_written_is_read_back features.test_lines |
| operations | results are corrected with the stored coefficients | features.test_results_are_corrected features.test_coefficients_survive_safe_hello_and_the_power |
| schemes | half, third; ground, float, reverse | schemes.test_half_puts_half_on_the_neighbours_and_nothing_elsewhere schemes.test_third_puts_no_more_than_a_third_on_any_other_cell schemes.test_read_with_the_other_rows_grounded schemes.test_read_with_the_other_rows_open schemes.test_read_with_the_other_rows_reversed schemes.test_route_holds_the_other_lines |
| errors | TRIPPED in PULSE_READ has a block, in READ and MULTIPLY none | runs.test_a_pulse_read_that_trips_gives_what_it_read runs.test_a_read_can_trip multiply.test_a_product_can_trip |
| errors | INTERNAL | trips.test_the_board_says_so_and_is_safe trips.test_a_voltage_beyond_the_model_is_internal trips.test_what_is_no_matter_of_the_boards_is_not_done_twice_either |
| twin | identity, capabilities | states.test_identity_and_capabilities |
| twin | reader ranges: the smallest that holds the results, peaks up to twice | ranges.test_the_smallest_range_that_holds_the_result ranges.test_one_range_holds_all_vectors_of_a_line ranges.test_peaks_may_reach_twice_the_range multiply.test_what_the_largest_range_does_not_hold_is_saturated |
| twin | a transaction costs 1 ms and its bytes | time.test_a_transaction_takes_a_millisecond_and_its_bytes |
| 5. pass | pulses delivered are confirmed or in doubt; none twice | bad_links.test_pulses_are_confirmed_or_known_to_be_in_doubt twin.test_pulses_are_confirmed_or_known_to_be_in_doubt serve.test_a_killed_client_leaves_the_die_behind |
| 5. pass | garbage resynchronises at the next 0x00 | session.test_no_bytes_raise_and_the_next_delimiter_is_a_fresh_start wire.test_any_garbage_resynchronises_at_the_next_delimiter |
| 5. pass | nothing is put out in SAFE | states.test_nothing_is_put_out_after_safe |
"""  # noqa: E501 - a table

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[3]
FILES = {
    "wire": "labctl/test_wire.py",
    "golden": "wire/test_golden.py",
    "link": "drivers/board/test_board_link.py",
    "broken": "drivers/board/test_broken_links.py",
    "lost": "drivers/board/test_lost_writes.py",
    "twin": "drivers/board/test_twin_links.py",
    "loop": "sim_backend/server/test_loop.py",
    "serve": "sim_backend/server/test_serve.py",
    "ranges": "sim_backend/front_end/test_reader_ranges.py",
    "schemes": "sim_backend/crossbar/test_schemes.py",
    "world": "sim_backend/test_products.py",
}
ROWS = [line.strip("| ").split(" | ") for line in (__doc__ or "").splitlines() if line.startswith("| ")][1:]


@cache
def names_in(name: str) -> set[str]:
    """Return the names of the tests in a file of the table."""
    text = (TESTS / FILES.get(name, f"sim_backend/panels/probe_board/test_{name}.py")).read_text(encoding="utf-8")
    return set(re.findall(r"^ *def (test_\w+)\(", text, re.MULTILINE))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS])
def test_each_sentence_has_tests(row: list[str]) -> None:
    _, _, proofs = row
    for proof in proofs.split():
        name, _, test = proof.partition(".")
        assert test in names_in(name), f"{proof} is not there"


def test_every_rule_is_in_the_table() -> None:
    assert {str(rule) for rule in range(1, 10)} <= {row[0] for row in ROWS}
