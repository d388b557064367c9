//! Numbers, ages and sizes as people read them.

use std::fmt::Write;

/// A count with its thousands apart: `1 234 567`, with narrow no-break spaces.
#[must_use]
pub fn count(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A span of time in its two largest units: `3 h 5 m`, `42 s`, `0.8 s`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 0.05 {
        return "0 s".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole =
        std::time::Duration::try_from_secs_f64(seconds.round()).unwrap_or(std::time::Duration::MAX);
    let whole = whole.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut text = String::new();
    let mut rest = whole;
    let mut shown = 0;
    for (unit, size) in units {
        if rest >= size && shown < 2 {
            let separator = if shown == 0 { "" } else { " " };
            write!(text, "{separator}{} {unit}", rest / size).unwrap_or_default();
            shown += 1;
        }
        rest %= size;
    }
    text
}

/// A size in the largest binary unit that keeps it above one: `1.5 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in units {
        let tenths = bytes.saturating_mul(10) >> shift;
        if tenths >= 10 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_their_thousands_apart() {
        let shown: Vec<_> = [0_i64, 999, 1_000, -1_234_567]
            .into_iter()
            .map(count)
            .collect();
        assert_eq!(
            shown,
            ["0", "999", "1\u{202f}000", "-1\u{202f}234\u{202f}567"]
        );
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        let shown: Vec<_> = [
            0.04,
            9.9,
            10.0,
            61.0,
            3_600.0,
            11_100.4,
            900_000.0,
            f64::MAX,
        ]
        .into_iter()
        .map(duration)
        .collect();
        let years = "213503982334601 d 7 h";
        assert_eq!(
            shown,
            [
                "0 s",
                "9.9 s",
                "10 s",
                "1 m 1 s",
                "1 h",
                "3 h 5 m",
                "10 d 10 h",
                years
            ]
        );
    }

    #[test]
    fn sizes_show_one_decimal_of_the_unit_that_fits() {
        let shown: Vec<_> = [0, 1_023, 1_024, 1_572_864, u64::MAX]
            .into_iter()
            .map(bytes)
            .collect();
        assert_eq!(
            shown,
            ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "1677721.5 TiB"]
        );
    }
}
