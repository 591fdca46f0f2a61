//! Windows and frames that go elsewhere: by a link, by a form, by the user.

use super::Page;
use super::fetch::Fetch;
use super::form::Form;
use super::request::Request;
use crate::browser::fetch::client::Client;
use crate::browser::fetch::initiator::Initiator;
use crate::browser::fetch::options::{Credentials, Mode};
use crate::browser::web::Web;

impl Page {
    /// A link, or `location = "…"`: the window goes there.
    ///
    /// `SameSite=Lax` cookies go along even from another site, and no CORS check follows, as the page that
    /// led there does not see the document.
    pub fn navigate(&self, url: &str) -> Fetch {
        self.go(Initiator::Window, url.into())
    }

    /// `<iframe src="…">`: a frame of this page goes there.
    pub fn iframe(&self, url: &str) -> Fetch {
        self.go(Initiator::Frame, url.into())
    }

    /// `form.submit()`: the window goes to the form's action. Say that a user clicked by
    /// [`user_activation`](Fetch::user_activation).
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use same_origin::browser::{Form, Web};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// # let bank = tower::service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(String::new())) });
    /// let web = Web::new().origin("https://bank.example", bank);
    /// web.set_cookie("https://bank.example", "sid=1; SameSite=None; Secure").unwrap();
    ///
    /// let form = Form::post("https://bank.example/transfer").field("to", "mallory");
    /// let outcome = web.page("https://evil.example").submit(form).send().await;
    /// let request = outcome.trace().requests().next().unwrap();
    /// assert_eq!(request.header("origin").as_deref(), Some("https://evil.example"));
    /// assert_eq!(request.header("sec-fetch-site").as_deref(), Some("cross-site"));
    /// assert_eq!(request.header("cookie").as_deref(), Some("sid=1"));
    /// # });
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn submit(&self, form: Form) -> Fetch {
        self.go(Initiator::Window, self.form_request(form))
    }

    /// The same with `target` naming a frame of this page: `SameSite=Lax` cookies stay at home.
    pub fn submit_in_frame(&self, form: Form) -> Fetch {
        self.go(Initiator::Frame, self.form_request(form))
    }

    fn go(&self, initiator: Initiator, request: Request) -> Fetch {
        self.ask(initiator, request)
            .mode(Mode::Navigate)
            .credentials(Credentials::Include)
    }

    fn form_request(&self, form: Form) -> Request {
        form.into_request(self.client.address.as_ref())
    }
}

impl Web {
    /// The user types a URL, or follows a bookmark: `Sec-Fetch-Site` is `none`, and all cookies go along.
    pub fn visit(&self, url: &str) -> Fetch {
        let nobody = Page {
            client: Client::user(),
            ..Page::open(self.clone(), url)
        };
        nobody.navigate(url).user_activation()
    }
}
