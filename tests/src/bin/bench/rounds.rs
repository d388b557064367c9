//! Samples of each side, and the row that compares them.

/// What one side was measured at, turn by turn.
#[derive(Debug, Default, Clone)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// The middle one; of an even number the mean of the middle two.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() % 2 {
            _ if sorted.is_empty() => f64::NAN,
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        }
    }

    fn lowest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    fn highest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }
}

impl std::fmt::Display for Samples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = match self.median() {
            median if median < 10.0 => 2,
            median if median < 1000.0 => 1,
            _ => 0,
        };
        let (median, lowest, highest) = (self.median(), self.lowest(), self.highest());
        write!(
            f,
            "{median:.digits$} ({lowest:.digits$}-{highest:.digits$})"
        )
    }
}

/// Prints a row of ours against a peer.
pub(crate) fn compare(what: &str, unit: &str, ours: &Samples, peer: &Samples) {
    println!(
        "| {what} | {unit} | {ours} | {peer} | {:.2} |",
        ours.median() / peer.median()
    );
}

/// Prints a row that has no peer.
pub(crate) fn tell(what: &str, unit: &str, ours: &Samples) {
    println!("| {what} | {unit} | {ours} | | |");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((Samples(vec![3.0, 1.0, 2.0]).median() - 2.0).abs() < 1e-9);
        assert!((Samples(vec![4.0, 1.0, 2.0, 3.0]).median() - 2.5).abs() < 1e-9);
        assert_eq!(Samples(vec![3.0, 1.0, 2.0]).to_string(), "2.00 (1.00-3.00)");
    }
}
