//! The house's own rules, checked on every file of the repository.

use sluice_e2e::repository;
use sluice_e2e::tidy::{self, File};

fn assert_tidy(check: fn(&[File]) -> Vec<String>) {
    let faults = check(&File::all(repository::root()));
    assert!(
        faults.is_empty(),
        "{} to tidy:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn modules_use_only_the_layers_below_them() {
    assert_tidy(tidy::module_direction);
}

#[test]
fn crates_depend_one_way() {
    assert_tidy(tidy::crate_direction);
}

#[test]
fn files_are_of_human_size() {
    assert_tidy(tidy::file_sizes);
}

#[test]
fn files_are_named_after_what_they_hold() {
    assert_tidy(tidy::names);
}

#[test]
fn files_are_light() {
    assert_tidy(tidy::weight);
}

#[test]
fn nothing_is_promised_in_comments() {
    assert_tidy(tidy::words);
}

#[test]
fn every_module_says_what_it_is_for() {
    assert_tidy(tidy::openings);
}

#[test]
fn generated_files_are_there() {
    assert_tidy(tidy::generated);
}

#[test]
fn every_story_runs() {
    assert_tidy(tidy::modules_of_the_suite);
}

#[test]
fn every_handler_tells_the_versions_of_the_table() {
    assert_tidy(tidy::handlers);
}
