use std::fmt::Write;
use std::path::Path;

use super::*;

const HEAD: &str = "# Protocol support

Generated from the table of APIs (`broker/src/handlers/table.rs`) by its test; set `SLUICE_REGENERATE=1`
and run the tests of `sluice-broker` to write it anew.

What the bundled broker advertises in `ApiVersions`, and thereby all it serves. APIs that are not
listed are not served: asking for one closes the connection, as Kafka does.

| Key | API | Versions | Remarks |
|--:|---|---|---|
";

#[test]
fn the_document_on_protocol_support_is_current() {
    let mut text = HEAD.to_owned();
    for Entry {
        api,
        versions,
        notes,
    } in TABLE
    {
        let (key, name) = (api.key(), api.name());
        let (first, last) = (versions.start(), versions.end());
        let notes = notes.trim();
        writeln!(text, "| {key} | {name} | {first}-{last} | {notes} |").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol-support.md");
    if std::env::var_os("SLUICE_REGENERATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, text, "write it anew with SLUICE_REGENERATE=1");
}

#[test]
fn every_version_advertised_is_known_to_the_codec_but_those_of_produce_before_3() {
    for Entry { api, versions, .. } in TABLE {
        for version in versions.clone() {
            let is_old_produce = *api == ApiKey::Produce && version < 3;
            assert_eq!(
                is_served(*api, version),
                !is_old_produce,
                "{api:?} {version}"
            );
        }
    }
}

#[test]
fn the_table_is_in_the_order_of_the_keys() {
    assert!(TABLE.is_sorted_by_key(|entry| entry.api.key()));
}
