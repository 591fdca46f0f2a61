//! The figures as Markdown, and as a chart.

use std::fmt::{self, Write};
use std::fs;
use std::time::Duration;

/// One proxy's figures in one case.
#[derive(Clone, Default)]
pub struct Cell {
    /// Of each round.
    pub took: Vec<Duration>,
    /// To the base of the same round.
    pub ratios: Vec<f64>,
}

impl Cell {
    pub fn micros(&self) -> f64 {
        let micros = self.took.iter().map(|took| took.as_secs_f64() * 1e6);
        median(micros.collect())
    }

    pub fn ratio(&self) -> f64 {
        median(self.ratios.clone())
    }
}

/// Fills in the ratios: to the first cell.
pub fn relate(cells: &mut [Cell]) {
    let base = cells[0].took.clone();
    for cell in cells {
        let rounds = cell.took.iter().zip(&base);
        cell.ratios = rounds
            .map(|(took, base)| took.as_secs_f64() / base.as_secs_f64())
            .collect();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(least) = self.ratios.iter().copied().reduce(f64::min) else {
            return f.write_str("–");
        };
        let greatest = self.ratios.iter().copied().fold(least, f64::max);
        write!(f, "{:.1} µs, ", self.micros())?;
        write!(f, "**{:.2}** ({least:.2}–{greatest:.2})", self.ratio())
    }
}

/// Rows of proxies, columns of cases.
pub struct Table {
    corner: &'static str,
    rows: Vec<String>,
    columns: Vec<(String, Vec<Cell>)>,
}

impl Table {
    pub fn new(corner: &'static str, rows: &[impl ToString]) -> Self {
        Self {
            corner,
            rows: rows.iter().map(ToString::to_string).collect(),
            columns: Vec::new(),
        }
    }

    pub fn column(&mut self, name: impl Into<String>, cells: Vec<Cell>) {
        self.columns.push((name.into(), cells));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.columns.iter().map(|(name, _)| name.as_str());
        writeln!(
            f,
            "| {} | {} |",
            self.corner,
            names.collect::<Vec<_>>().join(" | ")
        )?;
        writeln!(f, "|---|{}", "---|".repeat(self.columns.len()))?;
        for (index, row) in self.rows.iter().enumerate() {
            write!(f, "| {row} |")?;
            for (_, cells) in &self.columns {
                write!(f, " {} |", cells[index])?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/README.md");
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/proxy.svg");
const BEGIN: &str = "<!-- figures: cargo bench -p e2e --bench proxy -- --write -->\n";
const END: &str = "<!-- end of figures -->\n";

/// Puts the tables between their marks in the README, and draws the chart.
pub fn write(table: &Table, scale: &str) {
    let readme = fs::read_to_string(README).expect("benches/README.md");
    let (before, rest) = readme
        .split_once(BEGIN)
        .expect("the mark before the figures");
    let (_, after) = rest.split_once(END).expect("the mark after the figures");
    let readme = format!("{before}{BEGIN}\n{table}\n{scale}\n{END}{after}");
    fs::write(README, readme).expect("to write benches/README.md");
    fs::write(CHART, chart(table)).expect("to write the chart");
}

/// A bar for each proxy of the first case, whose shade fits light pages and dark ones.
fn chart(table: &Table) -> String {
    const BAR: usize = 26;
    let (name, cells) = &table.columns[0];
    let longest = cells.iter().map(Cell::micros).fold(0.0, f64::max);
    let height = 44 + cells.len() * BAR;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\" fill=\"#808080\" role=\"img\" \
         aria-label=\"CPU time per request, {name}\">\n\
         <text x=\"8\" y=\"20\" font-weight=\"bold\">CPU time per request, {name}, {} connections</text>\n",
        crate::CONNECTIONS
    );
    for (index, (row, cell)) in table.rows.iter().zip(cells).enumerate() {
        let (top, width) = (34 + index * BAR, cell.micros() / longest * 350.0);
        let colour = if row.starts_with("same-origin") {
            "#2f81f7"
        } else {
            "#9aa4b0"
        };
        let _ = writeln!(
            svg,
            "<text x=\"240\" y=\"{}\" text-anchor=\"end\">{row}</text>\
             <rect x=\"250\" y=\"{top}\" width=\"{width:.0}\" height=\"18\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{}\">{:.1} µs</text>",
            top + 14,
            258.0 + width,
            top + 14,
            cell.micros()
        );
    }
    svg.push_str("</svg>\n");
    svg
}
