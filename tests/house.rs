//! The shape of the source: folders that only decide stay clean, and files do not import each other in circles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The most files that may import each other in a circle.
const LARGEST_CIRCLE: usize = 3;

/// Folders and files that decide and do not act, below `src`.
const PURE: [&str; 8] = [
    "cors/judge",
    "cors/policy",
    "guard/judge",
    "origin",
    "proxy/mount",
    "proxy/request",
    "proxy/response",
    "proxy/wire",
];

/// Paths that stand for a future, a runtime or a client, and for the parts of the proxy that act.
const IMPURE: [&str; 16] = [
    "std::future",
    "std::pin",
    "std::task",
    "futures_core",
    "hyper::client",
    "hyper::server",
    "hyper::upgrade",
    "hyper_util",
    "tokio",
    "tokio_rustls",
    "tower_service",
    "crate::proxy::client",
    "crate::proxy::config",
    "crate::proxy::exchange",
    "crate::proxy::service",
    "crate::proxy::tunnel",
];

#[test]
fn what_decides_names_no_future_no_runtime_and_no_client() {
    let files = Source::read();
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (module, paths) in &files.0 {
        let Some(room) = PURE.iter().find(|room| is_below(module, room)) else {
            continue;
        };
        seen.insert(room);
        for path in paths {
            if IMPURE
                .iter()
                .any(|impure| path == impure || path.starts_with(&format!("{impure}::")))
            {
                wrong.push(format!("{module} names {path}"));
            }
        }
    }
    assert_eq!(seen.len(), PURE.len(), "a folder is gone: {seen:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_circle_of_imports_is_longer_than_one_reads_at_once() {
    let files = Source::read();
    let circles: Vec<_> = files
        .circles()
        .into_iter()
        .filter(|circle| circle.len() > LARGEST_CIRCLE)
        .map(|circle| circle.join(", "))
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn every_file_is_a_module_of_something() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = Source::read();
    let mut orphans = Vec::new();
    for module in files.0.keys().filter(|module| !module.is_empty()) {
        let (folder, name) = module.rsplit_once('/').unwrap_or(("", module));
        let parents = ["mod.rs", "lib.rs"].map(|file| root.join(folder).join(file));
        let text = parents
            .iter()
            .find_map(|file| fs::read_to_string(file).ok());
        let declared = format!("mod {name};");
        if !text.is_some_and(|text| text.contains(&declared)) {
            orphans.push(module.as_str());
        }
    }
    assert!(orphans.is_empty(), "nothing names {}", orphans.join(", "));
}

/// rustfmt keeps groups, and its stable release makes none.
#[test]
fn imports_are_in_three_groups() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rooms = ["src", "tests", "benches", "examples"];
    let files = rooms.iter().flat_map(|room| files_below(&root.join(room)));
    let wrong: Vec<_> = files
        .filter_map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let line = out_of_group(&text)?;
            Some(format!("{}: {line}", file.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_in_another_group_is_seen() {
    let good = "use std::fmt;\n\nuse http::Uri;\nuse tower::{\n    Layer,\n};\n\nuse crate::a;\nuse super::b;\n\nmod c {\n    use std::io;\n}\n";
    assert_eq!(out_of_group(good), None);
    for (text, line) in [
        ("use http::Uri;\n\nuse std::fmt;\n", "use std::fmt;"),
        ("use std::fmt;\nuse http::Uri;\n", "use http::Uri;"),
        (
            "use super::b;\n\n#[cfg(x)]\nuse http::Uri;\n",
            "use http::Uri;",
        ),
        (
            "fn a() {\n    use crate::b;\n    use std::fmt;\n}\n",
            "use std::fmt;",
        ),
    ] {
        assert_eq!(out_of_group(text), Some(line), "{text}");
    }
}

/// rustdoc hides lines that begin with `#`; GitHub and crates.io show them, and pasted they do not compile.
#[test]
fn the_readme_shows_all_of_its_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).unwrap();
    let blocks: Vec<_> = readme.split("```rust").skip(1).collect();
    assert!(blocks.len() >= 2, "the examples are not where they were");
    for block in blocks {
        let (code, _) = block.split_once("\n```").unwrap();
        let hidden = |line: &&str| line.trim_start() == "#" || line.trim_start().starts_with("# ");
        assert_eq!(code.lines().find(hidden), None);
        assert!(code.contains("fn main()"), "{code}");
    }
}

/// Whoever copies an example has a `Cargo.toml` without this one's dependencies.
#[test]
fn examples_name_the_crates_that_they_use() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        let text = fs::read_to_string(&file).unwrap();
        let (page, code) = text.split_once("\n\n").unwrap();
        let needs = page.split("Elsewhere it needs").nth(1).unwrap_or_default();
        let code = code.split("#[cfg(test)]").next().unwrap();
        for path in code.lines().filter_map(imported) {
            let name = path.split("::").next().unwrap();
            let names = [name.to_owned(), name.replace('_', "-")];
            let is_named = names
                .iter()
                .any(|name| needs.contains(&format!("`{name}`")));
            let is_given = ["std", "same_origin"].contains(&name);
            assert!(is_given || is_named, "{}: {name}", file.display());
        }
    }
}

