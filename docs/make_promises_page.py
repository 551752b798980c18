"""
Write ``docs/reference/promises.md``: each promise, and the tests that hold it.

Run ``python docs/make_promises_page.py`` after a change; a test fails while the page is stale,
while a promise has no test, and while a test that is named here is not there.
"""
# ruff: noqa: E501 - a promise is one sentence

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "promises.md"
TESTS = ROOT / "tests"

INTRODUCTION = """\
# Promises, and the tests that hold them

<!-- Written by docs/make_promises_page.py; change the table there instead. -->

What operators and learners may rely on, and what fails when it does not hold.
"""

PROMISES: dict[str, dict[str, tuple[str, ...]]] = {
    "Access rules fail closed": {
        "A key that stands twice in a consumers file is an error that names both lines.": (
            "TestLoad.test_a_key_that_stands_twice",
            "TestLoad.test_merged_keys_of_yaml",
        ),
        "A number of YAML that is another one than it looks is an error.": (
            "TestLoad.test_numbers_that_are_others_to_yaml",
        ),
        "A key with nothing behind it is an error that says what to write.": (
            "TestLoad.test_a_key_with_nothing_behind_it",
            "TestConsumer.test_wrong_setting",
        ),
        "A rule that denies what never comes is an error, unless it says `unknown: true`.": (
            "test_a_rule_that_denies_what_never_comes_is_refused",
            "test_a_rule_that_may_match_the_unknown_is_a_rule_like_others",
        ),
        "A pattern that can match nothing is told of, with what was nearest.": (
            "test_what_is_doubtful_is_told",
            "test_a_pattern_that_can_match_nothing",
        ),
        "All patterns match whole texts; `match_params` of event-routing-backends search, as there.": (
            "TestRegularExpressions.test_match_all_of_a_text",
            "TestMatchParams.test_answers_are_those_of_pythons_search",
        ),
        "Rules that deny see every course, organisation, site and person of an event, wherever they stand.": (
            "test_no_document_shows_a_course_that_is_denied",
            "test_deny_sees_all_hosts_that_an_event_is_from",
            "test_deny_sees_everybody_at_every_depth",
            "test_objects_of_live_events_are_read",
            "test_keys_that_are_of_no_course_have_an_organisation",
        ),
        "Rules that deny see the types of all blocks that an event is about.": (
            "test_no_document_shows_a_block_of_a_type_that_is_denied",
            "test_deny_sees_the_types_of_all_blocks_of_an_event",
        ),
        "Rules that allow see the course that documents show.": (
            "test_rules_that_allow_see_the_course_that_documents_show",
        ),
        "No rule widens the boundary `orgs`, in any mode, when replaying or before translating.": (
            "test_no_rule_widens_a_boundary",
            "test_no_document_shows_a_course_that_is_denied",
            "test_a_router_holds_it_in_every_mode",
            "test_replaying_holds_it",
            "test_the_early_filter_knows_it",
        ),
        "What is said of an event, who gets it and why, is what a router does with it.": (
            "test_a_filter_says_what_its_rules_say",
            "test_who_gets_an_event_is_whom_a_router_routes_it_to",
            "test_documents_are_exactly_those_that_are_sent",
        ),
        "`missing: deny` holds also where the event lacks a field.": (
            "TestMissing.test_the_rule_holds_where_the_field_is_lacking",
            "test_what_is_missing_holds_for_who_says_so",
        ),
        "A rule that becomes stricter holds from the next request on.": (
            "test_stricter_rules",
            "test_consumer_that_is_shut",
        ),
        "A backlog and dead letters belong to whom they were accepted for.": (
            "test_a_backlog_is_not_inherited_in_silence",
            "test_dead_letters_are_not_replayed_to_another",
            "test_two_processes_with_the_old_and_the_new_file",
        ),
    },
    "Nothing personal leaves": {
        "No document names anybody of its event, by any name, in both protocols and dialects.": (
            "properties/test_translation.py::test_nothing_personal_leaves",
            "test_golden.py::test_nothing_personal_leaves",
        ),
        "No address names anybody, however it is written or encoded; queries leave by a list.": (
            "test_nobody_is_named_in_any_address",
            "test_own_names",
            "test_names_with_signs",
            "test_people_do_not_leave",
            "test_queries_and_fragments",
        ),
        "What an address says of content stays.": ("test_what_names_content_stays",),
        "An id of a whole second tells nothing of whom the payload names.": (
            "TestPeople.test_left_out",
            "TestPeople.test_in_addresses",
            "TestPeople.test_own_names_in_texts",
            "TestPeople.test_links",
            "TestPeople.test_ids",
            "TestNobody.test_same_id_as_ever",
        ),
        "An identity's answer is an id, or nothing leaves.": (
            "TestAnswers.test_not_an_id",
            "TestAnswers.test_classes_of_their_own",
            "test_ids_that_show_who",
        ),
        "Errors and logs say nothing of what an event holds, each on one line.": (
            "test_names_that_nobody_knows_are_not_said",
            "test_addresses_are_never_part_of_an_error",
            "test_any_text_becomes_one_printable_line",
            "test_no_logger_of_ours_goes_past_them",
            "test_a_receiver_does_not_steer_the_terminal",
        ),
        "Files that hold events are for their owner only, and can be forgotten.": (
            "TestRejects.test_only_their_owner_may_read_them",
            "test_a_file_that_is_set_aside_is_private",
            "test_salvage_and_purge",
            "test_lines_of_a_letter_file_that_are_no_letters",
        ),
        "What stands for a session in one protocol tells nothing of the other.": (
            "TestSessions.test_each_protocol_has_its_own",
        ),
        "What learners typed into keys leaves only with `include_text`.": (
            "TestTeams.test_leaves_only_with_texts",
        ),
    },
    "What was accepted is delivered, or is a dead letter with its reason": {
        "A broker that is away loses nothing.": (
            "test_events_wait_while_the_broker_is_away",
            "test_while_a_broker_is_away_all_wait_in_order",
        ),
        "A worker without its variables does not start, and acknowledges nothing.": (
            "test_the_worker_of_the_readme_does_not_start_without_a_variable",
            "test_a_task_of_the_readme_goes_back_to_the_queue_without_a_variable",
            "test_a_worker_without_a_variable_ends_and_takes_nothing",
            "test_a_variable_that_is_missing_is_named",
        ),
        "A look-up that fails is tried again.": (
            "TestRelay.test_database_away",
            "TestRouting.test_send",
            "TestSend.test_stop_and_resume",
        ),
        "One document cannot hold a queue, and an outage buries nothing.": (
            "test_all_others_arrive",
            "test_poison_in_company",
            "test_one_that_a_firewall_does_not_let_through",
            "test_refused_ones_and_failing_ones_by_turns",
            "test_overload_by_one_document",
            "test_outage",
        ),
        "Nothing is tried for ever.": ("test_nothing_is_tried_for_ever",),
        "What comes for a consumer that is paused, or has gone, waits.": (
            "TestPaused.test_waits_and_then_goes_in_order",
            "TestPaused.test_while_it_runs",
            "TestPaused.test_in_the_middle_of_a_call",
            "TestGone.test_nothing_is_tried_any_more_and_nothing_is_lost",
            "TestGone.test_replaying_leaves_letters_as_they_are",
        ),
        "What processes report adds up to what they did, whatever fails and whoever forks.": (
            "test_the_sum_of_all_reports_is_what_was_done",
            "test_many_threads_and_changes_of_rules",
            "test_every_process_reports_its_own",
        ),
        "Only the ids that were sent acknowledge a delivery.": (
            "TestAnswers.test_only_its_own_ids_acknowledge",
        ),
        "A replay after an upgrade is no conflict, and one that is has its own count.": (
            "TestReplay.test_another_release",
            "TestReplay.test_other_statements",
            "test_documents_do_not_change_with_the_release",
        ),
        "One damaged row stops nothing, and is never sent altered.": (
            "test_whatever_is_damaged",
            "test_one_column_of_one_row",
            "test_altered_bytes_are_never_sent_under_the_old_id",
            "test_a_header_page_that_is_gone",
            "test_a_log_that_is_damaged",
            "test_entries_of_an_older_version",
            "test_a_thread_that_dies_is_started_anew",
            "test_store_trouble_is_told",
        ),
        "kill -9 at any moment loses nothing.": (
            "test_row_1_killed_at_any_moment",
            "test_row_3_killed_again_and_again",
        ),
        "Several events on a line, events that were cut off, and wrapped ones are translated or counted.": (
            "TestParseEvents.test_all_of_a_line",
            "TestTranslateLines.test_each_event_of_a_line_has_an_outcome",
            "TestUnwrapping.test_one_level",
        ),
        "A payload that was cut off is refused; what is no number costs only itself.": (
            "test_a_payload_that_was_cut_off_is_unreadable",
            "test_what_is_no_number_is_as_if_it_were_not_there",
            "test_numbers_beyond_all_bounds",
        ),
        "A log that was renamed or compressed is not sent again.": (
            "TestResuming.test_a_rotated_log_is_known",
            "TestResuming.test_logs_that_begin_alike",
        ),
        "A task queue delivers in batches.": ("test_events_are_sent_many_at_a_time",),
    },
    "The host is never hurt": {
        "What may wait is never called in the request.": (
            "TestStore.test_what_may_wait_is_never_called_in_the_request",
            "TestStore.test_on_disk_that_is_locked_holds_nobody_up",
        ),
        "A fork does not wait for a lock.": (
            "TestProcesses.test_a_fork_does_not_wait_for_a_lock_that_a_thread_waits_for",
        ),
        "What the enqueue did not raise passes through; no greenlet is stalled.": (
            "test_timeouts_and_kills_of_gevent_pass_through",
            "test_nothing_else_stands_still_while_a_store_is_locked",
            "TestRealTimeBackend.test_celerys_soft_limit_passes_through",
            "test_gunicorn_forks_after_the_store_was_used",
        ),
        "Whatever goes wrong costs the event and nothing else.": (
            "TestRealTimeBackend.test_whatever_goes_wrong_costs_the_event_and_nothing_else",
        ),
        "Answers, look-ups of names and files are bounded in bytes and in time.": (
            "TestHostileAnswers.test_packed_again_and_again",
            "TestHostileAnswers.test_without_end",
            "TestHostileAnswers.test_name_that_is_not_found_in_time",
            "TestHostileAnswers.test_is_no_wrong_url",
            "TestFile.test_no_regular_file",
        ),
        "A consumer whose URL others chose reaches nothing but the public internet.": (
            "test_a_name_that_leads_inside",
            "test_a_name_that_is_another_one_when_it_counts",
            "test_a_proxy_is_not_asked_to_go_there_instead",
            "test_redirects_lead_nowhere",
            "test_urls_that_are_refused",
            "test_what_stands_inside_an_address_of_ipv6_counts",
        ),
        "A registry that hangs or fails is in nobody's way.": (
            "test_a_registry_that_hangs_is_in_nobodys_way",
            "test_an_error_is_counted_and_nobody_elses",
        ),
        "Credentials do not travel over plain http, unless it is asked for.": (
            "TestPlainHTTP.test_takes_no_credentials_along",
        ),
        "A consumers file is read, or a `ConfigurationError` says what is wrong with it.": (
            "test_any_bytes",
            "test_any_yaml",
            "test_odd_files",
            "TestLoad.test_what_is_no_file",
        ),
    },
    "Events are read as the platform really sends them": {
        "Every `evaluated` statement says success and attempt as Aspects casts them.": (
            "TestReadings.test_golden_cases",
            "TestSuccess.test_of_the_whole",
        ),
        "Every statement fulfils its template of the published xAPI profile, however odd its event.": (
            "TestTemplates.test_statements_fulfil_their_own",
            "test_whatever_is_translated_fulfils_its_template",
        ),
        "Statements say that they are of ADL's video profile where they fulfil a template of it, and only there.": (
            "test_category",
        ),
        "In dialect `erb` a log line is read as event-routing-backends reads it, and nothing else is sent.": (
            "TestLinesOfLogs.test_as_the_live_event",
            "TestWhatThePeerLoses.test_is_not_sent",
        ),
        "Who is nobody is skipped.": ("TestNobody.test_blank_users", "TestNobody.test_tasks"),
        "Live mobile events, device times, keys of old blocks and courses in addresses are read.": (
            "TestMobileVideo.test_live_and_log_agree",
            "TestDeviceTime.test_wins_over_the_receipt_of_a_live_event",
            "TestOldBlocks.test_are_spelled_as_the_course_spells_them",
            "TestCourseOfURL.test_names_a_course",
            "TestCourseOfURL.test_a_path_of_an_api_is_no_course",
            "TestMending.test_a_course_is_mended_wherever_it_stands",
            "TestContextInText.test_is_read_as_the_payload_is",
        ),
        "Every IRI that leaves is valid.": ("test_what_is_sent_is_valid", "test_any_address"),
    },
    "The admin shows and changes no more than somebody may": {
        "Every address has a list of who gets in; all others are refused, and looking changes nothing.": (
            "test_every_address_has_a_line",
            "TestLooking.test_who_gets_in",
        ),
        "Staff of a tenant see nothing of another's, by whatever address.": (
            "TestLooking.test_nobody_sees_what_is_anothers",
            "TestPosting.test_not_on_what_is_anothers",
        ),
        "Nothing is changed without Django's token, or by who may not.": (
            "TestPosting.test_not_without_a_token",
            "TestPosting.test_not_by_others",
        ),
        "No page shows a secret.": ("TestLooking.test_nobody_sees_a_secret",),
        "Every page can be used with a screen reader, as far as axe-core can tell.": (
            "test_nothing_is_found",
            "test_nothing_is_found_where_there_is_nothing",
        ),
        "A page asks fewer than 20 questions of the database, however much is in it.": (
            "test_a_page_asks_few_questions",
        ),
        "It is the same on PostgreSQL, MariaDB and SQLite, and on Django 4.2.": (
            "test_on_another_database",
            "test_with_the_oldest_django",
        ),
        "What is changed in the admin reaches all workers within five seconds, and holds for what waits.": (
            "test_two_processes_take_up_a_pause_and_a_changed_rule",
        ),
        "Secrets are in no table, dump, log or report of an error.": (
            "contrib/django/test_secrets.py::test_in_the_tables",
            "test_a_dump_can_be_brought_back",
            "test_in_texts_of_objects_and_in_logs",
            "test_in_reports_of_errors",
        ),
        "A database that is away changes nothing for what runs.": (
            "test_the_database_may_be_away",
        ),
    },
    "The same event gives the same id, for ever": {
        "Ids are pinned.": ("TestStandard.test_pinned",),
        "Translating twice gives the same.": ("test_translating_twice_gives_the_same",),
        "Both shapes of an event give equal documents.": ("test_both_shapes_give_equal_documents",),
    },
}
"""
The promises by part, and the tests of each: by name, after their class if they have one, and after
their file where several have the name.
"""


