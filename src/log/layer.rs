//! The log of a layer that refuses requests.

#[cfg(feature = "tracing")]
pub(crate) use enabled::LayerLog;
#[cfg(not(feature = "tracing"))]
pub(crate) use silent::LayerLog;

#[cfg(feature = "tracing")]
mod enabled {
    use std::hash::Hash;
    use std::sync::Arc;

    use http::header::{HeaderMap, HeaderName};

    use crate::log::limiter::_LineLimiter;
    use crate::log::shown_id;

    /// The lines of a layer, of each kind so many a second.
    pub(crate) struct LayerLog<K> {
        /// The part of a server that the layer is for, where the server says so.
        route: Option<Arc<str>>,
        /// The field that has the id of a request.
        id: Option<HeaderName>,
        lines: Arc<_LineLimiter<K>>,
    }

    impl<K> Default for LayerLog<K> {
        fn default() -> Self {
            Self {
                route: None,
                id: None,
                lines: Arc::default(),
            }
        }
    }

    impl<K: Clone + Eq + Hash + Send + 'static> LayerLog<K> {
        pub(crate) fn of_route(route: &str, id: Option<HeaderName>) -> Self {
            Self {
                route: Some(route.into()),
                id,
                lines: Arc::default(),
            }
        }

        pub(crate) fn route(&self) -> Option<&str> {
            self.route.as_deref()
        }

        pub(crate) fn id_of<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
            headers.get(self.id.as_ref()?).and_then(shown_id)
        }

        /// Whether a line of a kind may be written. `left_out` tells of those that were not, with the route.
        pub(crate) fn turn(
            &self,
            kind: K,
            left_out: impl Fn(&K, Option<&str>, u64) + Send + 'static,
        ) -> bool {
            let route = self.route.clone();
            let left_out = move |kind: &K, count| left_out(kind, route.as_deref(), count);
            self.lines.turn(kind, left_out)
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod silent {
    use std::marker::PhantomData;

    use http::HeaderName;

    pub(crate) struct LayerLog<K>(PhantomData<fn(K)>);

    impl<K> Default for LayerLog<K> {
        fn default() -> Self {
            Self(PhantomData)
        }
    }

    impl<K> LayerLog<K> {
        pub(crate) fn of_route(_: &str, _: Option<HeaderName>) -> Self {
            Self::default()
        }
    }
}
