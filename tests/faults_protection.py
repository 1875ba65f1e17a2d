"""Stops, restarts and what others do at the exchange: what is open stays covered and is known."""

from __future__ import annotations

from tests.faults_row import Row

PROTECTION = (
    Row(
        "B-27",
        "the entry stands and its stop does not",
        (
            "tests/core/trading/test_executor_entering.py::test_a_stop_that_fails_at_first_is_placed_in_the_same_call",
            "tests/core/trading/test_executor_entering.py::test_a_position_that_cannot_be_protected_is_closed_within_seconds",
            "tests/core/trading/test_lifecycle_cover.py::test_after_two_failures_of_which_the_newest_is_a_plain_no_the_position_is_closed",
            "tests/core/trading/test_lifecycle_cover.py::test_a_refused_stop_is_tried_again_after_a_breath_not_at_once",
            "tests/core/trading/test_lifecycle_bare.py::test_a_position_that_was_never_given_a_stop_in_time_is_closed",
            "tests/core/trading/test_lifecycle_bare.py::test_whatever_became_of_its_stop_a_position_bare_for_too_long_is_closed",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-28",
        "the venue drops a stop that rested",
        (
            "tests/core/trading/test_executor_booking.py::test_a_stop_cancelled_by_hand_is_placed_again_and_told",
            "tests/core/trading/test_lifecycle_cover.py::test_three_stops_that_the_venue_drops_at_once_close_the_position",
            "tests/adapters/exchange/test_streams.py::test_an_order_is_hinted_at_within_a_tenth_of_a_second",
            "tests/demo/test_exchange_failing.py::test_the_venue_cancels_a_stop_by_itself",
            "tests/live/test_streams.py::test_a_stop_cancelled_by_hand_is_replaced_sooner_where_its_event_is_heard",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-29",
        "the owner cancels a stop in the app",
        (
            "tests/adapters/exchange/test_venue_trading.py::test_a_stop_cancelled_in_the_app_is_put_back",
            "tests/core/trading/test_executor_booking.py::test_a_stop_cancelled_by_hand_is_placed_again_and_told",
            "tests/core/trading/test_executor_moving.py::test_a_moved_stop_that_is_cancelled_by_hand_is_placed_again_and_told",
        ),
        lacks="There is no command by which the owner takes a position over without its stop.",
    ),
    Row(
        "B-30",
        "orders outlive their position",
        (
            "tests/core/trading/test_lifecycle_entering.py::test_a_closed_position_is_booked_after_its_leftover_orders_are_gone",
            "tests/core/trading/test_guard.py::test_an_order_of_ours_without_a_trade_is_cancelled_by_the_second_pass",
            "tests/adapters/exchange/test_venue_trading.py::test_a_position_closed_in_the_app_is_booked_and_its_stop_goes",
            "tests/core/sim/test_venue_orders.py::test_a_reduce_only_order_left_after_the_close_opens_nothing_and_is_cancelled_when_due",
        ),
    ),
    Row(
        "B-31",
        "a stop is moved by taking the old one away first",
        (
            "tests/core/trading/test_moving.py::test_the_moved_stop_is_placed_then_seen_and_only_then_the_old_one_goes",
            "tests/core/trading/test_lifecycle_cover.py::test_a_changed_size_places_the_new_stop_first_and_only_then_cancels_the_old_one",
            "tests/core/trading/test_executor_moving.py::test_over_any_path_stops_only_tighten_risk_never_grows_and_cover_never_ends",
        ),
    ),
    Row(
        "B-32",
        "what became of a moved stop is not known",
        (
            "tests/bot/test_steering.py::test_a_venue_that_is_slow_to_take_the_new_stop_keeps_the_old_one",
            "tests/core/trading/test_executor_moving.py::test_of_two_resting_stops_the_wanted_full_one_is_shown",
            "tests/core/trading/test_executor_moving.py::test_a_refused_move_changes_nothing_and_says_why",
            "tests/core/trading/test_crash.py::test_a_crash_while_a_stop_moves_forgets_neither_the_peak_nor_the_first_stop",
        ),
    ),
    Row(
        "B-33",
        "a stop moves away from the price, or beyond it",
        (
            "tests/core/trading/test_exits_properties.py::test_a_stop_only_tightens_and_stays_a_price_whatever_is_asked",
            "tests/core/trading/test_exits_properties.py::test_along_every_path_the_stop_only_tightens_behind_the_price",
            "tests/core/trading/test_moving.py::test_a_stop_that_cannot_be_is_refused_with_its_reason",
            "tests/core/trading/test_moving.py::test_a_stop_moved_past_the_mark_closes_at_market",
        ),
    ),
    Row(
        "B-34",
        "a part is closed and the stop is of the old size",
        (
            "tests/core/trading/test_executor_moving.py::test_a_part_is_closed_without_a_moment_of_less_cover",
            "tests/core/trading/test_lifecycle_leaving.py::test_a_stop_for_what_will_be_left_rests_before_a_part_is_closed",
            "tests/core/trading/test_lifecycle_leaving.py::test_the_full_stop_goes_only_after_two_looks_at_the_smaller_position",
        ),
    ),
    Row(
        "B-35",
        "a position grows beyond its stop",
        (
            "tests/core/trading/test_executor_booking.py::test_a_size_changed_by_hand_gets_a_stop_of_its_size_and_is_told",
            "tests/core/trading/test_lifecycle_cover.py::test_a_position_larger_than_planned_is_covered_whole",
            "tests/core/trading/test_lifecycle_cover.py::test_a_stop_that_does_not_cover_the_position_is_replaced",
        ),
    ),
    Row(
        "B-36",
        "a remainder too small for any order",
        (
            "tests/core/trading/test_partial_entries.py::test_a_remainder_that_no_order_may_be_of_is_told_and_closed_once_the_venue_takes_it",
            "tests/core/trading/test_lifecycle_leaving.py::test_a_part_never_leaves_a_rest_too_small_to_protect",
            "tests/core/sim/test_venue_orders.py::test_a_reduce_only_order_may_be_smaller_than_the_smallest_notional",
            "tests/core/trading/test_adopting.py::test_one_under_the_smallest_order_is_guarded_as_far_as_the_venue_lets_it",
        ),
        lacks="Such a remainder is not booked away: entries stay closed until the owner has closed it.",
    ),
    Row(
        "B-37",
        "a stop that only the bot knows of",
        (
            "tests/core/sim/test_runner.py::test_every_position_is_covered_by_one_whole_stop_at_every_look",
            "tests/core/sim/test_thirty_days.py::test_every_position_has_exactly_one_whole_stop_at_every_look",
            "tests/core/trading/test_invariants.py::test_a_position_without_a_full_stop_stops_entries_after_the_deadline",
            "tests/adapters/exchange/test_venue_trading.py::test_a_plan_is_entered_and_protected_at_once",
        ),
    ),
    Row(
        "B-38",
        "liquidation comes before the stop",
        (
            "tests/core/risk/test_checks.py::test_liquidation_nearer_than_twice_the_stop_is_refused",
            "tests/core/risk/test_checks.py::test_liquidation_nearer_than_a_tenth_is_refused",
            "tests/core/risk/test_planning.py::test_leverage_falls_when_the_size_itself_brings_liquidation_near",
            "tests/core/trading/test_lifecycle_leaving.py::test_a_liquidation_nearer_than_five_percent_closes_at_once",
        ),
    ),
    Row(
        "B-39",
        "a stop that seemed lost was there, and now there are two",
        (
            "tests/core/trading/test_doubled_stops.py::test_of_stops_that_a_lagging_venue_hid_one_is_left_or_none_without_a_position",
            "tests/core/trading/test_booking.py::test_ids_are_stable_distinct_and_fit_every_venue",
            "tests/core/trading/test_lifecycle_cover.py::test_stops_that_never_rest_as_wanted_do_not_pile_up",
        ),
    ),
    Row(
        "B-40",
        "a switch at the venue cancels the stops of whoever falls silent",
        (
            "tests/adapters/exchange/test_venue_outside.py::test_no_switch_that_cancels_stops_is_ever_armed",
            "tests/adapters/exchange/test_venue_outside.py::test_no_exchange_adapter_names_a_switch_that_cancels_stops",
        ),
    ),
    Row(
        "B-41",
        "killed between the entry and its stop",
        (
            "tests/simulation/test_every_point.py::test_killed_at_every_point_journal_and_venue_agree_after_one_recovery_pass",
            "tests/kills/test_kills.py::test_after_every_kill_journal_and_exchange_agree_and_nothing_is_doubled_bare_or_lost",
            "tests/core/trading/test_crash.py::test_a_crash_at_any_call_costs_nothing_but_time",
            "tests/simulation/test_storm.py::test_killed_at_any_point_of_a_flow_journal_and_venue_agree_after_one_recovery",
            "tests/end_to_end/test_restart.py::test_killed_after_a_tap_there_is_one_guarded_position_or_none",
            "tests/end_to_end/test_restart.py::test_after_a_kill_the_same_position_has_one_stop_and_no_second_entry",
            "tests/end_to_end/test_live.py::test_what_is_open_survives_a_kill_with_its_stop",
        ),
    ),
    Row(
        "B-42",
        "killed after the venue took the order and before that was written down",
        (
            "tests/simulation/test_every_point.py::test_killed_at_every_point_journal_and_venue_agree_after_one_recovery_pass",
            "tests/kills/test_kills.py::test_after_every_kill_journal_and_exchange_agree_and_nothing_is_doubled_bare_or_lost",
            "tests/core/trading/test_crash.py::test_a_crash_at_any_call_costs_nothing_but_time",
            "tests/core/trading/test_crash.py::test_a_partial_close_that_died_on_the_way_closes_its_part_once",
            "tests/core/trading/test_lifecycle_entering.py::test_an_unanswered_entry_that_is_shown_is_written_down_as_taken",
            "tests/simulation/test_storm.py::test_killed_at_any_point_of_a_flow_journal_and_venue_agree_after_one_recovery",
        ),
    ),
    Row(
        "B-43",
        "killed after the intention was written down and before it was sent",
        (
            "tests/simulation/test_every_point.py::test_killed_at_every_point_journal_and_venue_agree_after_one_recovery_pass",
            "tests/kills/test_kills.py::test_after_every_kill_journal_and_exchange_agree_and_nothing_is_doubled_bare_or_lost",
            "tests/core/trading/test_executor_entering.py::test_an_entry_that_never_arrived_is_given_up_after_the_window_and_never_resent",
            "tests/core/trading/test_lifecycle_entering.py::test_an_entry_that_was_ever_intended_is_never_sent_again",
            "tests/core/trading/test_crash.py::test_a_crash_at_any_call_costs_nothing_but_time",
            "tests/core/trading/test_late_entries.py::test_a_breaker_found_open_at_start_stops_an_entry_that_was_recorded_before",
        ),
    ),
    Row(
        "B-44",
        "the database is locked",
        (
            "tests/simulation/test_every_point.py::test_killed_at_every_point_journal_and_venue_agree_after_one_recovery_pass",
            "tests/core/trading/test_executor_faults.py::test_a_journal_that_cannot_record_the_intention_sends_nothing",
            "tests/core/trading/test_executor_faults.py::test_an_answer_that_could_not_be_recorded_closes_entries_until_it_is",
            "tests/core/trading/test_crash.py::test_a_journal_that_fails_once_anywhere_costs_nothing_but_time",
            "tests/db/test_session.py::test_a_database_locked_by_another_program_says_so",
        ),
    ),
    Row(
        "B-45",
        "the disk is full",
        (
            "tests/bot/test_disk_gate.py::test_a_full_disk_ends_entries_and_not_the_guarding",
            "tests/bot/test_disk_gate.py::test_room_that_is_back_opens_entries_again",
            "tests/db/test_session.py::test_a_full_disk_says_so_and_keeps_what_was_recorded",
            "tests/end_to_end/test_http.py::test_health_is_503_while_the_database_can_not_be_written_and_mends_itself",
        ),
    ),
    Row(
        "B-46",
        "the database is damaged, lost or an old copy",
        (
            "tests/core/trading/test_lost_journal.py::test_a_position_with_our_stop_is_adopted_by_itself_with_that_stop",
            "tests/core/trading/test_lost_journal.py::test_entries_stay_closed_across_restarts_until_a_person_confirms",
            "tests/core/trading/test_lost_journal.py::test_orders_of_ours_that_no_journal_knows_are_cleared_away_and_close_the_entries",
            "tests/db/test_setup.py::test_a_damaged_file_is_refused_at_the_start_and_left_alone",
            "tests/db/test_setup.py::test_a_damaged_file_is_found",
            "tests/end_to_end/test_refusing_to_start.py::test_a_file_that_is_no_database",
            "tests/db/test_backup.py::test_a_copy_of_a_running_database_is_complete_and_private",
            "tests/adapters/exchange/test_adopting_binance.py::test_a_lost_journal_gives_our_position_a_trade_again_and_closes_the_entries",
        ),
    ),
    Row(
        "B-47",
        "a migration stops half way",
        (
            "tests/db/test_setup.py::test_a_migration_that_fails_half_way_leaves_the_old_schema_and_its_rows",
            "tests/db/test_setup.py::test_a_file_is_copied_before_it_is_migrated",
            "tests/db/test_setup.py::test_a_database_of_a_newer_program_is_refused_and_left_alone",
        ),
    ),
    Row(
        "B-48",
        "a second bot is started on the same account",
        (
            "tests/end_to_end/test_console.py::test_a_second_bot_on_the_same_database_is_refused_naming_the_first",
            "tests/end_to_end/test_console.py::test_a_second_bot_in_the_same_folder_is_refused_naming_the_first",
            "tests/db/test_journal_desk.py::test_a_bot_whose_lease_was_taken_over_records_nothing_more",
            "tests/db/test_journal_house.py::test_of_eight_bots_that_start_at_once_one_gets_the_lease",
        ),
    ),
    Row(
        "B-49",
        "a task is cancelled while its order or its commit is under way",
        (
            "tests/core/trading/test_cancelled_midway.py::test_what_a_cancelled_task_had_sent_is_found_and_not_sent_again",
            "tests/adapters/exchange/test_venue_faults.py::test_a_cancelled_task_leaves_by_its_cancellation_and_the_order_may_exist",
            "tests/db/test_session.py::test_a_cancelled_write_is_whole_or_absent_and_the_next_one_works",
            "tests/db/test_commits.py::test_a_write_whose_caller_left_is_committed_with_the_others",
            "tests/core/trading/test_in_flight.py::test_an_answer_that_comes_after_the_sender_was_cancelled_is_recorded",
        ),
    ),
    Row(
        "B-50",
        "the bot crashes, is started again and crashes again",
        (
            "tests/bot/test_starts.py::test_the_fourth_start_after_three_crashes_guards_and_opens_nothing",
            "tests/bot/test_starts.py::test_a_clean_stop_does_not_count",
            "tests/bot/test_starts.py::test_a_list_that_cannot_be_read_opens_nothing_and_is_mended",
        ),
    ),
    Row(
        "B-51",
        "a container starts anew without its volume",
        (
            "tests/bot/test_settings.py::test_no_profile_turns_paper_trading_off",
            "tests/core/risk/test_arming.py::test_the_plain_sentence_is_refused_while_an_item_does_not_hold",
            "tests/core/risk/test_arming.py::test_the_first_cap_is_never_above_the_setting",
            "tests/bot/test_readiness.py::test_what_is_armed_survives_a_restart",
            "tests/bot/test_arming.py::test_an_account_that_was_never_armed_stays_closed_and_says_how_to_arm_it",
            "tests/end_to_end/test_live.py::test_disarmed_it_watches_says_so_and_sends_nothing",
        ),
    ),
    Row(
        "B-52",
        "the owner closes the position in the app",
        (
            "tests/adapters/exchange/test_venue_trading.py::test_a_position_closed_in_the_app_is_booked_and_its_stop_goes",
            "tests/core/trading/test_executor_booking.py::test_a_close_by_the_owner_on_the_venue_is_booked_as_outside",
            "tests/core/trading/test_looking.py::test_a_hand_that_closed_is_seen_though_our_clock_was_ahead_at_the_entry",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-53",
        "the owner opens a position of his own",
        (
            "tests/core/trading/test_guard.py::test_a_position_that_is_not_ours_is_left_alone_told_once_and_counted",
            "tests/core/risk/test_checks.py::test_a_taken_place_or_a_foreign_position_is_refused",
            "tests/core/trading/test_accounts.py::test_a_position_of_somebody_else_is_exposure_of_its_margin",
            "tests/core/trading/test_policies.py::test_what_is_opened_by_hand_of_the_owner_is_never_flattened",
            "tests/core/trading/test_adopting.py::test_it_is_told_once_with_what_adopting_it_would_mean_and_never_touched",
            "tests/core/trading/test_adopting.py::test_until_it_is_known_whose_it_is_no_entry_is_made",
            "tests/handlers/test_foreign.py::test_positions_name_it_and_lead_to_its_answers",
        ),
    ),
    Row(
        "B-54",
        "the owner changes the size of a position",
        (
            "tests/core/trading/test_executor_booking.py::test_a_size_changed_by_hand_gets_a_stop_of_its_size_and_is_told",
            "tests/core/trading/test_lifecycle_cover.py::test_a_changed_size_places_the_new_stop_first_and_only_then_cancels_the_old_one",
            "tests/core/trading/test_laddering.py::test_one_look_at_a_smaller_position_does_not_change_a_target",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-55",
        "the position is liquidated",
        (
            "tests/core/trading/test_outside_hands.py::test_a_liquidation_trips_the_days_loss_breaker",
            "tests/adapters/exchange/test_venue_trading.py::test_a_liquidation_is_booked_as_one",
            "tests/adapters/exchange/test_venue_binance.py::test_a_liquidation_is_told_by_its_fills",
            "tests/core/trading/test_executor_booking.py::test_a_liquidation_is_booked_as_what_it_is",
            "tests/live/test_faults.py::test_the_bot_survives",
        ),
    ),
    Row(
        "B-56",
        "the venue deleverages a part away",
        (
            "tests/adapters/exchange/test_venue_outside.py::test_a_position_that_deleveraging_made_smaller_gets_a_stop_of_its_size",
            "tests/adapters/exchange/test_venue_binance.py::test_deleveraging_is_a_stranger_s_fill_and_no_liquidation",
            "tests/demo/test_exchange_life.py::test_automatic_deleveraging_takes_a_part_at_the_mark_price",
        ),
        lacks="The owner is told that the size changed, not that the venue deleveraged it.",
    ),
    Row(
        "B-57",
        "leverage or margin mode is changed in the app",
        (
            "tests/core/trading/test_outside_hands.py::test_leverage_raised_in_the_app_is_seen_by_the_liquidation_price_it_brings",
            "tests/adapters/exchange/test_venue_binance.py::test_leverage_of_an_open_position_is_not_touched",
            "tests/core/trading/test_guard.py::test_each_rung_of_the_liquidation_ladder_is_told_once_and_only_downwards",
        ),
    ),
    Row(
        "B-58",
        "positions cannot be read, or none are shown",
        (
            "tests/core/trading/test_executor_booking.py::test_looks_that_show_nothing_never_cost_the_stop_or_the_trade",
            "tests/core/trading/test_lifecycle_vanished.py::test_an_account_that_looks_empty_for_a_moment_costs_neither_the_trade_nor_its_stop",
            "tests/core/trading/test_lifecycle_entering.py::test_one_flat_look_is_never_believed",
            "tests/adapters/exchange/test_venue_faults.py::test_positions_that_cannot_be_read_are_never_flat",
            "tests/core/trading/test_guard.py::test_unknown_positions_are_shown_as_unknown_not_as_flat",
        ),
    ),
    Row(
        "B-59",
        "a list of orders is of other symbols, other people or one page only",
        (
            "tests/core/trading/test_outside_hands.py::test_a_stop_of_the_owners_own_is_left_alone_and_ours_rests_beside_it",
            "tests/adapters/exchange/test_venue_binance.py::test_a_stop_is_shown_among_open_orders_with_all_its_marks",
            "tests/adapters/exchange/test_venue_bybit.py::test_pages_of_open_orders_are_followed_to_the_end",
            "tests/adapters/exchange/test_venue_binance_rows.py::test_more_trades_than_one_page_are_all_read_once",
        ),
    ),
    Row(
        "B-60",
        "orders that work are forgotten by a restart",
        (
            "tests/adapters/exchange/test_venue_trading.py::test_a_restart_goes_on_with_what_the_exchange_shows",
            "tests/adapters/exchange/test_venue_bybit_sockets.py::test_a_restarted_venue_of_ours_finds_what_it_left",
            "tests/adapters/exchange/test_venue_binance.py::test_a_restart_finds_whose_fills_they_were",
            "tests/end_to_end/test_restart.py::test_after_a_kill_the_same_position_has_one_stop_and_no_second_entry",
        ),
    ),
)
