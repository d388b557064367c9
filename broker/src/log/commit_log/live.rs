//! From where on the commit log is needed, as the recovery points say.
//!
//! It is what tells that extents are missing, or came from elsewhere: the extents alone cannot.

/// The first extent that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// The generation of the commit log. There is no later one.
    pub generation: u32,
    /// Its secret, which two data directories do not share; earlier versions did not say.
    pub secret: Option<u32>,
    /// Number of the extent.
    pub number: u64,
    /// Whether something in it is durable. The next flush may have begun it since.
    pub is_begun: bool,
}

impl Live {
    /// One that nothing was written into.
    #[must_use]
    pub const fn ahead(generation: u32, secret: Option<u32>, number: u64) -> Self {
        Self {
            generation,
            secret,
            number,
            is_begun: false,
        }
    }
}
