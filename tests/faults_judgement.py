"""Advisers, accounts, breakers and settings: what may be believed, booked, opened and changed."""

from __future__ import annotations

from tests.faults_row import Row

JUDGEMENT = (
    Row(
        "B-96",
        "an adviser never answers",
        (
            "tests/core/advice/test_panel.py::test_at_the_deadline_the_others_count_and_the_hung_one_is_let_go",
            "tests/adapters/advisers/test_models.py::test_past_its_deadline_a_hung_call_is_given_up_and_recorded",
            "tests/adapters/advisers/test_chaos.py::test_a_decision_with_three_broken_advisers_ends_at_its_deadline_and_leaves_no_task",
            "tests/core/advice/test_staged.py::test_whoever_has_no_time_left_is_late",
            "tests/core/advice/test_verdict.py::test_a_side_needs_two_and_a_majority",
        ),
    ),
    Row(
        "B-97",
        "an answer that is no sound JSON, or is cut",
        (
            "tests/core/advice/test_answer.py::test_what_is_not_exactly_one_object_is_malformed",
            "tests/core/advice/test_answer.py::test_a_cut_number_is_never_completed_into_an_order",
            "tests/adapters/advisers/test_chaos.py::test_every_fault_comes_to_its_named_outcome_after_an_exact_number_of_requests",
            "tests/adapters/advisers/test_chaos.py::test_a_reply_beyond_what_is_kept_is_no_answer_though_its_beginning_were_one",
            "tests/core/advice/test_verdict_roles.py::test_an_honest_hold_instead_of_a_bad_answer_changes_neither_side_nor_size",
            "tests/adapters/advisers/test_models.py::test_a_fault_abstains_after_an_exact_number_of_requests",
        ),
    ),
    Row(
        "B-98",
        "an answer contradicts itself",
        (
            "tests/core/advice/test_answer.py::test_a_field_outside_its_form_is_invalid",
            "tests/core/advice/test_answer.py::test_a_side_without_its_figures_is_invalid",
            "tests/core/advice/test_answer.py::test_a_key_that_stands_twice_is_invalid",
            "tests/core/advice/test_coherence.py::test_a_side_that_contradicts_itself_is_invalid",
            "tests/core/advice/test_coherence.py::test_no_side_that_expects_to_lose_by_its_own_figures_is_ever_read",
            "tests/core/advice/test_coherence.py::test_a_struck_dissenter_never_makes_a_trade_that_its_honest_hold_would_have_prevented",
            "tests/core/risk/test_checks.py::test_a_stop_on_the_wrong_side_too_near_too_far_or_off_the_tick_is_refused",
        ),
    ),
    Row(
        "B-99",
        "confidence on another scale",
        (
            "tests/core/advice/test_answer.py::test_a_confidence_of_another_scale_or_kind_is_invalid_and_never_clamped",
            "tests/core/advice/test_answer.py::test_a_number_that_is_not_finite_is_invalid",
            "tests/core/risk/test_checks.py::test_weak_and_impossible_confidence_is_refused",
        ),
    ),
    Row(
        "B-100",
        "an adviser asks for more leverage or size than is allowed",
        (
            "tests/core/advice/test_answer.py::test_an_unknown_field_is_invalid",
            "tests/core/trading/test_injection.py::test_an_answer_has_no_place_for_size_leverage_or_price",
            "tests/core/trading/test_injection.py::test_models_taken_over_all_together_still_risk_no_more_than_the_rules_allow",
            "tests/core/risk/test_planning.py::test_leverage_is_asked_for_but_every_cap_holds",
            "tests/core/risk/test_checks.py::test_leverage_outside_one_and_the_ceiling_is_refused",
        ),
    ),
    Row(
        "B-101",
        "an adviser speaks of a symbol nobody asked about",
        (
            "tests/core/advice/test_answer.py::test_an_unknown_field_is_invalid",
            "tests/core/advice/test_brief.py::test_symbol_date_and_price_level_stay_out_of_the_question",
            "tests/core/risk/test_checks.py::test_a_verdict_for_something_else_backs_no_plan",
        ),
    ),
    Row(
        "B-102",
        "a foreign text tells the model what to do",
        (
            "tests/core/advice/test_brief.py::test_symbol_date_and_price_level_stay_out_of_the_question",
            "tests/core/advice/test_answer.py::test_no_text_does_more_than_abstain",
            "tests/core/advice/test_answer.py::test_whatever_is_read_is_inside_its_ranges",
            "tests/core/advice/test_sanitising.py::test_text_that_talks_to_a_machine_is_not_readable",
            "tests/core/advice/test_mood.py::test_one_more_text_never_makes_a_trade_larger",
            "tests/core/trading/test_injection.py::test_a_hostile_symbol_never_enters_the_question_and_changes_nothing",
            "tests/core/trading/test_injection.py::test_no_text_that_a_mood_carries_along_enters_the_question",
            "tests/core/trading/test_injection_news.py::test_further_items_however_they_are_read_never_raise_what_is_risked",
            "tests/handlers/test_injection.py::test_a_hostile_text_instead_of_an_idea_asks_for_no_leverage_and_no_risk",
            "tests/adapters/advisers/test_injection.py::test_no_request_holds_a_hostile_symbol_or_source",
            "tests/end_to_end/test_news.py::test_a_planted_hack_is_read_shown_and_refuses_the_trade_by_name",
        ),
    ),
    Row(
        "B-103",
        "a model refuses or says nothing",
        (
            "tests/adapters/advisers/test_chaos.py::test_every_fault_comes_to_its_named_outcome_after_an_exact_number_of_requests",
            "tests/adapters/advisers/test_models.py::test_how_a_chat_ended_decides_before_its_text",
            "tests/core/advice/test_verdict_roles.py::test_answers_that_cannot_be_used_alone_are_a_hold_that_says_so",
            "tests/core/advice/test_verdict.py::test_nobody_answering_is_a_hold",
        ),
    ),
    Row(
        "B-104",
        "an answer of before is used again after the price moved",
        (
            "tests/core/trading/test_engine.py::test_a_price_that_left_the_analysed_bar_is_not_traded",
            "tests/core/trading/test_approvals.py::test_a_card_is_refused_where_the_price_left_what_was_analysed",
            "tests/adapters/advisers/test_models.py::test_an_answer_is_kept_until_the_bar_closes_and_no_longer_than_allowed",
            "tests/adapters/advisers/test_models.py::test_another_question_model_or_endpoint_misses_the_cache",
            "tests/adapters/advisers/test_models.py::test_an_answer_that_came_after_the_bar_closed_is_not_kept",
            "tests/core/risk/test_checks.py::test_a_price_that_left_the_plans_entry_is_refused",
        ),
    ),
    Row(
        "B-105",
        "all advisers fail or disagree",
        (
            "tests/core/advice/test_verdict.py::test_a_side_needs_two_and_a_majority",
            "tests/core/trading/test_engine.py::test_no_adviser_at_all_is_a_hold_with_its_gate",
            "tests/core/trading/test_engine.py::test_a_split_panel_never_trades",
            "tests/core/advice/test_staged.py::test_stages_never_change_what_cheap_voters_decide",
            "tests/core/trading/test_engine.py::test_auto_never_trades_a_single_advisers_opinion",
        ),
    ),
    Row(
        "B-106",
        "the advisers cost more than was meant",
        (
            "tests/db/test_budget_under_load.py::test_five_hundred_decisions_at_once_use_nearly_all_and_never_more",
            "tests/db/test_budget_under_load.py::test_a_restart_in_between_forgets_nothing_of_what_was_set_aside",
            "tests/db/test_journal_spending.py::test_no_order_of_requests_and_bills_passes_the_cap",
            "tests/core/advice/test_budget.py::test_without_a_price_nothing_leaves_and_the_setting_is_named",
            "tests/core/advice/test_budget.py::test_a_database_that_fails_lets_nothing_leave",
            "tests/adapters/advisers/test_kill_means_kill.py::test_a_budget_that_is_used_up_stops_every_purpose_and_is_told_once",
            "tests/end_to_end/test_model_calls_stop.py::test_a_pause_while_the_first_ones_think_is_heard_by_the_next",
        ),
    ),
    Row(
        "B-107",
        "a model is renamed, retired or answers in another form",
        (
            "tests/adapters/advisers/test_failures.py::test_a_status_says_what_may_be_done",
            "tests/adapters/advisers/test_probing.py::test_a_model_that_is_not_listed_is_named_with_its_setting",
            "tests/adapters/advisers/test_probing.py::test_the_owner_is_told_once_of_each_trouble",
            "tests/adapters/advisers/test_lines.py::test_a_swapped_model_abstains_once_and_the_owner_is_told_old_and_new",
            "tests/core/advice/test_figures.py::test_another_served_model_starts_at_nothing_and_the_former_one_decides_nothing",
            "tests/core/trading/test_engine.py::test_a_silent_adviser_is_told_once_a_day_whatever_the_others_do",
            "tests/core/advice/test_verdict.py::test_a_single_answer_is_marked_as_such",
        ),
    ),
    Row(
        "B-108",
        "a fee is missing or paid in another coin",
        (
            "tests/adapters/exchange/test_venue_binance_rows.py::test_a_fee_in_bnb_is_worth_what_bnb_cost_that_minute",
            "tests/adapters/exchange/test_venue_binance_rows.py::test_a_fee_whose_coin_has_no_price_is_estimated_and_logged",
            "tests/core/trading/test_booking.py::test_prices_are_weighted_and_costs_are_taken_off",
        ),
    ),
    Row(
        "B-109",
        "funding is counted twice or never",
        (
            "tests/core/trading/test_executor_booking.py::test_funding_of_the_holding_time_is_booked",
            "tests/core/trading/test_booking.py::test_funding_counts_only_while_the_position_was_held",
            "tests/db/test_journal_booking.py::test_fills_and_funding_are_imported_once_by_id",
            "tests/adapters/exchange/test_venue_binance.py::test_funding_is_read_with_its_sign_and_once",
            "tests/core/trading/test_reconcile.py::test_funding_that_was_paid_and_never_booked_is_told",
        ),
    ),
    Row(
        "B-110",
        "booked results drift from the exchange's",
        (
            "tests/core/sim/test_runner.py::test_the_journal_says_to_the_last_digit_what_the_venue_did_to_the_wallet",
            "tests/adapters/exchange/test_venue_trading.py::test_a_trade_that_is_stopped_out_is_booked_from_the_exchange_s_own_fills",
            "tests/core/trading/test_booking.py::test_the_result_is_what_the_cash_flows_say_to_the_last_digit",
            "tests/core/trading/test_reconcile.py::test_a_wrong_booking_is_told_once_with_its_amount_and_what_is_known",
            "tests/core/trading/test_reconcile.py::test_a_cent_is_let_pass_on_a_real_exchange_and_no_more",
        ),
    ),
    Row(
        "B-111",
        "sums of floats leave dust",
        (
            "tests/core/test_money.py::test_rounding_twice_is_rounding_once",
            "tests/core/test_money.py::test_results_read_as_plain_numbers_and_zero_has_no_sign",
            "tests/core/trading/test_profit_and_loss.py::test_profit_is_fills_minus_fees_plus_funding",
            "tests/core/sim/test_venue_properties.py::test_a_position_closed_in_parts_makes_exactly_what_it_makes_closed_at_once",
        ),
    ),
    Row(
        "B-112",
        "money paid in or out looks like a result",
        (
            "tests/core/trading/test_flows.py::test_a_withdrawal_trips_nothing_and_is_no_loss",
            "tests/core/trading/test_flows.py::test_a_deposit_hides_no_loss",
            "tests/core/sim/test_breakers_in_the_loop.py::test_money_paid_in_or_out_trips_nothing_and_changes_no_result",
            "tests/core/trading/test_flows.py::test_while_transfers_cannot_be_read_a_changed_wallet_is_unknown_equity",
        ),
    ),
    Row(
        "B-113",
        "paper trading is kinder than the exchange",
        (
            "tests/core/sim/test_venue_orders.py::test_a_market_order_pays_the_other_side_of_the_book_plus_slippage_and_the_takers_fee",
            "tests/core/sim/test_venue_orders.py::test_a_stop_triggers_on_the_mark_and_fills_in_the_gap",
            "tests/core/sim/test_venue_orders.py::test_a_long_is_liquidated_on_the_mark_and_loses_exactly_its_margin",
            "tests/core/sim/test_venue_memory.py::test_longs_pay_positive_funding_on_the_notional_at_mark_and_shorts_receive_it",
        ),
    ),
    Row(
        "B-114",
        "a restart forgets a breaker or what it measures from",
        (
            "tests/core/risk/test_breakers_of_an_account.py::test_the_days_breaker_survives_a_restart_and_opens_again_at_midnight_utc_only",
            "tests/core/sim/test_breakers_in_the_loop.py::test_a_breaker_is_open_in_the_next_process_before_it_enters_anything",
            "tests/core/trading/test_accounts.py::test_the_days_opening_outlives_a_restart",
            "tests/core/trading/test_accounts.py::test_a_trip_is_written_once_with_its_notice_and_survives_a_restart",
        ),
    ),
    Row(
        "B-115",
        "a breaker stands in the code and stops nothing",
        (
            "tests/core/trading/test_engine.py::test_a_drive_into_losses_ends_with_no_further_order",
            "tests/core/sim/test_breakers_in_the_loop.py::test_the_daily_loss_breaker_stops_entries_for_the_day_while_guarding_goes_on",
            "tests/core/trading/test_breakers_block.py::test_every_breaker_is_tried_here",
            "tests/core/trading/test_breakers_block.py::test_a_scan_enters_nothing_and_asks_nobody_while_it_is_tripped",
        ),
    ),
    Row(
        "B-116",
        "a breaker measures from the wrong figure",
        (
            "tests/core/risk/test_breakers.py::test_unrealised_loss_counts_because_equity_holds_it",
            "tests/core/trading/test_accounts.py::test_an_unrealised_loss_trips_the_days_breaker_too",
            "tests/core/trading/test_accounts.py::test_the_days_opening_is_fixed_once_and_anew_each_utc_day",
            "tests/core/risk/test_breakers_of_an_account.py::test_an_equity_of_days_ago_is_what_a_bot_that_was_off_falls_from",
        ),
    ),
    Row(
        "B-117",
        "midnight cuts a loss in two",
        (
            "tests/core/risk/test_breakers_of_an_account.py::test_a_loss_split_by_midnight_trips_the_24_hours_and_not_the_day",
            "tests/core/sim/test_breakers_in_the_loop.py::test_losses_on_both_sides_of_midnight_trip_the_last_24_hours_and_reopen_as_they_pass",
        ),
    ),
    Row(
        "B-118",
        "a breaker never opens again, or at once",
        (
            "tests/core/risk/test_breakers_of_an_account.py::test_a_losing_streaks_breaker_reopens_after_a_day_with_a_probe_that_a_win_ends",
            "tests/core/risk/test_reopening.py::test_only_a_person_clears_a_drawdown",
            "tests/core/risk/test_reopening.py::test_a_loss_breaker_probes_until_a_trade_opened_since_has_won",
            "tests/core/risk/test_breakers_of_an_account.py::test_a_restart_begins_the_cooldown_anew_and_never_ends_it",
        ),
    ),
    Row(
        "B-119",
        "entries are stopped and what is open goes on losing",
        (
            "tests/core/trading/test_policies.py::test_tighten_halves_the_way_to_the_price_once_per_trip",
            "tests/core/trading/test_policies.py::test_flatten_closes_every_position_and_says_why",
            "tests/core/trading/test_breakers_block.py::test_the_position_stays_covered_and_its_stop_still_ends_it",
        ),
    ),
    Row(
        "B-120",
        "flattening fails half way",
        (
            "tests/simulation/test_every_point.py::test_killed_at_every_point_journal_and_venue_agree_after_one_recovery_pass",
            "tests/core/trading/test_policies.py::test_flattening_goes_on_where_the_process_died",
            "tests/core/trading/test_policies.py::test_a_venue_that_is_down_delays_flattening_and_does_not_end_it",
            "tests/core/trading/test_policies.py::test_one_trade_that_cannot_be_closed_stops_no_other",
            "tests/bot/test_desk_leaving.py::test_panic_closes_everything_whatever_else_cannot_be_written",
        ),
    ),
    Row(
        "B-121",
        "a passing fault counts like a loss",
        (
            "tests/core/risk/test_breakers_of_an_account.py::test_an_exchange_that_does_not_answer_trips_after_five_failures_and_cools_down",
            "tests/core/risk/test_breakers_of_an_account.py::test_calls_that_fail_at_the_same_moment_are_one_failure",
            "tests/core/risk/test_breakers_of_an_account.py::test_an_account_that_cannot_be_read_trips_nothing_and_has_no_equity",
            "tests/core/risk/test_reopening.py::test_a_technical_breaker_does_not_probe",
        ),
    ),
    Row(
        "B-122",
        "told to end while an order is under way",
        (
            "tests/kills/test_kills.py::test_told_to_end_it_ends_in_eight_seconds_whatever_is_under_way",
            "tests/kills/test_kills.py::test_after_every_kill_journal_and_exchange_agree_and_nothing_is_doubled_bare_or_lost",
            "tests/end_to_end/test_restart.py::test_sigterm_ends_in_time_leaves_the_stop_and_a_second_signal_is_harmless",
            "tests/bot/test_supervisor.py::test_stop_lets_a_pass_finish_and_begins_no_other",
            "tests/core/trading/test_cancelled_midway.py::test_what_a_cancelled_task_had_sent_is_found_and_not_sent_again",
            "tests/core/trading/test_in_flight.py::test_an_answer_that_does_not_come_in_time_is_reported_missing_and_stays_unknown",
        ),
    ),
    Row(
        "B-123",
        "ending the bot closes positions",
        (
            "tests/kills/test_kills.py::test_told_to_end_it_ends_in_eight_seconds_whatever_is_under_way",
            "tests/end_to_end/test_restart.py::test_sigterm_ends_in_time_leaves_the_stop_and_a_second_signal_is_harmless",
        ),
    ),
    Row(
        "B-124",
        "a setting is changed to what cannot be",
        (
            "tests/bot/test_book.py::test_what_cannot_be_is_refused_with_its_reason_and_changes_nothing",
            "tests/bot/test_settings.py::test_a_change_in_chat_is_checked_over_the_whole",
            "tests/bot/test_settings.py::test_a_stored_change_that_no_longer_fits_is_named_as_changed_in_chat",
            "tests/bot/test_settings.py::test_any_text_is_either_accepted_or_refused_in_words",
        ),
    ),
    Row(
        "B-125",
        "a change of settings holds in one place and not in another",
        (
            "tests/bot/test_book.py::test_a_course_is_one_snapshot_of_everything_a_scan_needs",
            "tests/bot/test_book.py::test_what_could_not_be_recorded_is_not_in_force",
            "tests/bot/test_book.py::test_two_changes_that_exclude_each_other_are_judged_one_after_the_other",
            "tests/bot/test_settings.py::test_settings_cannot_be_changed_in_place",
        ),
    ),
    Row(
        "B-126",
        "a dangerous setting by one tap",
        (
            "tests/bot/test_book.py::test_what_cannot_be_is_refused_with_its_reason_and_changes_nothing",
            "tests/bot/test_book.py::test_only_what_raises_risk_says_so",
            "tests/bot/test_book.py::test_the_stricter_of_environment_and_chat_holds_for_a_risk_setting",
            "tests/handlers/test_chat.py::test_a_setting_is_changed_by_four_taps",
        ),
        lacks="More risk needs a second tap, and neither a second factor nor a delay.",
    ),
    Row(
        "B-127",
        "leverage is changed in the settings while something is open",
        (
            "tests/core/trading/test_limits_changed_meanwhile.py::test_stricter_limits_leave_leverage_stop_and_size_of_an_open_trade_alone",
            "tests/adapters/exchange/test_venue_binance.py::test_leverage_of_an_open_position_is_not_touched",
            "tests/core/risk/test_checks.py::test_a_lowered_ceiling_refuses_a_card_drawn_before",
        ),
    ),
    Row(
        "B-128",
        "paper and live get into each other's books",
        (
            "tests/db/test_journal_booking.py::test_accounts_are_never_mixed",
            "tests/db/test_journal_desk.py::test_an_inactive_account_does_not_change_trading_config",
            "tests/core/trading/test_booking.py::test_ids_are_stable_distinct_and_fit_every_venue",
            "tests/bot/test_book.py::test_what_cannot_be_is_refused_with_its_reason_and_changes_nothing",
        ),
    ),
)
