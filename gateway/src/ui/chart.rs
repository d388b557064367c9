//! Line charts as inline SVG.
//!
//! A chart is a function of its points. It carries the points in a `data-` attribute too, from which
//! the script draws the crosshair; without the script the chart is the same. Colours and strokes
//! belong to the stylesheet.

use std::fmt::Write;

use super::format;
use crate::monitor::sample::Millis;

/// Columns a chart is reduced to: more cannot be seen.
const COLUMNS_MAX: usize = 240;
/// Units of the view box; the stylesheet scales it to the width of the page.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 280.0;
const MARGIN_BOTTOM: f64 = 34.0;
/// Room for the label above the highest line of the grid.
const MARGIN_TOP: f64 = 30.0;
/// Lines of the grid above the lowest, about.
const STEPS: i128 = 3;

/// One line of a chart.
#[derive(Clone, Debug)]
pub struct Line {
    /// Name in the legend.
    pub name: &'static str,
    /// Class by which the stylesheet colours it.
    pub class: &'static str,
    /// Values, oldest first, one for each of the chart's times.
    pub values: Vec<i64>,
}

/// A chart of some lines over the same times.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What a reader who cannot see it is told.
    pub label: String,
    /// Times of the values, oldest first.
    pub times: Vec<Millis>,
    /// The lines; each has as many values as there are times.
    pub lines: Vec<Line>,
    /// Whether the axis begins at 0 whatever the values are.
    pub from_zero: bool,
}

/// Where numbers fall on the canvas.
struct Scale {
    from: Millis,
    to: Millis,
    low: i128,
    high: i128,
    step: i128,
}

impl Scale {
    /// The values at which there is a line across.
    fn grid(&self) -> impl Iterator<Item = i128> {
        let (high, step) = (self.high, self.step);
        std::iter::successors(Some(self.low), move |value| Some(value + step))
            .take_while(move |value| *value <= high)
    }

    fn x(&self, at: Millis) -> f64 {
        share(at.into(), self.from.into(), self.to.into()) * WIDTH
    }

    fn y(&self, value: i128) -> f64 {
        let height = HEIGHT - MARGIN_TOP - MARGIN_BOTTOM;
        MARGIN_TOP + (1.0 - share(value, self.low, self.high)) * height
    }
}

/// Where `value` lies between two others, from 0 to 1.
#[expect(
    clippy::as_conversions,
    reason = "a place on a canvas needs no more than an f64 has"
)]
fn share(value: i128, low: i128, high: i128) -> f64 {
    if low == high {
        0.0
    } else {
        (value - low) as f64 / (high - low) as f64
    }
}

/// The least of 1, 2, 5, 10, 20, 50, ... that covers `span` in [`STEPS`] steps.
fn round_step(span: i128) -> i128 {
    let mut power = 1_i128;
    loop {
        for step in [power, power * 2, power * 5] {
            if step * STEPS >= span {
                return step;
            }
        }
        power *= 10;
    }
}

impl Chart {
    /// The SVG, or nothing where there are not two points yet.
    #[must_use]
    pub fn svg(&self) -> Option<String> {
        let scale = self.scale()?;
        let kept = self.kept();
        let mut svg = String::new();
        let (label, data) = (escape(&self.label), escape(&self.data(&kept)));
        put(
            &mut svg,
            format_args!(
                "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{label}\" data-points=\"{data}\">"
            ),
        );
        for value in scale.grid() {
            let y = scale.y(value);
            put(
                &mut svg,
                format_args!(
                    "<line class=\"grid\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
                ),
            );
        }
        for line in &self.lines {
            let class = line.class;
            let path = path(&kept, &self.times, &line.values, &scale);
            put(
                &mut svg,
                format_args!("<path class=\"line {class}\" d=\"{path}\"/>"),
            );
        }
        Self::put_labels(&mut svg, &scale);
        svg.push_str("</svg>");
        Some(svg)
    }

    fn scale(&self) -> Option<Scale> {
        let (from, to) = (*self.times.first()?, *self.times.last()?);
        if from == to {
            return None;
        }
        let values = || {
            self.lines
                .iter()
                .flat_map(|line| line.values.iter().copied())
        };
        let low = i128::from(if self.from_zero { 0 } else { values().min()? });
        let high = i128::from(values().max()?).max(low + 1);
        let step = round_step(high - low);
        let low = low.div_euclid(step) * step;
        let steps = (high - low + step - 1).div_euclid(step);
        Some(Scale {
            from,
            to,
            low,
            high: low + steps * step,
            step,
        })
    }

    /// Indices of the points drawn: all, or as many as there are columns, the last always.
    fn kept(&self) -> Vec<usize> {
        let count = self.times.len();
        let step = count.div_ceil(COLUMNS_MAX).max(1);
        let offset = (count + step - 1) % step;
        (offset..count).step_by(step).collect()
    }

