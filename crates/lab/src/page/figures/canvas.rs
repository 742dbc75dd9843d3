//! One figure: its frame, its axes, its legend, and the marks that stand in it.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::element::{
    Circle, DynElement, EmptyElement, IntoDynElement, PathElement, Polygon, Rectangle,
};
use plotters::prelude::{Cartesian2d, DrawingArea, IntoDrawingArea, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

use report::Spread;

use super::axis::Axis;
use super::palette::{self, GRID, INK, MUTED};

/// The width of every figure; its height is its own. Units of the drawing, about a pixel each.
pub(crate) const WIDTH: u32 = 400;
const HEAD: u32 = 26;
const LEGEND_LINE: u32 = 18;
const FONT: &str = "sans-serif";
/// The drawing library writes text at four fifths of the requested size.
const FONT_SIZE: u32 = 16;
/// Generous: without font files a text's width is only known about.
const CHARACTER: f64 = 7.6;

/// A drawn figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// The name of its file.
    pub(crate) name: String,
    title: String,
    svg: String,
}

/// Everything about a figure but what stands in it.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// The name of its file.
    pub(crate) name: String,
    /// What it shows.
    pub(crate) title: String,
    /// Height of the plot itself.
    pub(crate) height: u32,
    /// Room for the names of the vertical axis.
    pub(crate) left: u32,
    /// The horizontal axis.
    pub(crate) x: &'a Axis,
    /// The vertical axis.
    pub(crate) y: &'a Axis,
    /// What the marks mean.
    pub(crate) legend: &'a [Key],
}

/// One entry of a legend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    /// How it looks.
    pub(crate) mark: Mark,
    /// In which colour.
    pub(crate) colour: RGBColor,
    /// What it means.
    pub(crate) means: &'static str,
}

/// The shapes of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A filled circle.
    Disc,
    /// A filled triangle.
    Triangle,
    /// A filled square.
    Square,
    /// A square.
    Box,
    /// A filled bar.
    Bar,
    /// A filled bar of half the height.
    LowBar,
    /// A dashed line.
    Dashes,
    /// A line with ends.
    Whisker,
}

/// Where marks are put, in positions of the axes.
pub(crate) struct Canvas<'a, 'b>(ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>);

impl Figure {
    /// Draws a figure: the frame, and in it what `fill` puts there.
    ///
    /// # Errors
    ///
    /// Those of the drawing library.
    pub(crate) fn draw(
        frame: Frame<'_>,
        fill: impl FnOnce(&mut Canvas<'_, '_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Figure> {
        let lines = legend_lines(frame.legend);
        let top = HEAD + LEGEND_LINE * u32::try_from(lines.len())?;
        let bottom = if frame.x.title.is_empty() { 24 } else { 42 };
        let height = top + frame.height + bottom + 8;
        let mut svg = String::new();
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            let title = style(f64::from(FONT_SIZE) * 1.1, INK);
            root.draw_text(&frame.title, &title, (6, 6))?;
            draw_legend(&root, &lines)?;
            let (_, plot) = root.split_vertically(top);
            let mut chart = ChartBuilder::on(&plot)
                .margin_right(26)
                .margin_top(6)
                .x_label_area_size(bottom)
                .y_label_area_size(frame.left)
                .build_cartesian_2d(frame.x.clone(), frame.y.clone())?;
            let rows = frame.y.title.is_empty();
            let mut mesh = chart.configure_mesh();
            if rows {
                mesh.disable_y_mesh();
            }
            mesh.x_desc(&frame.x.title)
                .y_desc(&frame.y.title)
                .label_style(style(f64::from(FONT_SIZE), MUTED))
                .axis_desc_style(style(f64::from(FONT_SIZE), MUTED))
                .axis_style(GRID)
                .bold_line_style(GRID)
                .light_line_style(ShapeStyle::from(GRID.mix(0.0)))
                .draw()?;
            fill(&mut Canvas(chart))?;
            root.present()?;
        }
        Ok(Figure {
            name: frame.name,
            title: frame.title,
            svg,
        })
    }

    /// The figure as a file of its own.
    pub(crate) fn file(&self) -> String {
        let style = palette::style("");
        self.with(&format!("<style>{style}</style>{}", palette::background()))
    }

    /// The figure as a part of a page that has the palette's style.
    pub(crate) fn inline(&self) -> String {
        self.with("")
    }

    fn with(&self, inside: &str) -> String {
        let titled = format!(
            "<svg role=\"img\" aria-label=\"{0}\" ",
            escaped(&self.title)
        );
        let svg = self.svg.replacen("<svg ", &titled, 1);
        svg.replacen(
            '>',
            &format!(">\n<title>{}</title>{inside}", escaped(&self.title)),
            1,
        )
    }
}

impl Canvas<'_, '_> {
    /// A mark at a position.
    pub(crate) fn mark(
        &mut self,
        mark: Mark,
        colour: RGBColor,
        at: (f64, f64),
    ) -> anyhow::Result<()> {
        self.0.plotting_area().draw(&element(mark, colour, at))?;
        Ok(())
    }

    /// A filled rectangle between two corners.
    pub(crate) fn block(
        &mut self,
        colour: RGBColor,
        corners: [(f64, f64); 2],
    ) -> anyhow::Result<()> {
        self.0
            .draw_series([Rectangle::new(corners, colour.filled())])?;
        Ok(())
    }

