//! Colours that colour-blind readers can tell apart, in a light and a dark form.
//!
//! After Okabe and Ito, "Color Universal Design" (2008), darkened or lightened to at least 3 : 1
//! against the page. A figure is drawn in the light form; a style sheet turns it dark, since a file
//! cannot know where it is shown. Shapes and labels always say the same as the colours.

use std::fmt::Write;

use plotters::style::RGBColor;

/// Behind a figure that is a file of its own.
const PAGE: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// Text and marks of the frame.
pub(crate) const INK: RGBColor = RGBColor(0x1C, 0x1E, 0x21);
/// Lesser text.
pub(crate) const MUTED: RGBColor = RGBColor(0x55, 0x5B, 0x61);
/// Lines of the grid.
pub(crate) const GRID: RGBColor = RGBColor(0xDA, 0xDD, 0xE1);
/// Blue.
pub(crate) const BLUE: RGBColor = RGBColor(0x00, 0x6B, 0xA8);
/// Vermilion.
pub(crate) const VERMILION: RGBColor = RGBColor(0xC2, 0x4E, 0x00);
/// Bluish green.
pub(crate) const GREEN: RGBColor = RGBColor(0x00, 0x80, 0x60);
/// Reddish purple.
pub(crate) const PURPLE: RGBColor = RGBColor(0xA0, 0x4F, 0x88);
/// Orange yellow.
pub(crate) const YELLOW: RGBColor = RGBColor(0xA8, 0x7C, 0x00);
/// Neither.
pub(crate) const GREY: RGBColor = RGBColor(0x8A, 0x90, 0x97);

const DARK: [(RGBColor, &str); 10] = [
    (PAGE, "#16181B"),
    (INK, "#F1F3F4"),
    (MUTED, "#B4BAC0"),
    (GRID, "#3C4046"),
    (BLUE, "#56B4E9"),
    (VERMILION, "#FF8A4C"),
    (GREEN, "#35C79A"),
    (PURPLE, "#E29BC9"),
    (YELLOW, "#F0C242"),
    (GREY, "#8A9097"),
];

/// A figure's background, for where nobody knows what it is shown on.
pub(crate) fn background() -> String {
    let RGBColor(red, green, blue) = PAGE;
    format!("<rect width=\"100%\" height=\"100%\" fill=\"#{red:02X}{green:02X}{blue:02X}\"/>")
}

/// The rules that turn the colours dark where the reader prefers that, each behind `scope`.
pub(crate) fn style(scope: &str) -> String {
    let mut rules = String::from("@media (prefers-color-scheme: dark) {\n");
    for (RGBColor(red, green, blue), dark) in DARK {
        for property in ["fill", "stroke"] {
            writeln!(
                rules,
                "{scope}[{property}=\"#{red:02X}{green:02X}{blue:02X}\"] {{ {property}: {dark} }}"
            )
            .expect("a string takes all");
        }
    }
    rules + "}\n"
}
