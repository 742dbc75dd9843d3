//! Every run as a dot on one logarithmic scale: the column of a table whose text stays text, however narrow the
//! window is.

use maud::{Markup, html};

use harness::grid::tick;

/// The scale that all rows of a table share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    /// Wide enough for these times; none where there is no time above 0.
    pub(crate) fn of(seconds: impl IntoIterator<Item = f64>) -> Option<Scale> {
        let times = seconds.into_iter().filter(|seconds| *seconds > 0.0);
        let (least, most) = times.fold((f64::INFINITY, 0.0_f64), |(least, most), seconds| {
            (least.min(seconds), most.max(seconds))
        });
        (most > 0.0).then(|| Scale {
            from: least.log10() - 0.05,
            to: most.log10() + 0.05,
        })
    }

    /// Where a time stands, in percent of the width.
    pub(crate) fn place(&self, seconds: f64) -> f64 {
        let part = (seconds.max(f64::MIN_POSITIVE).log10() - self.from) / (self.to - self.from);
        (part * 100.0).clamp(0.0, 100.0)
    }

    /// The times that have names: decades, or where there are few of them 1, 2 and 5.
    fn ticks(&self) -> Vec<f64> {
        let steps: &[f64] = match self.to - self.from {
            wide if wide > 2.2 => &[1.0],
            middle if middle > 1.1 => &[1.0, 3.0],
            _ => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
        };
        let mut ticks = Vec::new();
        let mut decade = self.from.floor();
        while decade <= self.to {
            ticks.extend(steps.iter().map(|step| step * 10_f64.powf(decade)));
            decade += 1.0;
        }
        // Names need room to the next and to the ends.
        let mut last = f64::NEG_INFINITY;
        ticks.retain(|tick| {
            let place = (tick.log10() - self.from) / (self.to - self.from) * 100.0;
            let fits = (4.0..=92.0).contains(&place) && place - last > 20.0;
            if fits {
                last = place;
            }
            fits
        });
        ticks
    }
}

/// The names of the scale, for the head of the column.
pub(crate) fn axis(scale: &Scale) -> Markup {
    html! {
        span.axis aria-hidden="true" {
            @for seconds in scale.ticks() {
                span style=(left(scale, seconds)) { (tick(seconds)) }
            }
        }
    }
}

/// The runs of a row, and their median.
pub(crate) fn strip(scale: &Scale, runs: &[f64], median: Option<f64>, plain: bool) -> Markup {
    html! {
        div.strip.plain[plain] {
            @for seconds in scale.ticks() { i style=(left(scale, seconds)) {} }
            @if let Some(median) = median { b style=(left(scale, median)) {} }
            @for seconds in runs { s style=(left(scale, *seconds)) data-seconds=(seconds) {} }
        }
    }
}

fn left(scale: &Scale, seconds: f64) -> String {
    format!("left:{:.2}%", scale.place(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_in_their_order_within_the_strip() {
        let scale = Scale::of([0.1, 0.2, 4.0]).unwrap();
        let places = [0.1, 0.2, 4.0].map(|seconds| scale.place(seconds));
        assert!(places[0] > 0.0 && places[0] < places[1]);
        assert!(places[1] < places[2] && places[2] < 100.0);
        assert_eq!(Scale::of([0.0]), None);
    }

    #[test]
    fn names_of_a_scale_do_not_meet() {
        for most in [1.1, 1.5, 3.0, 12.0, 150.0, 4000.0] {
            let scale = Scale::of([1.0, most]).unwrap();
            let places: Vec<f64> = scale
                .ticks()
                .iter()
                .map(|tick| scale.place(*tick))
                .collect();
            assert!(
                places.windows(2).all(|pair| pair[1] - pair[0] > 20.0),
                "{places:?}"
            );
        }
    }
}
