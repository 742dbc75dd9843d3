//! Axes: where values stand, and which of them have names.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// One axis of a figure. Positions are values, or on a logarithmic axis their decimal logarithms.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What is measured, with its unit.
    pub(crate) title: String,
    /// Position of the beginning.
    pub(crate) from: f64,
    /// Position of the end.
    pub(crate) to: f64,
    /// Positions that have names.
    pub(crate) ticks: Vec<(f64, String)>,
    log: bool,
}

impl Axis {
    /// From 0 to at least `most`, about four names.
    pub(crate) fn linear(title: &str, most: f64, write: fn(f64) -> String) -> Axis {
        let most = if most > 0.0 { most } else { 1.0 };
        let rough = most / 4.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|step| step * decade)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let ticks = (0_u32..)
            .map(|tick| f64::from(tick) * step)
            .take_while(|tick| *tick <= most * 1.001)
            .map(|tick| (tick, write(tick)))
            .collect();
        Axis {
            title: title.to_owned(),
            from: 0.0,
            to: most,
            ticks,
            log: false,
        }
    }

    /// Logarithmic, a little wider than these values: names at every decade, or where there are
    /// few of them at 1, 2 and 5.
    pub(crate) fn log(title: &str, least: f64, most: f64, write: fn(f64) -> String) -> Axis {
        let (from, to) = (least.log10() - 0.1, most.log10() + 0.1);
        let steps: &[f64] = if to - from > 2.5 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let mut ticks = Vec::new();
        let mut decade = from.floor();
        while decade <= to {
            for step in steps {
                let value = step * 10_f64.powf(decade);
                if (from..=to).contains(&value.log10()) {
                    ticks.push((value.log10(), write(value)));
                }
            }
            decade += 1.0;
        }
        Axis {
            title: title.to_owned(),
            from,
            to,
            ticks,
            log: true,
        }
    }

    /// Logarithmic, with exactly these values named.
    pub(crate) fn named(title: &str, values: impl IntoIterator<Item = (f64, String)>) -> Axis {
        let ticks: Vec<(f64, String)> = values
            .into_iter()
            .map(|(value, name)| (value.log10(), name))
            .collect();
        let positions = || ticks.iter().map(|(position, _)| *position);
        let least = positions().fold(f64::INFINITY, f64::min);
        let most = positions().fold(f64::NEG_INFINITY, f64::max);
        let margin = 0.15 * (most - least).max(1.0);
        Axis {
            title: title.to_owned(),
            from: least - margin,
            to: most + margin,
            ticks,
            log: true,
        }
    }

    /// A row for each name, the first on top; row `n` is centred at [`Axis::row`].
    pub(crate) fn rows(names: &[String]) -> Axis {
        let ticks = (0..names.len())
            .map(|row| Axis::row(row, names.len()))
            .zip(names.iter().cloned())
            .collect();
        Axis {
            title: String::new(),
            from: 0.0,
            to: as_float(names.len()),
            ticks,
            log: false,
        }
    }

    /// The middle of row `row` of `rows`.
    pub(crate) fn row(row: usize, rows: usize) -> f64 {
        as_float(rows - row) - 0.5
    }

    /// The position of a value, kept on the axis.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let position = if self.log { value.log10() } else { value };
        position.clamp(self.from, self.to)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(clippy::cast_possible_truncation, reason = "a pixel of the figure")]
    fn map(&self, position: &f64, limit: (i32, i32)) -> i32 {
        let (begin, end) = (f64::from(limit.0), f64::from(limit.1));
        let part = (position - self.from) / (self.to - self.from);
        (begin + part * (end - begin)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // No lines between those that have names.
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.iter().map(|(position, _)| *position).collect()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(position: &f64) -> String {
        position.to_string()
    }

    fn format_ext(&self, position: &f64) -> String {
        let tick = self.ticks.iter().find(|(tick, _)| tick == position);
        tick.map(|(_, name)| name.clone()).unwrap_or_default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "no figure has 2^53 rows")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn round_values_are_named() {
        let plain = |value: f64| value.to_string();
        assert_eq!(
            names(&Axis::linear("", 9.0, plain)),
            ["0", "5"],
            "steps of 1, 2, 5"
        );
        assert_eq!(
            names(&Axis::linear("", 8.0, plain)),
            ["0", "2", "4", "6", "8"]
        );
        assert_eq!(
            names(&Axis::log("", 1.0, 20.0, plain)),
            ["1", "2", "5", "10", "20"]
        );
        assert_eq!(
            names(&Axis::log("", 1.0, 1000.0, plain)),
            ["1", "10", "100", "1000"]
        );
    }

    #[test]
    fn what_lies_outside_stands_at_the_end() {
        let axis = Axis::log("", 1.0, 10.0, |value| value.to_string());
        assert_eq!(axis.at(0.0), axis.from);
        assert_eq!(axis.at(1e9), axis.to);
        assert_eq!(axis.at(1.0), 0.0);
    }
}
