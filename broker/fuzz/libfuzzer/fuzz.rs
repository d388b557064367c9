//! One target of `sluice-fuzz`, named by `SLUICE_FUZZ_TARGET`, under libFuzzer. See `broker/fuzz/run`.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluice_fuzz::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("SLUICE_FUZZ_TARGET").unwrap_or_default();
    Target::named(&name).unwrap_or_else(|| panic!("SLUICE_FUZZ_TARGET names no target: {name:?}"))
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
