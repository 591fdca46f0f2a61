//! The command line.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use same_origin::browser::Engine;
use url::Url;

use crate::matrix;

pub const HELP: &str = "\
cors_check --page ORIGIN... URL... [options]

the calls
  --page ORIGIN          a page that asks; may be given several times
  --method METHOD        GET by default
  --header 'NAME: VALUE' a header of script's; the value may be left out
  --body TEXT            a body, of type text/plain unless a header says otherwise
  --cookie NAME=VALUE    a cookie that the browser has for the URL's host
  --credentials          with cookies and credentials (credentials: 'include')
  --matrix FILE          pages and calls, each page with each call; see `cors_check --help-matrix`

the way there
  --resolve ORIGIN=ADDR  find an origin at an address: https://api.example.com=10.0.0.7:443;
                         or as curl writes it: api.example.com:443:10.0.0.7
  --cacert FILE          certificate authorities (PEM) to trust beside the system's
  --timeout SECONDS      for each answer; 15 by default

what is sent and said
  --preflight-only       sends preflights and safe methods, and nothing that may change something
  --yes                  does not ask before it sends what may change something
  --engine NAME          chromium (the default), firefox, webkit or standard
  --json                 a list of results for programs

It sends what a browser would send and nothing else. A request that may change something is announced
on standard error first, and on a terminal it is asked about.

exit status: 0 nothing to mend, 1 something to mend, 2 wrong arguments";

/// The arguments, as calls: each page with each URL, and those of the matrix.
#[derive(Debug, Default)]
pub struct Args {
    pub calls: Vec<Call>,
    pub addresses: Vec<(String, SocketAddr)>,
    pub authorities: Vec<PathBuf>,
    pub timeout: Duration,
    pub engine: Engine,
    pub preflight_only: bool,
    pub yes: bool,
    pub json: bool,
}

/// One call of one page.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub page: String,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    pub cookies: Vec<String>,
    pub credentials: bool,
    /// Whether the page is to be able to read the answer.
    pub readable: bool,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            page: String::new(),
            method: "GET".into(),
            url: String::new(),
            headers: Vec::new(),
            body: None,
            cookies: Vec::new(),
            credentials: false,
            readable: true,
        }
    }
}

/// The request of the words.
#[derive(Debug)]
pub enum Asked {
    Check(Box<Args>),
    Help(&'static str),
}

impl Args {
    /// # Errors
    /// All mistakes, a line each.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Asked, String> {
        let mut reading = Reading::default();
        reading.args.timeout = Duration::from_secs(15);
        reading.args.engine = Engine::Chromium;
        let mut words = words;
        while let Some(word) = words.next() {
            match &*word {
                "--help" | "-h" => return Ok(Asked::Help(HELP)),
                "--help-matrix" => return Ok(Asked::Help(matrix::HELP)),
                _ => {}
            }
            if let Err(mistake) = reading.word(&word, &mut words) {
                reading.mistakes.push(mistake);
            }
        }
        reading.end().map(|args| Asked::Check(Box::new(args)))
    }
}

#[derive(Default)]
struct Reading {
    args: Args,
    /// All but page and URL of the calls of the command line.
    model: Call,
    pages: Vec<String>,
    urls: Vec<String>,
    mistakes: Vec<String>,
}

impl Reading {
    fn word(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || {
            let value = words.next();
            value.ok_or_else(|| format!("{word} needs a value behind it"))
        };
        match word {
            "--json" => self.args.json = true,
            "--yes" => self.args.yes = true,
            "--preflight-only" => self.args.preflight_only = true,
            "--credentials" => self.model.credentials = true,
            "--page" => self.pages.push(value()?),
            "--method" => self.model.method = value()?,
            "--body" => self.model.body = Some(value()?),
            "--cookie" => self.model.cookies.push(value()?),
            "--header" => self.model.headers.push(header(&value()?)),
            "--cacert" => self.args.authorities.push(value()?.into()),
            "--timeout" => self.args.timeout = seconds(&value()?)?,
            "--engine" => self.args.engine = engine(&value()?)?,
            "--resolve" => self.args.addresses.push(address(&value()?)?),
            "--matrix" => self.args.calls.extend(matrix::read(&value()?)?),
            option if option.starts_with('-') => {
                return Err(format!("{option} is not an option; see --help"));
            }
            url => self.urls.push(url.to_owned()),
        }
        Ok(())
    }

