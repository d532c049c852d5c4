//! The charts: bars on a logarithmic scale, in SVG.

use crate::{figures::Group, page::Page};
use anyhow::anyhow;
use plotters::prelude::*;
use std::path::Path;

const WIDTH: u32 = 900;
const ROW: u32 = 26;

/// A bar: its name and its length.
type Bar = (String, f64);

/// The geometric means of the kernels.
pub(crate) fn kernels(page: &Page<'_>, path: &Path) -> anyhow::Result<()> {
    let bars = page.present(Group::Kernel).into_iter();
    let bars = bars.filter_map(|at| {
        let (mean, part) = page.mean(at)?;
        Some((format!("{}{part}", page.programs[at].peer.title), mean))
    });
    let title = "Kernels: times the time of wasmi 2.0.0 without metering (geometric mean; shorter is faster)";
    draw(path, title, &bars.collect::<Vec<_>>())
}

/// Transfers and nested calls.
pub(crate) fn whole(page: &Page<'_>, path: &Path) -> anyhow::Result<()> {
    let mut bars = Vec::new();
    for measured in page.group(Group::Whole) {
        for (program, taken) in page.programs.iter().zip(&measured.taken) {
            let name = format!("{}: {}", measured.figure.name(), program.peer.id);
            bars.extend(taken.median().map(|nanoseconds| (name, nanoseconds / 1e3)));
        }
    }
    draw(path, "Whole transactions: microseconds (shorter is faster)", &bars)
}

fn draw(path: &Path, title: &str, bars: &[Bar]) -> anyhow::Result<()> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("{}: {error}", path.display());
    let (Some(low), Some(high)) =
        (bars.iter().map(|bar| bar.1).reduce(f64::min), bars.iter().map(|bar| bar.1).reduce(f64::max))
    else {
        return Ok(());
    };
    let rows = bars.len();
    let height = ROW * u32::try_from(rows)? + 90;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let font = |size: u32| ("sans-serif", size).into_font();
    let mut chart = ChartBuilder::on(&area)
        .caption(title, font(16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(330)
        .build_cartesian_2d((low / 2.0..high * 2.5).log_scale(), (0..rows).into_segmented())
        .map_err(|error| failed(&error))?;
    // The first bar is the uppermost.
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) => bars.iter().rev().nth(*at).map(|bar| bar.0.clone()).unwrap_or_default(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(WHITE)
        .y_labels(rows + 1)
        .y_label_formatter(&name)
        .x_label_formatter(&|x| format!("{x}"))
        .label_style(font(13))
        .draw()
        .map_err(|error| failed(&error))?;
    for (at, (name, value)) in bars.iter().rev().enumerate() {
        let color =
            if name.to_lowercase().contains("lockstep") { RGBColor(200, 80, 30) } else { RGBColor(90, 120, 170) };
        let corners = [(low / 2.0, SegmentValue::Exact(at)), (*value, SegmentValue::Exact(at + 1))];
        let mut bar = Rectangle::new(corners, color.filled());
        bar.set_margin(4, 4, 0, 0);
        let label = if *value < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") };
        let number = Text::new(label, (*value * 1.05, SegmentValue::CenterOf(at)), font(12));
        chart.draw_series([bar]).map_err(|error| failed(&error))?;
        chart.draw_series([number]).map_err(|error| failed(&error))?;
    }
    area.present().map_err(|error| failed(&error))
}
