//! Forms: how their fields become a URL or a body (HTML #form-submission-algorithm).

use bytes::Bytes;
use http::HeaderValue;
use url::Url;
use url::form_urlencoded::Serializer;

use super::request::{BodyInit, Request};
use crate::browser::reference::resolve;

/// A form; see [`Page::submit`](crate::browser::Page::submit).
#[derive(Clone, Debug)]
#[must_use]
pub struct Form {
    is_post: bool,
    action: String,
    encoding: Encoding,
    entries: Vec<Entry>,
}

/// The type of a form's body, its `enctype`. Of a form with GET it means nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `application/x-www-form-urlencoded`: what a form has if it says nothing.
    #[default]
    UrlEncoded,
    /// `multipart/form-data`.
    Multipart,
    /// `text/plain`: its lines are the fields as they are, by which a form can write JSON.
    Plain,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    value: String,
    /// A file's name and type.
    file: Option<(String, String)>,
}

/// The boundary of multipart bodies, which is another each time in a browser.
const BOUNDARY: &str = "----WebKitFormBoundarySameOrigin0001";

impl Form {
    /// A form with `method="get"`: its fields become the URL's query.
    pub fn get(action: impl Into<String>) -> Self {
        Self {
            is_post: false,
            action: action.into(),
            encoding: Encoding::default(),
            entries: Vec::new(),
        }
    }

    /// A form with `method="post"`.
    pub fn post(action: impl Into<String>) -> Self {
        Self {
            is_post: true,
            ..Self::get(action)
        }
    }

    /// The form's `enctype`.
    pub fn encoding(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    /// Adds a field.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.entries.push(Entry {
            name: with_newlines(&name.into()),
            value: with_newlines(&value.into()),
            file: None,
        });
        self
    }

    /// Adds a file of text. Only [`Encoding::Multipart`] sends it, the others its name.
    pub fn file(
        mut self,
        name: impl Into<String>,
        file_name: impl Into<String>,
        content_type: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        self.entries.push(Entry {
            name: with_newlines(&name.into()),
            value: text.into(),
            file: Some((file_name.into(), content_type.into())),
        });
        self
    }

    pub(super) fn into_request(self, base: Option<&Url>) -> Request {
        if self.is_post {
            let body = self.body();
            return Request::post(self.action).body(body);
        }
        // HTML #submit-mutate-action: the fields take the place of the query that the action had.
        let action = match base {
            Some(base) => resolve(base, &self.action),
            None => Url::parse(&self.action),
        };
        match action {
            Ok(mut url) => {
                url.set_query(Some(&self.url_encoded()));
                Request::get(url)
            }
            // The fetch reports what is wrong with the URL.
            Err(_) => Request::get(self.action),
        }
    }

    fn body(&self) -> BodyInit {
        let (content_type, text) = match self.encoding {
            Encoding::UrlEncoded => (
                HeaderValue::from_static("application/x-www-form-urlencoded"),
                self.url_encoded(),
            ),
            Encoding::Multipart => (HeaderValue::from_static(MULTIPART), self.multipart()),
            Encoding::Plain => (HeaderValue::from_static("text/plain"), self.plain()),
        };
        BodyInit {
            bytes: Some(Bytes::from(text)),
            content_type: Some(content_type),
            trouble: None,
        }
    }

    fn url_encoded(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        for entry in &self.entries {
            pairs.append_pair(&entry.name, entry.short());
        }
        pairs.finish()
    }

    /// HTML #plain-text-form-data.
    fn plain(&self) -> String {
        let lines = self.entries.iter();
        lines
            .map(|entry| format!("{}={}\r\n", entry.name, entry.short()))
            .collect()
    }

    /// HTML #multipart-form-data.
    fn multipart(&self) -> String {
        let part = |entry: &Entry| {
            let name = quoted(&entry.name);
            let file = entry.file.as_ref().map(|(file_name, content_type)| {
                let file_name = quoted(file_name);
                format!("; filename=\"{file_name}\"\r\nContent-Type: {content_type}")
            });
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{}\r\n\r\n{}\r\n",
                file.unwrap_or_default(),
                entry.value
            )
        };
        let parts: String = self.entries.iter().map(part).collect();
        format!("{parts}--{BOUNDARY}--\r\n")
    }
}

const MULTIPART: &str = "multipart/form-data; boundary=----WebKitFormBoundarySameOrigin0001";

impl Entry {
    /// The value; of a file its name.
    fn short(&self) -> &str {
        self.file.as_ref().map_or(&self.value, |(name, _)| name)
    }
}

/// HTML #normalize-newlines, as form submission wants them: CRLF.
fn with_newlines(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n")
}

fn quoted(name: &str) -> String {
    name.replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace('"', "%22")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(form: Form) -> (String, String, String) {
        let page = Url::parse("https://app.test/a/b?old").unwrap();
        let request = form.into_request(Some(&page));
        let content_type = request
            .body
            .content_type
            .map_or(String::new(), |value| value.to_str().unwrap().to_owned());
        let bytes = request.body.bytes.unwrap_or_default();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        (request.url, content_type, body)
    }

    #[test]
    fn get_writes_the_query() {
        let form = Form::get("c?gone#kept").field("a b", "1&2").field("ä", "");
        let (url, content_type, body) = sent(form);
        assert_eq!(url, "https://app.test/a/c?a+b=1%262&%C3%A4=#kept");
        assert_eq!((&*content_type, &*body), ("", ""));
    }

    #[test]
    fn post_writes_a_body() {
        let form = || {
            Form::post("/x")
                .field("a", "1\n2")
                .file("f", "n\"ame.txt", "text/csv", "x,y")
        };
        let (url, content_type, body) = sent(form());
        assert_eq!(url, "/x");
        assert_eq!(content_type, "application/x-www-form-urlencoded");
        assert_eq!(body, "a=1%0D%0A2&f=n%22ame.txt");
        let (_, content_type, body) = sent(form().encoding(Encoding::Plain));
        assert_eq!(content_type, "text/plain");
        assert_eq!(body, "a=1\r\n2\r\nf=n\"ame.txt\r\n");
        let (_, content_type, body) = sent(form().encoding(Encoding::Multipart));
        assert!(content_type.ends_with(BOUNDARY), "{content_type}");
        assert_eq!(
            body,
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n\
                 --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n%22ame.txt\"\r\n\
                 Content-Type: text/csv\r\n\r\nx,y\r\n--{BOUNDARY}--\r\n"
            )
        );
    }
}
