//! The plot of a calibration: a dot for each row on a logarithmic axis of its ratio, with a line from the least to the most.
//!
//! A function of the rows alone: the same rows give the same bytes.

use super::{Calibration, FAR_OFF, Row, WORST};
use core::fmt::Write as _;

/// Pixels: of the names, of the axis, of a row, above the first row.
const NAMES: f64 = 330.0;
const AXIS: f64 = 460.0;
const LINE: f64 = 13.0;
const TOP: f64 = 34.0;

/// Powers of two that the axis has at its ends: beyond them a dot is at the end.
const LEFT: f64 = -8.0;
const RIGHT: f64 = 5.0;

/// Characters of a name that are drawn.
const CHARS_MAX: usize = 52;

/// Where a ratio is on the axis.
fn place(ratio: f64) -> f64 {
    let power = if ratio > 0.0 { ratio.log2() } else { LEFT };
    NAMES + (power.clamp(LEFT, RIGHT) - LEFT) / (RIGHT - LEFT) * AXIS
}

impl Calibration {
    /// The plot as an SVG.
    pub fn plot(&self) -> String {
        let classes: Vec<(&str, &[Row])> = self.classes().filter(|(class, _)| *class != WORST).collect();
        let lines: usize = classes.iter().map(|(_, rows)| rows.len() + 2).sum();
        let (width, height) = (NAMES + AXIS + 20.0, TOP + lines as f64 * LINE + 10.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"10\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
        );
        axis(&mut svg, height);
        let mut y = TOP;
        for (class, rows) in classes {
            y += LINE * 1.5;
            let _ = writeln!(svg, "<text x=\"4\" y=\"{y:.1}\" font-weight=\"bold\">{}</text>", escaped(class));
            for row in rows {
                y += LINE;
                dot(&mut svg, row, y);
            }
            y += LINE * 0.5;
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Lines at the powers of two, and a band in which no price is far off.
fn axis(svg: &mut String, height: f64) {
    let (left, right) = (place(1.0 / FAR_OFF), place(FAR_OFF));
    let band = right - left;
    let _ = writeln!(
        svg,
        "<rect x=\"{left:.1}\" y=\"{TOP}\" width=\"{band:.1}\" height=\"{:.1}\" fill=\"#e8f2e8\"/>",
        height - TOP - 8.0
    );
    let _ = writeln!(svg, "<text x=\"{NAMES}\" y=\"12\">times the time of ordinary code that a gas buys</text>");
    for power in [-8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0] {
        let (ratio, color) = (f64::exp2(power), if power == 0.0 { "#444" } else { "#ccc" });
        let (x, end) = (place(ratio), height - 8.0);
        let label = if power < 0.0 { format!("1/{}", 1.0 / ratio) } else { format!("{ratio}") };
        let _ = writeln!(svg, "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{end:.1}\" stroke=\"{color}\"/>");
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"28\" text-anchor=\"middle\">{label}</text>");
    }
}

fn dot(svg: &mut String, row: &Row, y: f64) {
    let color = if row.is_far_off() { "#b03020" } else { "#205080" };
    let (least, median, most) = (place(row.ratio.least), place(row.ratio.median), place(row.ratio.most));
    let (middle, name) = (y - 3.5, escaped(&row.name));
    let end = NAMES - 8.0;
    let _ = writeln!(svg, "<text x=\"{end}\" y=\"{y:.1}\" text-anchor=\"end\">{name}</text>");
    let _ = writeln!(
        svg,
        "<line x1=\"{least:.1}\" y1=\"{middle:.1}\" x2=\"{most:.1}\" y2=\"{middle:.1}\" stroke=\"{color}\"/><circle \
         cx=\"{median:.1}\" cy=\"{middle:.1}\" r=\"2.5\" fill=\"{color}\"/>"
    );
}

fn escaped(text: &str) -> String {
    let cut: String = text.chars().take(CHARS_MAX).collect();
    cut.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calibration::tests::few, measure::Spread};

    #[test]
    fn the_same_rows_give_the_same_bytes() {
        let plot = few().plot();
        assert_eq!(plot, Calibration::parse(&few().to_text()).unwrap().plot());
        // Two rows of numbers; what is measured at its worst is in the table alone.
        assert_eq!(plot.matches("<circle").count(), 2);
        assert!(plot.contains("f64.sqrt &lt;&amp;&gt;") && plot.contains("#b03020") && !plot.contains("Log"));
        assert!(plot.starts_with("<svg ") && plot.ends_with("</svg>\n"));
    }

    #[test]
    fn a_ratio_has_its_place_on_the_axis() {
        assert_eq!(place(f64::exp2(LEFT)), NAMES);
        assert_eq!(place(0.0), NAMES);
        assert_eq!(place(1e9), NAMES + AXIS);
        assert!(place(1.0) < place(2.0));
    }

    #[test]
    fn another_median_moves_the_dot() {
        let mut other = few();
        other.rows[0].ratio = Spread { median: 2.0, ..other.rows[0].ratio };
        assert_ne!(other.plot(), few().plot());
    }
}
