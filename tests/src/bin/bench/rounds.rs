//! Samples of each side, the rows that compare them, and what was promised.

use crate::{Extent, WHOLE};

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

/// What the project promises of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Promise {
    /// No less.
    AtLeast(f64),
    /// No more.
    AtMost(f64),
    /// Nothing.
    Nothing,
}

impl Promise {
    /// No more, of a 99th percentile: two short turns say nothing of the slowest, whatever the slack.
    pub(crate) const fn of_tail(most: f64, extent: Extent) -> Self {
        match extent.rounds < WHOLE.rounds {
            true => Self::Nothing,
            false => Self::AtMost(most),
        }
    }

    /// Whether `found` is what was promised, or worse by no more than the factor `slack`.
    fn is_kept(self, found: f64, slack: f64) -> bool {
        match self {
            Self::AtLeast(least) => found * slack >= least,
            Self::AtMost(most) => found <= most * slack,
            Self::Nothing => true,
        }
    }
}

impl std::fmt::Display for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {}", short(*least)),
            Self::AtMost(most) => write!(f, "at most {}", short(*most)),
            Self::Nothing => Ok(()),
        }
    }
}

/// A number with two digits behind the point at most.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The table of results on standard output, in Markdown.
#[derive(Debug)]
pub(crate) struct Table {
    slack: f64,
    broken: Vec<String>,
}

impl Table {
    /// Prints the head. A promise missed by more than the factor `slack` is broken.
    pub(crate) fn begin(slack: f64) -> Self {
        println!("| what | unit | ours | peer | ratio | promised | kept |");
        println!("|---|---|---|---|---|---|---|");
        let broken = Vec::new();
        Self { slack, broken }
    }

    /// Prints a row of ours against a peer; the promise is about the ratio.
    pub(crate) fn compare(
        &mut self,
        what: &str,
        unit: &str,
        [ours, peer]: [&Samples; 2],
        promise: Promise,
    ) {
        let ratio = ours.median() / peer.median();
        let shown = match promise {
            Promise::Nothing => String::new(),
            promise => format!("{promise} x"),
        };
        let kept = self.check(what, ratio, promise);
        println!("| {what} | {unit} | {ours} | {peer} | {ratio:.2} | {shown} | {kept} |");
    }

    /// Prints a row of ours beside a peer's; the promise is about ours.
    pub(crate) fn tell_beside(
        &mut self,
        what: &str,
        unit: &str,
        [ours, peer]: [&Samples; 2],
        promise: Promise,
    ) {
        let ratio = ours.median() / peer.median();
        let kept = self.check(what, ours.median(), promise);
        println!("| {what} | {unit} | {ours} | {peer} | {ratio:.2} | {promise} | {kept} |");
    }

    /// Prints a row that has no peer.
    pub(crate) fn tell(&mut self, what: &str, unit: &str, ours: &Samples, promise: Promise) {
        let kept = self.check(what, ours.median(), promise);
        println!("| {what} | {unit} | {ours} | | | {promise} | {kept} |");
    }

    /// Prints a row that could not be measured.
    pub(crate) fn leave_out(&self, what: &str, reason: &str) {
        println!("| {what} | | left out: {reason} | | | | |");
    }

    /// Notes a promise that is broken; whether it is kept to the letter.
    fn check(&mut self, what: &str, found: f64, promise: Promise) -> &'static str {
        if !promise.is_kept(found, self.slack) {
            self.broken
                .push(format!("{what}: {found:.2} where {promise} is promised"));
        }
        match promise {
            Promise::Nothing => "",
            promise if promise.is_kept(found, 1.0) => "yes",
            _ => "no",
        }
    }

    /// The promises that are broken, a line each.
    pub(crate) fn broken(&self) -> &[String] {
        &self.broken
    }
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

    #[test]
    fn a_promise_is_told_in_few_digits() {
        assert_eq!(Promise::AtMost(1.0 / 3.0).to_string(), "at most 0.33");
        assert_eq!(Promise::AtLeast(1.2).to_string(), "at least 1.2");
        assert_eq!(Promise::AtLeast(100_000.0).to_string(), "at least 100000");
    }

    #[test]
    fn a_promise_is_broken_beyond_the_slack() {
        let least = Promise::AtLeast(0.8);
        assert!(least.is_kept(0.8, 1.0) && least.is_kept(0.4, 2.0));
        assert!(!least.is_kept(0.7, 1.0) && !least.is_kept(0.3, 2.0));
        let most = Promise::AtMost(40.0);
        assert!(most.is_kept(40.0, 1.0) && most.is_kept(80.0, 2.0));
        assert!(!most.is_kept(41.0, 1.0) && !most.is_kept(81.0, 2.0));
        assert!(!least.is_kept(f64::NAN, 1.0) && !most.is_kept(f64::NAN, 1.0));
        assert!(Promise::Nothing.is_kept(f64::NAN, 1.0));
    }
}
