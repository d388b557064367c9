//! The end-to-end suite, as one binary: each module is a theme.

#[cfg(test)]
mod oracle;
