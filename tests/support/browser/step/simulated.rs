//! Steps taken in the simulated browser.

use std::time::Duration;

use same_origin::browser::{Fetch, Form, Outcome, Page, Request, ResponseType, Web};

use super::{Blind, Kind, Loaded, NO_SCENARIO, Seen, Step, result};

impl Step {
    /// The whole outcome, in a browser that is simulated.
    pub async fn outcome(&self, page: &Page, id: usize) -> Outcome {
        match self.kind {
            Kind::Blind(means) => self.blind(means, page, id).send().await,
            _ => self.fetch(page, id).send().await,
        }
    }

    /// The status that script sees, unless it sees nothing.
    pub async fn status(&self, page: &Page) -> Option<u16> {
        let outcome = self.fetch(page, NO_SCENARIO).send().await;
        outcome.response().ok().map(|response| response.status())
    }

    pub async fn simulate(&self, web: &Web, page: &Page, id: usize) -> Seen {
        if let Kind::Wait(seconds) = self.kind {
            web.advance(Duration::from_secs(seconds));
            return Seen::Nothing;
        }
        if let Kind::Blind(means) = self.kind {
            self.blind(means, page, id).send().await;
            return Seen::Nothing;
        }
        let outcome = self.fetch(page, id).send().await;
        match outcome.response() {
            // That it is there is all that the page is told.
            Ok(_) if matches!(self.kind, Kind::Image | Kind::Loaded(_)) => {
                Seen::Result("0 opaque".into())
            }
            Ok(response) if self.kind == Kind::Timing => {
                let told = response.timing_allowed();
                Seen::Result(if told { "0 timed" } else { "0 untimed" }.into())
            }
            Ok(response) => {
                let kind = match response.kind() {
                    ResponseType::Basic => "basic",
                    ResponseType::Cors => "cors",
                    ResponseType::Opaque => "opaque",
                    ResponseType::OpaqueRedirect => "opaqueredirect",
                    other => panic!("a new type of response: {other:?}"),
                };
                let headers = response.headers().iter().map(|(name, _)| name.as_str());
                let headers = headers
                    .map(|name| (name.to_owned(), response.header(name).unwrap_or_default()));
                let url = response.url().filter(|_| response.redirected());
                let url = url.map_or(String::new(), |url| url.to_string());
                Seen::Result(result(
                    response.status().into(),
                    kind,
                    &url,
                    headers,
                    &response.text(),
                ))
            }
            Err(error) => Seen::Failure(error.console()),
        }
    }

    fn blind(&self, means: Blind, page: &Page, id: usize) -> Fetch {
        let url = self.url.of(id);
        let form = |encoding| {
            match self.method {
                "GET" => Form::get(&*url),
                _ => Form::post(&*url),
            }
            .encoding(encoding)
            .field("a", "1")
        };
        let asked = match means {
            Blind::Script => page.script(&url),
            Blind::Font => page.font(&url),
            Blind::Beacon => page.beacon(&url, self.body.unwrap_or("text")),
            Blind::Socket => page.socket(&url.replacen("http", "ws", 1)),
            Blind::Frame => page.iframe(&url),
            Blind::Window => page.navigate(&url),
            Blind::FrameForm(encoding) => page.submit_in_frame(form(encoding)),
            Blind::WindowForm(encoding) => page.submit(form(encoding)),
        };
        match self.referrer_policy {
            Some((policy, _)) => asked.referrer_policy(policy),
            None => asked,
        }
    }

    fn fetch(&self, page: &Page, id: usize) -> Fetch {
        let url = self.url.of(id);
        match self.kind {
            Kind::Image => return page.image(&url),
            Kind::Loaded(Loaded::Script) => return page.script(&url),
            Kind::Loaded(Loaded::Style) => return page.stylesheet(&url),
            _ => {}
        }
        let mut request = Request::new(self.method, url);
        for (name, value) in &self.headers {
            request = request.header(*name, &**value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let mut fetch = page
            .fetch(request)
            .credentials(self.credentials)
            .mode(self.mode)
            .redirect(self.redirect);
        if let Some((policy, _)) = self.referrer_policy {
            fetch = fetch.referrer_policy(policy);
        }
        if self.kind == Kind::Xhr {
            fetch.upload_listener()
        } else {
            fetch
        }
    }
}