    /// The label of a line stands on it, so that the lines have the whole width.
    fn put_labels(svg: &mut String, scale: &Scale) {
        for value in scale.grid() {
            let (y, text) = (scale.y(value) - 5.0, format::count(value));
            put(
                svg,
                format_args!("<text x=\"0\" y=\"{y:.1}\">{text}</text>"),
            );
        }
        let ago = scale.to.saturating_sub(scale.from) / 1_000;
        let ago = format::duration(f64::from(i32::try_from(ago).unwrap_or(i32::MAX)));
        let y = HEIGHT - 8.0;
        put(
            svg,
            format_args!(
                "<text x=\"0\" y=\"{y}\">{ago} ago</text>\
             <text x=\"{WIDTH}\" y=\"{y}\" text-anchor=\"end\">now</text>"
            ),
        );
    }

    /// What the crosshair shows: the canvas, and for each point its place, time and values.
    fn data(&self, kept: &[usize]) -> String {
        let points = kept.iter().filter_map(|index| {
            let values: Option<Vec<i64>> = self
                .lines
                .iter()
                .map(|line| line.values.get(*index).copied())
                .collect();
            Some((*self.times.get(*index)?, values?))
        });
        let lines = self
            .lines
            .iter()
            .map(|line| (line.name, line.class))
            .collect::<Vec<_>>();
        let data = serde_json::json!({
            "width": WIDTH, "top": MARGIN_TOP, "bottom": HEIGHT - MARGIN_BOTTOM,
            "lines": lines, "points": points.collect::<Vec<_>>(),
        });
        data.to_string()
    }
}

/// A small chart of one line, without axes, for a row of a table.
#[must_use]
pub fn sparkline(times: &[Millis], values: &[i64]) -> Option<String> {
    let line = Line {
        name: "lag",
        class: "lag",
        values: values.to_vec(),
    };
    let chart = Chart {
        label: String::new(),
        times: times.to_vec(),
        lines: vec![line],
        from_zero: true,
    };
    let scale = chart.scale()?;
    let path = path(&chart.kept(), times, values, &scale);
    let height = HEIGHT - MARGIN_BOTTOM;
    Some(format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {height}\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><path class=\"line lag\" d=\"{path}\"/></svg>",
    ))
}

fn path(kept: &[usize], times: &[Millis], values: &[i64], scale: &Scale) -> String {
    let mut path = String::new();
    let mut command = 'M';
    for index in kept {
        if let (Some(at), Some(value)) = (times.get(*index), values.get(*index)) {
            let (x, y) = (scale.x(*at), scale.y((*value).into()));
            put(&mut path, format_args!("{command}{x:.1} {y:.1}"));
            command = 'L';
        }
    }
    path
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

/// Writing to a string cannot fail.
fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(count: i64) -> Chart {
        Chart {
            label: "lag of \"a\" & <b>".into(),
            times: (0..count).map(|index| index * 5_000).collect(),
            lines: vec![Line {
                name: "lag",
                class: "lag",
                values: (0..count).collect(),
            }],
            from_zero: true,
        }
    }

    #[test]
    fn a_chart_needs_two_moments() {
        assert_eq!(chart(0).svg(), None);
        assert_eq!(chart(1).svg(), None);
        assert!(chart(2).svg().is_some());
        assert_eq!(sparkline(&[5], &[1]), None);
    }

    #[test]
    fn the_line_runs_from_corner_to_corner() {
        let svg = chart(2).svg().unwrap();
        assert!(svg.contains("d=\"M0.0 246.0L720.0 30.0\""), "{svg}");
        assert!(svg.contains("5.0 s ago"), "{svg}");
    }

    #[test]
    fn more_points_than_columns_are_thinned_and_the_newest_stays() {
        let chart = chart(1_001);
        let kept = chart.kept();
        assert!(kept.len() <= COLUMNS_MAX, "{}", kept.len());
        assert_eq!(kept.last(), Some(&1_000));
    }

    #[test]
    fn names_are_escaped_in_attributes() {
        let svg = chart(2).svg().unwrap();
        assert!(
            svg.contains("aria-label=\"lag of &quot;a&quot; &amp; &lt;b>\""),
            "{svg}"
        );
        assert_eq!(svg.matches('"').count() % 2, 0);
    }

    #[test]
    fn values_at_the_edge_of_an_integer_stay_on_the_canvas() {
        let mut chart = chart(2);
        chart.lines[0].values = vec![i64::MIN, i64::MAX];
        chart.from_zero = false;
        let scale = chart.scale().unwrap();
        for value in [i64::MIN, i64::MAX] {
            let y = scale.y(value.into());
            assert!((MARGIN_TOP..=HEIGHT - MARGIN_BOTTOM).contains(&y), "{y}");
        }
    }

    #[test]
    fn the_grid_lies_at_round_numbers() {
        let mut chart = chart(2);
        chart.lines[0].values = vec![3_625, 7_354];
        chart.from_zero = false;
        let svg = chart.svg().unwrap();
        for label in [
            "2\u{202f}000<",
            "4\u{202f}000<",
            "6\u{202f}000<",
            "8\u{202f}000<",
        ] {
            assert!(svg.contains(label), "{label} is missing from {svg}");
        }
        assert_eq!([0, 1, 4, 7, 30].map(round_step), [1, 1, 2, 5, 10]);
    }
}
