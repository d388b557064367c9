//! What must hold of every decoder of the protocol, whatever its input.
//!
//! A [`Target`] is a plain function that panics where a property fails, with valid samples to start
//! from. The properties: no panic; what decodes, encodes, and decodes to the same value; a frame in
//! chunks reads as the same frame in one piece; decompression ends at its limit.
//!
//! Each target runs in two ways:
//! * `cargo test -p sluice-fuzz`: a fixed number of seeded mutations, a few seconds in all. A failure
//!   prints the seed and the input. `SLUICE_FUZZ_SEED` draws the same again, `SLUICE_FUZZ_COUNT` more
//!   of it.
//! * by hand under libFuzzer, guided by coverage, with nightly Rust and a C++ compiler:
//!   `broker/fuzz/run TARGET -max_total_time=60`. That program is a package of its own, outside the
//!   workspace, so that nothing else waits for its build.

pub mod mutation;

mod batch;
mod message;
mod schema;

/// One decoder, its properties and samples.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Panics where a property does not hold of the input.
    pub run: fn(&[u8]),
    /// Valid input to start from.
    pub samples: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "frames",
        run: message::frames,
        samples: message::frame_samples,
    },
    Target {
        name: "requests",
        run: message::requests,
        samples: message::request_samples,
    },
    Target {
        name: "responses",
        run: message::responses,
        samples: message::response_samples,
    },
    Target {
        name: "schemas",
        run: schema::schemas,
        samples: schema::samples,
    },
    Target {
        name: "batches",
        run: batch::batches,
        samples: batch::batch_samples,
    },
    Target {
        name: "records",
        run: batch::records,
        samples: batch::record_samples,
    },
];

impl Target {
    /// The target of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TARGETS.iter().copied().find(|target| target.name == name)
    }
}

#[cfg(test)]
mod tests;
