//! The results of the scenarios: `scenarios/expected.txt`, which all browsers are held to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use same_origin::browser::Engine;

use super::scenario::Scenario;

/// Blocks of `# name` and a line per request and result; behind it, `--- chromium, webkit: why` with the
/// lines of the browsers that do otherwise. A second reason, `; why`, is another deviation. What the simulated
/// browser does not act out has `(not simulated)` before the colon.
const TEXT: &str = include_str!("scenarios/expected.txt");

/// The browsers, as the headlines name them.
const ENGINES: [(Engine, &str); 3] = [
    (Engine::Chromium, "chromium"),
    (Engine::Firefox, "firefox"),
    (Engine::WebKit, "webkit"),
];

const NOT_SIMULATED: &str = " (not simulated)";

/// Deviations of some browsers.
struct Deviation {
    engines: &'static str,
    is_simulated: bool,
    why: &'static str,
    lines: &'static str,
}

/// The result of a scenario in one engine; `None` when it is not written down.
pub fn expected(scenario: &Scenario, engine: Engine) -> Option<String> {
    let (standard, deviations) = parts(scenario.name)?;
    let own = deviations.iter().find(|one| one.is_of(engine));
    Some(own.map_or(standard, |one| one.lines).to_owned())
}

/// The deviation of an engine from the standard, in words.
pub fn why_different(scenario: &Scenario, engine: Engine) -> Option<&'static str> {
    let (_, deviations) = parts(scenario.name)?;
    let own = deviations.into_iter().find(|one| one.is_of(engine))?;
    Some(own.why)
}

/// Whether the simulated browser does in this engine as the real one does.
pub fn is_simulated(scenario: &Scenario, engine: Engine) -> bool {
    let deviations = parts(scenario.name).map_or(Vec::new(), |(_, deviations)| deviations);
    let own = deviations.into_iter().find(|one| one.is_of(engine));
    own.is_none_or(|one| one.is_simulated)
}

/// The table of all deviations: what differs, in whom, and in how many scenarios it shows.
pub fn deviations() -> String {
    let mut rows: BTreeMap<&str, [usize; ENGINES.len()]> = BTreeMap::new();
    for (name, _) in blocks() {
        let (_, deviations) = parts(name).expect("a block");
        for one in &deviations {
            for why in one.why.split("; ") {
                let counts = rows.entry(why).or_default();
                for (count, (engine, _)) in counts.iter_mut().zip(ENGINES) {
                    *count += usize::from(one.is_of(engine));
                }
            }
        }
    }
    let mut table =
        String::from("| what differs | Chromium | Firefox | WebKit |\n|---|---|---|---|\n");
    for (why, counts) in rows {
        let cells = counts.map(|count| match count {
            0 => String::new(),
            count => count.to_string(),
        });
        writeln!(table, "| {why} | {} |", cells.join(" | ")).expect("a string");
    }
    table
}

impl Deviation {
    fn is_of(&self, engine: Engine) -> bool {
        let names = ENGINES.iter().filter(|(known, _)| *known == engine);
        let mut told = self.engines.split(", ");
        names.take(1).any(|(_, name)| told.any(|one| one == *name))
    }
}

/// The lines of the standard, and what is done instead.
fn parts(scenario: &str) -> Option<(&'static str, Vec<Deviation>)> {
    let (_, body) = blocks().find(|(name, _)| *name == scenario)?;
    let mut parts = body.split("--- ");
    let standard = parts.next()?;
    let deviation = |part: &'static str| {
        let (headline, lines) = part.split_once('\n').expect("lines below a headline");
        let (told, why) = headline.split_once(": ").expect("`engines: why`");
        let engines = told.trim_end_matches(NOT_SIMULATED);
        Deviation {
            engines,
            is_simulated: engines == told,
            why,
            lines,
        }
    };
    Some((standard, parts.map(deviation).collect()))
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

/// In the words of an engine: the sentences of the console are Chromium's; of the others it counts that
/// script gets an error.
pub fn in_words_of(engine: Engine, report: &str) -> String {
    let line = |line: &str| match line.starts_with('!')
        && matches!(engine, Engine::Firefox | Engine::WebKit)
    {
        true => "!\n".to_owned(),
        false => format!("{line}\n"),
    };
    report.lines().map(line).collect()
}
