//! Requests of other sites' pages, refused before they do harm.

mod admitted;
mod advice;
mod builder;
mod error;
mod event;
mod exempt;
mod explain;
mod forwarded;
mod future;
mod handle;
mod head;
mod host;
mod judge;
mod layer;
mod own_origin;
mod page;
mod policy;
mod refused;
mod signals;
mod validate;
mod verdict;
mod warning;

pub use admitted::Admitted;
pub use builder::{Exemption, GuardBuilder, Mode};
pub use error::{GuardConfigError, GuardConfigErrorKind, GuardErrors};
pub use explain::{Explanation, Outcome, Step};
pub use future::ResponseFuture;
pub use handle::{Differences, GuardHandle};
pub use layer::{GuardLayer, GuardService};
pub use own_origin::OwnOrigin;
pub use page::{DebugPage, EmptyPage, RefusalPage};
pub use policy::Guard;
pub use refused::GuardError;
pub use verdict::{Admission, Refusal, Verdict};
pub use warning::{GuardWarning, GuardWarningKind};
