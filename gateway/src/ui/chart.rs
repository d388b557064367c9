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
const HEIGHT: f64 = 180.0;
const MARGIN_LEFT: f64 = 72.0;
const MARGIN_BOTTOM: f64 = 22.0;
const MARGIN_TOP: f64 = 8.0;

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
    low: i64,
    high: i64,
}

impl Scale {
    fn x(&self, at: Millis) -> f64 {
        MARGIN_LEFT + share(at, self.from, self.to) * (WIDTH - MARGIN_LEFT - 4.0)
    }

    fn y(&self, value: i64) -> f64 {
        let height = HEIGHT - MARGIN_TOP - MARGIN_BOTTOM;
        MARGIN_TOP + (1.0 - share(value, self.low, self.high)) * height
    }
}

/// Where `value` lies between two others, from 0 to 1.
#[expect(
    clippy::as_conversions,
    reason = "a place on a canvas needs no more than an f64 has"
)]
fn share(value: i64, low: i64, high: i64) -> f64 {
    let span = i128::from(high) - i128::from(low);
    if span == 0 {
        0.0
    } else {
        (i128::from(value) - i128::from(low)) as f64 / span as f64
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
        self.put_axes(&mut svg, &scale);
        for line in &self.lines {
            let class = line.class;
            let path = path(&kept, &self.times, &line.values, &scale);
            put(
                &mut svg,
                format_args!("<path class=\"line {class}\" d=\"{path}\"/>"),
            );
        }
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
        let low = if self.from_zero { 0 } else { values().min()? };
        let high = values().max()?.max(low.saturating_add(1));
        Some(Scale {
            from,
            to,
            low,
            high,
        })
    }

    /// Indices of the points drawn: all, or as many as there are columns, the last always.
    fn kept(&self) -> Vec<usize> {
        let count = self.times.len();
        let step = count.div_ceil(COLUMNS_MAX).max(1);
        let offset = (count + step - 1) % step;
        (offset..count).step_by(step).collect()
    }

    fn put_axes(&self, svg: &mut String, scale: &Scale) {
        for part in 0..=2 {
            let span = i128::from(scale.high) - i128::from(scale.low);
            let value = i128::from(scale.low) + span * part / 2;
            let y = scale.y(i64::try_from(value).unwrap_or(scale.high));
            let text = format::count(value);
            put(
                svg,
                format_args!(
                    "<line class=\"grid\" x1=\"{MARGIN_LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                    MARGIN_LEFT - 6.0,
                    y + 4.0,
                ),
            );
        }
        let ago = scale.to.saturating_sub(scale.from) / 1_000;
        let ago = format::duration(f64::from(i32::try_from(ago).unwrap_or(i32::MAX)));
        let y = HEIGHT - 6.0;
        put(
            svg,
            format_args!(
                "<text x=\"{MARGIN_LEFT}\" y=\"{y}\">{ago} ago</text>\
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
            "left": MARGIN_LEFT, "right": WIDTH - 4.0, "width": WIDTH,
            "top": MARGIN_TOP, "bottom": HEIGHT - MARGIN_BOTTOM,
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
        "<svg class=\"spark\" viewBox=\"{MARGIN_LEFT} 0 {} {height}\" \
         preserveAspectRatio=\"none\" aria-hidden=\"true\"><path class=\"line lag\" d=\"{path}\"/></svg>",
        WIDTH - MARGIN_LEFT,
    ))
}

fn path(kept: &[usize], times: &[Millis], values: &[i64], scale: &Scale) -> String {
    let mut path = String::new();
    let mut command = 'M';
    for index in kept {
        if let (Some(at), Some(value)) = (times.get(*index), values.get(*index)) {
            let (x, y) = (scale.x(*at), scale.y(*value));
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
        assert!(svg.contains("d=\"M72.0 158.0L716.0 8.0\""), "{svg}");
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
        assert!(chart.svg().unwrap().contains("d=\"M72.0 158.0L716.0 8.0\""));
    }
}
