//! The caches of all routes, purged by public paths.

use std::sync::Arc;

use same_origin::cache::Cache;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// The turns of those who look through caches. A publisher may purge hundreds of paths at once: one after the other, they
/// take one processor at most.
static TURNS: Mutex<()> = Mutex::const_new(());

/// The upstream's path for a public one; `None` if it is not below the prefix.
pub type ToUpstream = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The cache of one route, and how a public path is the upstream's there.
pub struct CachedRoute {
    pub cache: Cache,
    /// The prefix of the route, without a trailing slash.
    pub prefix: String,
    /// The upstream's path for a public one below the prefix.
    pub to_upstream: ToUpstream,
}

/// The caches of all routes.
#[derive(Clone, Default)]
pub struct Caches(pub Vec<Arc<CachedRoute>>);

/// The target of a purge.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Path(String),
    Prefix(String),
}

/// The two readings of one value: decoded, as a form is, and as it stands there. `%2C` is a comma in the one, and
/// what a request bears in the other; a copy too many that is forgotten does no harm.
type Readings = [Target; 2];

impl Caches {
    /// Forgets everything.
    pub async fn clear(&self) {
        self.for_each(|route| route.cache.clear()).await;
    }

    /// Purges what a query names: `path=/api/x`, or `prefix=/api/`, form-encoded.
    ///
    /// # Errors
    ///
    /// The fault of the query, and the text to write instead.
    pub async fn purge(&self, query: &str) -> Result<(), &'static str> {
        let readings = readings(query)?;
        let purge =
            move |route: &CachedRoute| readings.iter().for_each(|target| route.purge(target));
        self.for_each(purge).await;
        Ok(())
    }

    /// Runs this for each route, on one thread beside the workers: all that is stored is looked through, and a worker would
    /// answer nobody meanwhile.
    async fn for_each(&self, does: impl Fn(&CachedRoute) + Send + 'static) {
        let routes = self.clone();
        let turn = TURNS.lock().await;
        let done = spawn_blocking(move || {
            // Until it is done, whether or not somebody waits for it.
            let _turn = turn;
            routes.0.iter().for_each(|route| does(route));
        });
        // Not done, if the process ends meanwhile. A fault is not told as success.
        if let Err(error) = done.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

impl CachedRoute {
    /// The name of the route in metrics, which is that of the others there.
    pub fn name(&self) -> &str {
        match &*self.prefix {
            "" => "/",
            prefix => prefix,
        }
    }

    fn purge(&self, target: &Target) {
        match target {
            Target::Path(path) => {
                if let Some(path) = (self.to_upstream)(path) {
                    self.cache.purge(&path);
                }
            }
            // All of the route is below it.
            Target::Prefix(prefix) if covers(prefix, &self.prefix) => self.cache.clear(),
            Target::Prefix(prefix) => {
                if let Some(prefix) = (self.to_upstream)(prefix) {
                    self.cache.purge_prefix(&prefix);
                }
            }
        }
    }
}

/// Whether a path is the prefix or below it, on segment boundaries.
fn covers(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn readings(query: &str) -> Result<Readings, &'static str> {
    const HELP: &str = "write /purge?path=/api/x, or /purge?prefix=/api/";
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (Some((key, value)), None) = (pairs.next(), pairs.next()) else {
        return Err(HELP);
    };
    if !value.starts_with('/') {
        return Err("the path does not begin with a slash; write /purge?path=/api/x");
    }
    if value
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return Err("the path has dot segments, which no route passes on; write it without them");
    }
    let said = query.split_once('=').map_or("", |(_, value)| value);
    let paths = [as_sent(&value), as_sent(said)];
    match &*key {
        "path" => Ok(paths.map(Target::Path)),
        "prefix" => Ok(paths.map(Target::Prefix)),
        _ => Err(HELP),
    }
}

/// The path as requests bear it: what cannot stand in one was percent-encoded once (`%C3%BC`, as a log shows it)
/// and not twice, before it was decoded as a form is.
fn as_sent(path: &str) -> String {
    let mut sent = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            sent.push(char::from(byte));
        } else {
            sent.push_str(&format!("%{byte:02X}"));
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::thread;

    use super::*;

    #[test]
    fn a_purge_names_one_path_or_one_prefix() {
        let path = |text: &str| Target::Path(text.to_owned());
        let prefix = |text: &str| Target::Prefix(text.to_owned());
        for (query, wanted) in [
            ("path=/api/x", Ok([path("/api/x"), path("/api/x")])),
            ("path=/api%20x", Ok([path("/api%20x"), path("/api%20x")])),
            (
                "path=/api%2520x",
                Ok([path("/api%20x"), path("/api%2520x")]),
            ),
            ("path=/api+x", Ok([path("/api%20x"), path("/api+x")])),
            ("path=/a%2Cb", Ok([path("/a,b"), path("/a%2Cb")])),
            ("path=/%C3%BC", Ok([path("/%C3%BC"), path("/%C3%BC")])),
            ("path=/ü", Ok([path("/%C3%BC"), path("/%C3%BC")])),
            ("path=%2Fapi", Ok([path("/api"), path("%2Fapi")])),
            ("prefix=/", Ok([prefix("/"), prefix("/")])),
            ("", Err(())),
            ("path=api", Err(())),
            ("path=", Err(())),
            ("path=/a&path=/b", Err(())),
            ("path=/a/./b", Err(())),
            ("prefix=/a/%2E%2E/b", Err(())),
            ("where=/a", Err(())),
        ] {
            assert_eq!(readings(query).map_err(|_| ()), wanted, "{query}");
        }
    }

    #[tokio::test]
    async fn a_purge_does_not_keep_a_worker() {
        let looked_through = Arc::new(OnceLock::new());
        let on = Arc::clone(&looked_through);
        let to_upstream: ToUpstream = Box::new(move |_| {
            on.get_or_init(|| thread::current().id());
            None
        });
        let route = CachedRoute {
            cache: Cache::builder().build().unwrap(),
            prefix: "/a".to_owned(),
            to_upstream,
        };
        let caches = Caches(vec![Arc::new(route)]);
        caches.purge("path=/a/x").await.unwrap();
        let worker = thread::current().id();
        assert!(looked_through.get().is_some_and(|on| *on != worker));
    }

    #[test]
    fn prefixes_cover_whole_segments() {
        for (prefix, path, covered) in [
            ("/", "/api", true),
            ("/", "", true),
            ("/api", "/api", true),
            ("/api/", "/api/v1", true),
            ("/api", "/apis", false),
            ("/api/v1", "/api", false),
        ] {
            assert_eq!(covers(prefix, path), covered, "{path} below {prefix}");
        }
    }
}