#[test]
fn paths_are_found_in_all_that_is_code() {
    let text = "//! use crate::doc;\nuse crate::a::{b, c::{self, D}};\npub use crate::facade::E;\n\
                #[cfg(x)]\nuse super::f as g;\nuse child::H;\nfn i() { crate::j::k() } // crate::comment\n\
                #[cfg(test)]\nmod tests { use crate::l; }\n";
    let want = [
        "crate::a::b",
        "crate::a::c",
        "crate::a::c::D",
        "crate::j::k",
        "crate::x::f",
        "crate::x::y::child::H",
    ];
    assert_eq!(paths("x/y", text), want.map(str::to_owned).into());
}

/// The paths that each file of the library names, by the name of its module: `proxy/wire/scan`.
struct Source(BTreeMap<String, BTreeSet<String>>);

impl Source {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let read = |path: PathBuf| {
            let module = module_of(path.strip_prefix(&root).unwrap());
            let paths = paths(&module, &fs::read_to_string(&path).unwrap());
            (module, paths)
        };
        let files: BTreeMap<_, _> = files_below(&root).into_iter().map(read).collect();
        assert!(files.len() > 50, "the source is not where it was");
        Self(files)
    }

    /// The module that a path leads to: its longest part that is one.
    fn module_at(&self, path: &str) -> Option<&str> {
        let mut module = path.strip_prefix("crate::")?.replace("::", "/");
        loop {
            if let Some((found, _)) = self.0.get_key_value(&module) {
                return Some(found);
            }
            module.truncate(module.rfind('/')?);
        }
    }

    /// The modules that one leads to, over as many imports as it takes.
    fn reach(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            let imports = self.0[module]
                .iter()
                .filter_map(|path| self.module_at(path));
            for import in imports.filter(|import| *import != module) {
                if reached.insert(import) {
                    open.push(import);
                }
            }
        }
        reached
    }

    /// The sets of modules of which each leads to each.
    fn circles(&self) -> BTreeSet<Vec<&str>> {
        let modules = self.0.keys().map(String::as_str);
        let reach: BTreeMap<_, _> = modules.map(|module| (module, self.reach(module))).collect();
        let circle_of = |module: &str| {
            let back = reach[module]
                .iter()
                .filter(|other| reach[*other].contains(module));
            back.copied().collect::<Vec<_>>()
        };
        reach.keys().map(|module| circle_of(module)).collect()
    }
}