    /// A line through positions.
    pub(crate) fn line(
        &mut self,
        colour: RGBColor,
        width: u32,
        through: Vec<(f64, f64)>,
    ) -> anyhow::Result<()> {
        let style = colour.stroke_width(width);
        self.0.draw_series([PathElement::new(through, style)])?;
        Ok(())
    }

    /// The minimum and the maximum of several figures, along a row.
    pub(crate) fn whisker(&mut self, spread: &Spread, middle: f64) -> anyhow::Result<()> {
        self.line(INK, 2, vec![(spread.min, middle), (spread.max, middle)])?;
        for end in [spread.min, spread.max] {
            self.line(INK, 2, vec![(end, middle - 0.2), (end, middle + 0.2)])?;
        }
        Ok(())
    }

    /// A dashed line at a position of the horizontal axis, as high as the figure.
    pub(crate) fn dashed_rise(&mut self, colour: RGBColor, x: f64, y: &Axis) -> anyhow::Result<()> {
        let dash = (y.to - y.from) / 30.0;
        let mut begin = y.from;
        while begin < y.to {
            let end = (begin + dash).min(y.to);
            self.line(colour, 2, vec![(x, begin), (x, end)])?;
            begin += dash * 2.0;
        }
        Ok(())
    }

    /// A small text that begins at a position.
    pub(crate) fn text(&mut self, text: &str, at: (f64, f64)) -> anyhow::Result<()> {
        let style = style(f64::from(FONT_SIZE) * 0.9, INK).pos(Pos::new(HPos::Left, VPos::Center));
        let text = plotters::element::Text::new(text.to_owned(), (6, 0), style);
        self.0.draw_series([EmptyElement::at(at) + text])?;
        Ok(())
    }
}

/// Room for the longest of these names, in front of the vertical axis.
pub(crate) fn room(names: &[String]) -> u32 {
    let letters = names.iter().map(|name| name.chars().count()).max();
    let letters = u32::try_from(letters.unwrap_or(0)).unwrap_or(u32::MAX);
    // Letters of the widest common font: a label that is cut off is worse than a narrow plot.
    16 + letters.saturating_mul(15) / 2
}

fn style(size: f64, colour: RGBColor) -> TextStyle<'static> {
    (FONT, size).into_font().color(&colour)
}

/// A legend's entries with their places, as many in a line as fit.
fn legend_lines(legend: &[Key]) -> Vec<Vec<(i32, Key)>> {
    let mut lines: Vec<Vec<(i32, Key)>> = Vec::new();
    let mut x = f64::INFINITY;
    for key in legend {
        let letters = u32::try_from(key.means.chars().count()).unwrap_or(u32::MAX);
        let width = 34.0 + f64::from(letters) * CHARACTER;
        if x + width > f64::from(WIDTH) {
            lines.push(Vec::new());
            x = 14.0;
        }
        #[expect(clippy::cast_possible_truncation, reason = "below the figure's width")]
        lines.last_mut().expect("pushed").push((x as i32, *key));
        x += width;
    }
    lines
}

fn draw_legend(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    lines: &[Vec<(i32, Key)>],
) -> anyhow::Result<()> {
    let text = style(f64::from(FONT_SIZE), INK).pos(Pos::new(HPos::Left, VPos::Center));
    let mut y = i32::try_from(HEAD + LEGEND_LINE / 2)?;
    for line in lines {
        for (x, key) in line {
            root.draw(&element(key.mark, key.colour, (*x, y)))?;
            root.draw_text(key.means, &text, (x + 14, y))?;
        }
        y += i32::try_from(LEGEND_LINE)?;
    }
    Ok(())
}

/// A mark of a fixed size, wherever it stands.
fn element<'b, At: Clone + 'b>(
    mark: Mark,
    colour: RGBColor,
    at: At,
) -> DynElement<'b, SVGBackend<'b>, At> {
    let (fill, line) = (colour.filled(), colour.stroke_width(2));
    let at = EmptyElement::at(at);
    match mark {
        Mark::Disc => (at + Circle::new((0, 0), 5, fill)).into_dyn(),
        Mark::Triangle => (at + Polygon::new([(0, -6), (6, 5), (-6, 5)], fill)).into_dyn(),
        Mark::Square => (at + Rectangle::new([(-5, -5), (5, 5)], fill)).into_dyn(),
        Mark::Box => (at + Rectangle::new([(-4, -4), (4, 4)], line)).into_dyn(),
        Mark::Bar => (at + Rectangle::new([(-8, -5), (8, 5)], fill)).into_dyn(),
        Mark::LowBar => (at + Rectangle::new([(-8, -2), (8, 2)], fill)).into_dyn(),
        Mark::Dashes => (at
            + PathElement::new([(-9, 0), (-3, 0)], line)
            + PathElement::new([(3, 0), (9, 0)], line))
        .into_dyn(),
        Mark::Whisker => (at
            + PathElement::new([(-8, 0), (8, 0)], line)
            + PathElement::new([(-8, -4), (-8, 4)], line)
            + PathElement::new([(8, -4), (8, 4)], line))
        .into_dyn(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
