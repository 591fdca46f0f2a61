//! The session of the demo: a JSON Web Token, carried by `Authorization: Bearer` or by a cookie.

use super::Secret;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

/// The cookie that holds the session. A cookie knows no port, so its name says whose it is.
pub const SESSION: &str = "same_origin_demo";

#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub exp: u64,
}

/// Issues tokens and judges them.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    pub fn new(secret: &Secret) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation: Validation {
                // One process issues and judges: there is no clock that could differ.
                leeway: 0,
                ..Validation::default()
            },
        }
    }

    pub fn issue(&self, subject: &str, expires: u64) -> jsonwebtoken::errors::Result<String> {
        let claims = Claims {
            sub: subject.to_owned(),
            exp: expires,
        };
        encode(&Header::default(), &claims, &self.encoding)
    }

    /// Who a request is from, by its `Authorization` or else by its cookie.
    ///
    /// The error is what a `WWW-Authenticate` field says (RFC 6750 3.1).
    pub fn judge(&self, headers: &HeaderMap) -> Result<Claims, &'static str> {
        use jsonwebtoken::errors::ErrorKind::ExpiredSignature;
        let token = bearer(headers)
            .or_else(|| cookie(headers))
            .ok_or("no token")?;
        match decode::<Claims>(token, &self.decoding, &self.validation) {
            Ok(token) => Ok(token.claims),
            Err(error) if matches!(error.kind(), ExpiredSignature) => Err("the token has expired"),
            Err(_) => Err("the token is not valid"),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == SESSION).then_some(value))
}
