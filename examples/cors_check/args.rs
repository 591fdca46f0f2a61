//! The command line, and files of pages × calls.

use std::net::SocketAddr;

pub const HELP: &str = "\
cors_check --page ORIGIN... URL... [options]

  --page ORIGIN          a page that asks; may be given several times
  --method METHOD        GET by default
  --header 'NAME: VALUE' a header of script's; the value may be left out
  --body TEXT            a body, of type text/plain unless a header says otherwise
  --credentials          with cookies and credentials (credentials: 'include')
  --resolve ORIGIN=ADDR  find an origin at an address: https://api.example.com=10.0.0.7:443
  --matrix FILE          more calls, one a line: PAGE METHOD URL [credentials] [NAME...]
  --json                 a list of results for programs";

/// The arguments, as calls: each page with each URL, and the lines of the matrix.
#[derive(Debug, Default)]
pub struct Args {
    pub calls: Vec<Call>,
    pub addresses: Vec<(String, SocketAddr)>,
    pub json: bool,
}

/// One call of one page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Call {
    pub page: String,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    pub credentials: bool,
}

impl Args {
    /// `None` where help is asked for.
    ///
    /// # Errors
    /// All mistakes, a line each.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut args, mut model) = (Self::default(), Call::default());
        let (mut pages, mut urls, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
        model.method = "GET".into();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("{word} needs a value behind it"))
            };
            let taken = match &*word {
                "--help" | "-h" => return Ok(None),
                "--json" => {
                    args.json = true;
                    Ok(())
                }
                "--credentials" => {
                    model.credentials = true;
                    Ok(())
                }
                "--page" => value().map(|page| pages.push(page)),
                "--method" => value().map(|method| model.method = method),
                "--body" => value().map(|body| model.body = Some(body)),
                "--header" => value().map(|line| model.headers.push(header(&line))),
                "--resolve" => value()
                    .and_then(|text| address(&text))
                    .map(|pair| args.addresses.push(pair)),
                "--matrix" => value()
                    .and_then(|file| matrix(&file))
                    .map(|calls| args.calls.extend(calls)),
                option if option.starts_with('-') => Err(format!("{option} is not an option")),
                _ => {
                    urls.push(word.clone());
                    Ok(())
                }
            };
            mistakes.extend(taken.err());
        }
        for page in &pages {
            for url in &urls {
                args.calls.push(Call {
                    page: page.clone(),
                    url: url.clone(),
                    ..model.clone()
                });
            }
        }
        if args.calls.is_empty() && mistakes.is_empty() {
            mistakes.push("there is nothing to check: give a --page and a URL".into());
        }
        match mistakes.is_empty() {
            true => Ok(Some(args)),
            false => Err(mistakes.join("\n")),
        }
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, "x"));
    (name.trim().to_owned(), value.trim().to_owned())
}

fn address(text: &str) -> Result<(String, SocketAddr), String> {
    let parsed = text
        .rsplit_once('=')
        .and_then(|(origin, address)| Some((origin.to_owned(), address.parse().ok()?)));
    parsed.ok_or_else(|| {
        format!("`{text}` is not ORIGIN=ADDR; write https://api.example.com=10.0.0.7:443")
    })
}

fn matrix(file: &str) -> Result<Vec<Call>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    lines
        .map(|(number, line)| {
            row(line).ok_or_else(|| {
                format!(
                    "{file}:{}: write PAGE METHOD URL [credentials] [NAME...]",
                    number + 1
                )
            })
        })
        .collect()
}

fn row(line: &str) -> Option<Call> {
    let mut words = line.split_whitespace();
    let (page, method, url) = (words.next()?, words.next()?, words.next()?);
    let mut call = Call {
        page: page.into(),
        method: method.into(),
        url: url.into(),
        ..Call::default()
    };
    for word in words {
        match word {
            "credentials" => call.credentials = true,
            name => call.headers.push(header(name)),
        }
    }
    Some(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Args>, String> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn pages_times_urls() {
        let args = parse(
            "--page https://a.test --page https://b.test https://x.test/1 https://x.test/2 --method PUT",
        );
        let calls = args.unwrap().unwrap().calls;
        assert_eq!(calls.len(), 4);
        assert!(calls.iter().all(|call| call.method == "PUT"));
        assert!(parse("--help").unwrap().is_none());
    }

    #[test]
    fn all_mistakes_are_told() {
        let mistakes = parse("--pages x --resolve y --method").unwrap_err();
        assert_eq!(mistakes.lines().count(), 3, "{mistakes}");
        assert!(parse("").unwrap_err().contains("nothing to check"));
    }

    #[test]
    fn rows_of_a_matrix() {
        let call = row("https://a.test DELETE https://x.test/1 credentials authorization").unwrap();
        assert!(call.credentials);
        assert_eq!(call.headers, [("authorization".to_owned(), "x".to_owned())]);
        assert_eq!(row("https://a.test DELETE"), None);
    }
}
