//! A file of pages and calls: each page makes each call.

use serde::Deserialize;

use crate::args::{Call, header};

pub const HELP: &str = "\
A matrix is a file in TOML. Each page makes each call:

  pages = [\"https://app.example.com\", \"https://admin.example.com\"]

  [[calls]]
  url = \"https://api.example.com/items\"
  method = \"PUT\"                        # GET by default
  headers = [\"authorization: Bearer x\"]
  body = \"text\"
  cookies = [\"sid=1\"]
  credentials = true

  [[calls]]
  url = \"https://api.example.com/admin\"
  pages = [\"https://stranger.example\"]  # these instead of the pages above
  readable = false                      # it is wrong if they can read it";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    #[serde(default)]
    pages: Vec<String>,
    calls: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    credentials: bool,
    pages: Option<Vec<String>>,
    #[serde(default = "yes")]
    readable: bool,
}

fn get() -> String {
    "GET".into()
}

fn yes() -> bool {
    true
}

/// # Errors
/// The file that cannot be read, or the line in it.
pub fn read(file: &str) -> Result<Vec<Call>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    calls(&text).map_err(|mistake| format!("{file}: {mistake}"))
}

fn calls(text: &str) -> Result<Vec<Call>, String> {
    let matrix: Matrix = toml::from_str(text).map_err(|error| error.to_string())?;
    let of_row = |row: Row| {
        let pages = row.pages.unwrap_or_else(|| matrix.pages.clone());
        if pages.is_empty() {
            return Err(format!(
                "no page makes the call of {}: add `pages`",
                row.url
            ));
        }
        let call = Call {
            page: String::new(),
            method: row.method,
            url: row.url,
            headers: row.headers.iter().map(|line| header(line)).collect(),
            body: row.body,
            cookies: row.cookies,
            credentials: row.credentials,
            readable: row.readable,
        };
        let with = |page| Call {
            page,
            ..call.clone()
        };
        Ok(pages.into_iter().map(with).collect())
    };
    let rows: Result<Vec<Vec<Call>>, _> = matrix.calls.into_iter().map(of_row).collect();
    rows.map(|rows| rows.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_times_calls() {
        let text = r#"
            pages = ["https://a.test", "https://b.test"]
            [[calls]]
            url = "https://x.test/1"
            [[calls]]
            url = "https://x.test/2"
            method = "PUT"
            headers = ["authorization"]
            credentials = true
            pages = ["https://c.test"]
            readable = false
        "#;
        let calls = calls(text).unwrap();
        let pages: Vec<_> = calls.iter().map(|call| &*call.page).collect();
        assert_eq!(
            pages,
            ["https://a.test", "https://b.test", "https://c.test"]
        );
        assert!(calls[2].credentials && !calls[2].readable && calls[0].readable);
        assert_eq!(
            calls[2].headers,
            [("authorization".to_owned(), "x".to_owned())]
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (text, words) in [
            ("calls = []\npage = 1", "unknown field `page`"),
            ("[[calls]]\nmethod = \"PUT\"", "missing field `url`"),
            ("[[calls]]\nurl = \"https://x.test\"", "add `pages`"),
        ] {
            let mistake = calls(text).unwrap_err();
            assert!(mistake.contains(words), "{mistake}");
        }
    }

    #[test]
    fn the_example_of_the_help_is_one() {
        let example: String = HELP
            .lines()
            .skip(2)
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(calls(&example).unwrap().len(), 3);
    }
}
