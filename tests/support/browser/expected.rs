//! The results of the scenarios: `scenarios/expected.txt`, which both browsers are held to.

use same_origin::browser::Engine;

use super::scenario::Scenario;

/// Blocks of `# name`, a line per request and result, and perhaps `--- chromium: why` with other lines.
const TEXT: &str = include_str!("scenarios/expected.txt");

/// The result of a scenario in one engine; `None` when it is not written down.
pub fn expected(scenario: &Scenario, engine: Engine) -> Option<String> {
    let (standard, chromium) = parts(scenario)?;
    let lines = match chromium {
        Some((_why, lines)) if engine == Engine::Chromium => lines,
        _ => standard,
    };
    Some(lines.to_owned())
}

/// The deviation of Chromium from the standard, in words.
pub fn why_different(scenario: &Scenario) -> Option<&'static str> {
    let (_, chromium) = parts(scenario)?;
    chromium.map(|(why, _)| why)
}

/// The lines of the standard; the reason and the lines of Chromium where they differ.
fn parts(scenario: &Scenario) -> Option<(&'static str, Option<(&'static str, &'static str)>)> {
    let (_, body) = blocks().find(|(name, _)| *name == scenario.name)?;
    let (standard, chromium) = body.split_once("--- chromium: ").unwrap_or((body, ""));
    Some((standard, chromium.split_once('\n')))
}

/// The names that are written down.
pub fn names() -> impl Iterator<Item = &'static str> {
    blocks().map(|(name, _)| name)
}

fn blocks() -> impl Iterator<Item = (&'static str, &'static str)> {
    TEXT.split("# ")
        .skip(1)
        .filter_map(|block| block.split_once('\n'))
}

/// Without the words that every message about CORS begins with.
pub fn abbreviated(report: &str) -> String {
    const POLICY: &str = "has been blocked by CORS policy: ";
    let short = |line: &str| match line.split_once(POLICY) {
        Some((_, policy)) => format!("! CORS: {policy}\n"),
        None => format!("{line}\n"),
    };
    report.lines().map(short).collect()
}