def tests() -> dict[str, list[str]]:
    """Find the files of all tests, by every name that `PROMISES` may call them."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        file = path.relative_to(TESTS).as_posix()
        for name in _names(ast.parse(path.read_text(encoding="utf-8"))):
            found[name].append(file)
            found[f"{file}::{name}"].append(file)
    return found


def _names(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name.startswith("test_"):
                    yield f"{node.name}.{member.name}"


def mistakes() -> list[str]:
    """Say which promises have no test, or name one that is not there or not the only one."""
    found = tests()
    wrong = [
        f"{name}: {len(found[name])} tests have this name"
        for part in PROMISES.values()
        for names in part.values()
        for name in names
        if len(found[name]) != 1
    ]
    return wrong + [text for part in PROMISES.values() for text, names in part.items() if not names]


def render() -> str:
    """Give the text of the page."""
    found = tests()
    lines = [INTRODUCTION]
    for title, part in PROMISES.items():
        lines += [f"## {title}", "", "| promise | held by |", "|---|---|"]
        for text, names in part.items():
            cells = [f"`{found[name][0]}::{name.rpartition('::')[2]}`" for name in names]
            lines.append(f"| {text} | {'<br>'.join(cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    if wrong := mistakes():
        raise SystemExit("\n".join(wrong))
    PAGE.write_text(render(), encoding="utf-8")
