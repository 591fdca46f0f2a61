//! The answer to a WebSocket's handshake: whether the server switches, and to nothing that was not asked for.

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::browser::engine::{Engine, Quirk};
use crate::browser::outcome::error::FetchErrorKind;
use crate::browser::values;
use crate::fields::{elements, split};

/// RFC 6455 1.3: the answer to the key that is always sent.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The extension that a handshake offers.
const EXTENSION: &str = "permessage-deflate";

/// WebSockets #concept-websocket-establish step 11. `asked` is the request's head as it was sent.
///
/// The fields are judged in Chromium's order and words.
pub(crate) fn judge(
    asked: &HeaderMap,
    status: StatusCode,
    response: &HeaderMap,
    engine: Engine,
) -> Result<(), FetchErrorKind> {
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(FetchErrorKind::Handshake(status));
    }
    upgrade(response)?;
    accept(response)?;
    connection(response)?;
    protocol(asked, response)?;
    extensions(asked, response, engine)
}

/// RFC 6455 4.1, point 2 of the server's response.
fn upgrade(response: &HeaderMap) -> Result<(), FetchErrorKind> {
    let value = single(response, UPGRADE, "Upgrade")?;
    match value.eq_ignore_ascii_case("websocket") {
        true => Ok(()),
        false => Err(fault(
            UPGRADE,
            format!("'Upgrade' header value is not 'WebSocket': {value}"),
        )),
    }
}

/// Point 4.
fn accept(response: &HeaderMap) -> Result<(), FetchErrorKind> {
    let value = single(response, SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")?;
    match value == ACCEPT {
        true => Ok(()),
        false => Err(fault(
            SEC_WEBSOCKET_ACCEPT,
            "Incorrect 'Sec-WebSocket-Accept' header value",
        )),
    }
}

/// Point 3.
fn connection(response: &HeaderMap) -> Result<(), FetchErrorKind> {
    if !response.contains_key(CONNECTION) {
        return Err(fault(CONNECTION, "'Connection' header is missing"));
    }
    match elements(response, &CONNECTION).any(|option| option.eq_ignore_ascii_case(b"upgrade")) {
        true => Ok(()),
        false => Err(fault(
            CONNECTION,
            "'Connection' header value must contain 'Upgrade'",
        )),
    }
}

/// Point 6: one of those that were asked for. The rule that one of them has to be chosen is that of WebSockets
/// #concept-websocket-establish.
fn protocol(asked: &HeaderMap, response: &HeaderMap) -> Result<(), FetchErrorKind> {
    const NAME: &str = "Sec-WebSocket-Protocol";
    let asks = asked.contains_key(SEC_WEBSOCKET_PROTOCOL);
    let text = match (asks, response.contains_key(SEC_WEBSOCKET_PROTOCOL)) {
        (false, false) => return Ok(()),
        (true, false) => format!("Sent non-empty '{NAME}' header but no response was received"),
        (asks, true) => {
            let chosen = single(response, SEC_WEBSOCKET_PROTOCOL, NAME)?;
            let mut names = elements(asked, &SEC_WEBSOCKET_PROTOCOL);
            if names.any(|name| name == chosen.as_bytes()) {
                return Ok(());
            }
            match asks {
                false => format!(
                    "Response must not include '{NAME}' header if not present in request: {chosen}"
                ),
                true => format!(
                    "'{NAME}' header value '{chosen}' in response does not match any of sent values"
                ),
            }
        }
    };
    Err(fault(SEC_WEBSOCKET_PROTOCOL, text))
}

/// Point 5: what was offered, and once (RFC 7692 5.1). Its parameters are not looked at, as nothing is
/// compressed here.
fn extensions(
    asked: &HeaderMap,
    response: &HeaderMap,
    engine: Engine,
) -> Result<(), FetchErrorKind> {
    let mut lines = response.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    let is_empty = |line: &HeaderValue| split(line).any(<[u8]>::is_empty);
    if let (true, Some(line)) = (
        engine.has(Quirk::NoEmptyExtensions),
        lines.find(|line| is_empty(line)),
    ) {
        let value = values::isomorphic(line.as_bytes());
        let text =
            format!("'Sec-WebSocket-Extensions' header value is rejected by the parser: {value}");
        return Err(fault(SEC_WEBSOCKET_EXTENSIONS, text));
    }
    let mut offered = asked.contains_key(SEC_WEBSOCKET_EXTENSIONS);
    for element in elements(response, &SEC_WEBSOCKET_EXTENSIONS) {
        let text = values::isomorphic(element);
        let name = text.split(';').next().unwrap_or_default().trim();
        let known = name == EXTENSION;
        if !(known && offered) {
            let text = match known && asked.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
                true => format!("Received duplicate {EXTENSION} response"),
                false => format!(
                    "Found an unsupported extension '{name}' in 'Sec-WebSocket-Extensions' header"
                ),
            };
            return Err(fault(SEC_WEBSOCKET_EXTENSIONS, text));
        }
        offered = false;
    }
    Ok(())
}

/// The value of a field that may stand but once; `shown` is its name as people write it.
fn single(response: &HeaderMap, name: HeaderName, shown: &str) -> Result<String, FetchErrorKind> {
    let mut lines = response.get_all(&name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(values::isomorphic(line.as_bytes())),
        (None, _) => Err(fault(name, format!("'{shown}' header is missing"))),
        (Some(_), Some(_)) => Err(fault(
            name,
            format!("'{shown}' header must not appear more than once in a response"),
        )),
    }
}

fn fault(name: HeaderName, text: impl Into<String>) -> FetchErrorKind {
    FetchErrorKind::HandshakeField(name, text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chromium_takes_no_empty_extension() {
        for (line, is_taken) in [
            ("permessage-deflate", true),
            ("", false),
            ("permessage-deflate,", false),
            (", permessage-deflate", false),
        ] {
            let name = SEC_WEBSOCKET_EXTENSIONS;
            let field =
                |line| HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(line))]);
            let (asked, response) = (field(EXTENSION), field(line));
            let judged = |engine| extensions(&asked, &response, engine).is_ok();
            assert!(judged(Engine::Standard), "{line}");
            assert_eq!(judged(Engine::Chromium), is_taken, "{line}");
        }
    }
}