    fn end(mut self) -> Result<Args, String> {
        if self.pages.is_empty() != self.urls.is_empty() {
            let mistake = "a page and a URL belong together: give both --page and a URL";
            self.mistakes.push(mistake.into());
        }
        for page in &self.pages {
            for url in &self.urls {
                self.args.calls.push(Call {
                    page: page.clone(),
                    url: url.clone(),
                    ..self.model.clone()
                });
            }
        }
        if self.args.calls.is_empty() && self.mistakes.is_empty() {
            let mistake = "there is nothing to check: give a --page and a URL";
            self.mistakes.push(mistake.into());
        }
        for call in &self.args.calls {
            self.mistakes.extend(wrong_url(call));
            self.mistakes.extend(wrong_page(&call.page));
        }
        // Each page has the same URLs.
        let mut told = HashSet::new();
        self.mistakes.retain(|mistake| told.insert(mistake.clone()));
        match self.mistakes.is_empty() {
            true => Ok(self.args),
            false => Err(self.mistakes.join("\n")),
        }
    }
}

/// A URL that is relative to the page is one for the browser, but here always a slip.
fn wrong_url(call: &Call) -> Option<String> {
    let scheme = Url::parse(&call.url).map(|url| url.scheme().to_owned());
    let url = &call.url;
    match scheme.as_deref() {
        Ok("http" | "https") => None,
        _ => {
            let meant = with_scheme(url);
            let one = meant.unwrap_or_else(|| "one like https://api.example.com/items".into());
            Some(format!("`{url}` is not a URL to ask; write {one}"))
        }
    }
}

/// A host without its scheme. The URL parser takes that of `localhost:8000` for a scheme, of which no page is.
fn wrong_page(page: &str) -> Option<String> {
    if page == "null" {
        return Some(
            "`null` is an origin, and not a page that has it; write file:///page.html".into(),
        );
    }
    let meant = with_scheme(page)?;
    Some(format!("`{page}` is not a page; write {meant}"))
}

/// The URL that was meant by a host, with a port and a path or without.
fn with_scheme(text: &str) -> Option<String> {
    if text.contains("://") {
        return None;
    }
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    // A path, or a URL of another kind: `data:,x`, `about:blank`.
    let is_host = !name.is_empty() && !port.is_empty() && !name.contains(['@', ',', ';', ' ']);
    if !is_host || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_here = name == "localhost" || name.ends_with(".localhost") || name == "[::1]";
    let is_here = is_here || name.starts_with("127.");
    let url = format!("{}://{text}", if is_here { "http" } else { "https" });
    Url::parse(&url).is_ok().then_some(url)
}

/// `Name: value`; a value that is left out is one that no server knows.
pub fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, "x"));
    (name.trim().to_owned(), value.trim().to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (1..=600).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is not a time; write seconds from 1 to 600"))
}

fn engine(name: &str) -> Result<Engine, String> {
    match name {
        "standard" => Ok(Engine::Standard),
        "chromium" => Ok(Engine::Chromium),
        "firefox" => Ok(Engine::Firefox),
        "webkit" => Ok(Engine::WebKit),
        _ => Err(format!(
            "`{name}` is not an engine; write chromium, firefox, webkit or standard"
        )),
    }
}

