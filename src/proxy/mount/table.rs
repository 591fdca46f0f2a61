//! The table in which proxies that stand side by side find each other's addresses.

use std::cmp::Reverse;
use std::sync::{Arc, RwLock, Weak};

use crate::proxy::mount::map::{Mount, PathMap};

/// The mounts of several proxies that stand side by side, so that a redirect of one proxy's upstream
/// to another's comes back under the prefix that serves it.
///
/// That is the one-domain setup: an API under `/api` answers `303` with the address of a signed object
/// in a bucket, and the client is sent to `/files/…`, where the bucket is mounted, query and signature
/// byte for byte as they were.
///
/// Cheap to clone; all clones are the same table. Each proxy registers itself when it is built with
/// [`ProxyBuilder::mounts`](crate::proxy::ProxyBuilder::mounts), and leaves it with the last of its
/// clones.
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{Mounts, ReverseProxy};
///
/// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
/// let mounts = Mounts::new();
/// let api = ReverseProxy::builder("/api", "https://api.example.com/prod").mounts(&mounts).build()?;
/// let files = ReverseProxy::builder("/files", "https://bucket.example").mounts(&mounts).build()?;
/// // `Location: https://bucket.example/a?X-Amz-Signature=…` from the API reaches the client
/// // as `Location: /files/a?X-Amz-Signature=…`.
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Mounts {
    table: Arc<RwLock<Vec<Weak<Mount>>>>,
}

impl Mounts {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn register(&self, mount: &Arc<Mount>) {
        let mut table = self.table.write().unwrap_or_else(|e| e.into_inner());
        table.retain(|other| other.strong_count() > 0);
        table.push(Arc::downgrade(mount));
    }

    /// Takes a mount out, which is not an error if it is not there.
    pub(crate) fn remove(&self, mount: &Arc<Mount>) {
        let mut table = self.table.write().unwrap_or_else(|e| e.into_inner());
        table.retain(|other| other.strong_count() > 0 && other.as_ptr() != Arc::as_ptr(mount));
    }

    /// The public path for an absolute URI, through `own` or, failing that, any other mount; of
    /// several, the one with the longest base, which is the most specific.
    pub(crate) fn to_public(
        &self,
        own: &Mount,
        scheme: Option<&str>,
        authority: &str,
        path: &str,
    ) -> Option<String> {
        let public = own.to_public(scheme, authority, path);
        public.or_else(|| self.most_specific(|mount| mount.to_public(scheme, authority, path)))
    }

    /// The public path for a path of the upstream that `own` leads to, through another mount that leads
    /// there. `public` is the way back of one mount.
    pub(crate) fn path_to_public(
        &self,
        own: &Mount,
        public: impl Fn(&PathMap) -> Option<String>,
    ) -> Option<String> {
        self.most_specific(|mount| {
            let is_there = mount.origins.meet(&own.origins);
            is_there.then(|| public(&mount.map))?
        })
    }

    /// The public paths that `public` gives for the mounts that lead where `own` does, its own among them.
    pub(crate) fn all_to_public(
        &self,
        own: &Mount,
        public: impl Fn(&PathMap) -> Option<String>,
    ) -> Vec<String> {
        let table = self.table.read().unwrap_or_else(|e| e.into_inner());
        let mounts = table.iter().filter_map(Weak::upgrade);
        let there = mounts.filter(|mount| mount.origins.meet(&own.origins));
        there.filter_map(|mount| public(&mount.map)).collect()
    }

    /// The public path of the mount with the longest base, of those for which `public` gives one.
    fn most_specific(&self, public: impl Fn(&Mount) -> Option<String>) -> Option<String> {
        let table = self.table.read().unwrap_or_else(|e| e.into_inner());
        let found = table.iter().filter_map(|mount| {
            let mount = mount.upgrade()?;
            Some((mount.map.base.len(), public(&mount)?))
        });
        // Of several alike the first.
        found
            .min_by_key(|(base_len, _)| Reverse(*base_len))
            .map(|(_, public)| public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::mount::map::tests::mount;

    #[test]
    fn another_mounts_address_comes_back_under_that_mount() {
        let (mounts, api) = (Mounts::new(), mount("/api", "https://api.example", "/prod"));
        let files = Arc::new(mount("/files", "https://bucket.example", ""));
        let deep = Arc::new(mount("/deep", "https://bucket.example", "/deep"));
        mounts.register(&files);
        mounts.register(&deep);
        let back = |authority, path| mounts.to_public(&api, Some("https"), authority, path);
        assert_eq!(
            back("bucket.example", "/a?sig=%2F").as_deref(),
            Some("/files/a?sig=%2F")
        );
        assert_eq!(
            back("bucket.example", "/deep/a").as_deref(),
            Some("/deep/a")
        );
        assert_eq!(back("api.example", "/prod/a").as_deref(), Some("/api/a"));
        assert_eq!(back("api.example", "/other"), None);
        // A proxy that is gone serves nothing.
        drop(files);
        assert_eq!(back("bucket.example", "/a"), None);
        mounts.register(&deep);
        assert_eq!(mounts.table.read().unwrap().len(), 2);
        // Nor does one that was taken out, while requests to it are under way.
        mounts.remove(&deep);
        assert_eq!(back("bucket.example", "/deep/a"), None);
        mounts.remove(&deep);
    }
}