/// The files of Rust below a folder, but for what is built or fetched there.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_ours = !path.ends_with("target") && !path.ends_with("node_modules");
            if path.is_dir() && is_ours {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

fn is_below(module: &str, room: &str) -> bool {
    let rest = module.strip_prefix(room);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn module_of(file: &Path) -> String {
    let mut module = file.with_extension("");
    if module.ends_with("mod") || module.ends_with("lib") {
        module.pop();
    }
    module.to_str().unwrap().replace('\\', "/")
}

/// The paths that a file names outside of its tests: those of `use`, but not what it only gives on by
/// `pub use`, and what begins with `crate::` anywhere.
fn paths(module: &str, text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join(" ");
    let mut found = BTreeSet::new();
    for statement in code.split(';') {
        match statement.rsplit_once("use ") {
            Some((before, _))
                if before.contains("pub") && before.trim_end().ends_with(['b', ')']) => {}
            Some((before, tree)) if before.is_empty() || before.ends_with([' ', ']', '}']) => {
                expand("", tree, &mut found);
            }
            _ => {
                let inline = statement.match_indices("crate::");
                found.extend(inline.map(|(start, _)| leading_path(&statement[start..]).to_owned()));
            }
        }
    }
    found.iter().map(|path| absolute(module, path)).collect()
}

/// The paths of a tree of imports: `a::{b, c::{self, D}}`.
fn expand(before: &str, tree: &str, found: &mut BTreeSet<String>) {
    let tree = tree.trim();
    let Some((head, body)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        let path = path.strip_suffix("self").unwrap_or(path);
        let path = [before, path].concat();
        let path = path.trim_end_matches("::");
        if !path.is_empty() {
            found.insert(path.to_owned());
        }
        return;
    };
    let body = body.strip_suffix('}').unwrap_or(body);
    let before = [before, head].concat();
    let (mut depth, mut start) = (0, 0);
    for (index, char) in body.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&before, &body[start..index], found);
                start = index + 1;
            }
            _ => {}
        }
    }
    expand(&before, &body[start..], found);
}

fn leading_path(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':'));
    text[..end.unwrap_or(text.len())].trim_end_matches(':')
}

/// A path as it is from anywhere. One that begins with neither `crate` nor the name of a crate below is taken
/// for that of a child of its module, which leads nowhere if there is none.
fn absolute(module: &str, path: &str) -> String {
    let first = path.split("::").next().unwrap_or_default();
    let is_crate = |name: &&str| name.split("::").next() == Some(first);
    if first == "std" || IMPURE.iter().any(is_crate) {
        return path.to_owned();
    }
    let mut folders: Vec<_> = module.split('/').filter(|part| !part.is_empty()).collect();
    let mut rest = path.strip_prefix("self::").unwrap_or(path);
    while let Some(above) = rest.strip_prefix("super::") {
        folders.pop();
        rest = above;
    }
    let whole: Vec<_> = [&["crate"], &folders[..], &[rest]].concat();
    whole.join("::")
}

/// The first import that stands in another group than its neighbour and its path say: std, external crates, this one.
fn out_of_group(text: &str) -> Option<&str> {
    let mut last = None;
    let mut is_apart = false;
    let mut is_open = false;
    for line in text.lines().map(str::trim) {
        if is_open {
            is_open = !line.ends_with("};");
            continue;
        }
        let Some(path) = imported(line) else {
            is_apart |= line.is_empty();
            if !line.is_empty() && !line.starts_with("#[") {
                last = None;
            }
            continue;
        };
        let group = match path.split("::").next() {
            Some("std" | "core" | "alloc") => 0,
            Some("crate" | "super" | "self") => 2,
            _ => 1,
        };
        if last.is_some_and(|last| last > group || last < group && !is_apart) {
            return Some(line);
        }
        (last, is_apart, is_open) = (Some(group), false, !line.ends_with(';'));
    }
    None
}

/// The path of a line that begins an import.
fn imported(line: &str) -> Option<&str> {
    let (visibility, path) = line.split_once("use ")?;
    let is_visibility = ["", "pub ", "pub(crate) ", "pub(super) "].contains(&visibility);
    let is_path = path.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let ends = path.ends_with(';') || path.ends_with('{');
    (is_visibility && is_path && ends).then_some(path)
}