fn address(text: &str) -> Result<(String, SocketAddr), String> {
    let ours = || {
        let (origin, address) = text.rsplit_once('=')?;
        Some((origin.to_owned(), address.parse().ok()?))
    };
    let curls = || {
        let mut parts = text.splitn(3, ':');
        let (host, port, ip) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let ip = ip.trim_matches(['[', ']']).parse().ok()?;
        // The origin of port 443 is written without it.
        let origin = match port {
            443 => format!("https://{host}"),
            80 => format!("http://{host}"),
            _ => format!("https://{host}:{port}"),
        };
        Some((origin, SocketAddr::new(ip, port)))
    };
    ours().or_else(curls).ok_or_else(|| {
        format!("`{text}` is not ORIGIN=ADDR; write https://api.example.com=10.0.0.7:443")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        match Args::parse(line.split_whitespace().map(str::to_owned))? {
            Asked::Check(args) => Ok(*args),
            Asked::Help(text) => Err(text.into()),
        }
    }

    #[test]
    fn pages_times_urls() {
        let line = "--page https://a.test --page https://b.test https://x.test/1 https://x.test/2 --method PUT";
        let calls = parse(line).unwrap().calls;
        assert_eq!(calls.len(), 4);
        assert!(calls.iter().all(|call| call.method == "PUT"));
        assert_eq!(parse("--help").unwrap_err(), HELP);
        assert_eq!(parse("--help-matrix").unwrap_err(), matrix::HELP);
    }

    #[test]
    fn all_mistakes_are_told() {
        let line = "--pages --resolve y --timeout 0 --engine x --cacert";
        let mistakes = parse(line).unwrap_err();
        assert_eq!(mistakes.lines().count(), 5, "{mistakes}");
        assert!(parse("").unwrap_err().contains("nothing to check"));
        assert!(parse("--page https://a.test").unwrap_err().contains("both"));
        let relative = parse("--page https://a.test /items").unwrap_err();
        assert!(relative.contains("`/items` is not a URL"), "{relative}");
        let twice = parse("--page https://a.test --page https://b.test /x /y").unwrap_err();
        assert_eq!(twice.lines().count(), 2, "{twice}");
    }

    #[test]
    fn a_scheme_that_is_left_out_is_told() {
        for (page, url, told) in [
            (
                "localhost:8000",
                "https://x.test/",
                "`localhost:8000` is not a page; write http://localhost:8000",
            ),
            (
                "app.test",
                "https://x.test/",
                "`app.test` is not a page; write https://app.test",
            ),
            (
                "null",
                "https://x.test/",
                "`null` is an origin, and not a page that has it; write file:///page.html",
            ),
            (
                "https://a.test",
                "127.0.0.1:8000/x",
                "`127.0.0.1:8000/x` is not a URL to ask; write http://127.0.0.1:8000/x",
            ),
            (
                "https://a.test",
                "x.test:8443/x?y",
                "`x.test:8443/x?y` is not a URL to ask; write https://x.test:8443/x?y",
            ),
        ] {
            let mistakes = parse(&format!("--page {page} {url}")).unwrap_err();
            assert_eq!(mistakes, told);
        }
        for page in [
            "tauri://localhost",
            "file:///x.html",
            "http://localhost:8000",
        ] {
            assert!(parse(&format!("--page {page} https://x.test")).is_ok());
        }
    }

    #[test]
    fn addresses() {
        for (text, origin, at) in [
            (
                "https://a.test=10.0.0.7:443",
                "https://a.test",
                "10.0.0.7:443",
            ),
            ("a.test:443:10.0.0.7", "https://a.test", "10.0.0.7:443"),
            ("a.test:80:::1", "http://a.test", "[::1]:80"),
            ("a.test:8443:[::1]", "https://a.test:8443", "[::1]:8443"),
        ] {
            assert_eq!(
                address(text),
                Ok((origin.to_owned(), at.parse().unwrap())),
                "{text}"
            );
        }
        for bad in ["", "a.test", "https://a.test=10.0.0.7", "a.test:x:10.0.0.7"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
