//! The ways to be wrong. Most of them were shipped by somebody.

mod answers;
mod origins;
mod preflights;

use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS as CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS as HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS as METHODS, ACCESS_CONTROL_ALLOW_ORIGIN as ALLOW,
    ACCESS_CONTROL_EXPOSE_HEADERS as EXPOSE, ACCESS_CONTROL_MAX_AGE as MAX_AGE, COOKIE, HeaderName,
    HeaderValue, LOCATION, SET_COOKIE, VARY,
};
use http::{Method, StatusCode};

use super::server::{Asked, Mutation, bare};

pub struct Mutant {
    pub name: &'static str,
    pub found_by: &'static str,
    /// A text of the scenario's report about it.
    pub says: &'static str,
    pub mutate: Mutation,
}

const fn mutant(
    name: &'static str,
    found_by: &'static str,
    says: &'static str,
    mutate: Mutation,
) -> Mutant {
    Mutant {
        name,
        found_by,
        says,
        mutate,
    }
}

const NO_ORIGIN: &str = "No 'Access-Control-Allow-Origin' header is present";
const NO_METHOD: &str = "is not allowed by Access-Control-Allow-Methods";
const NO_HEADER: &str = "is not allowed by Access-Control-Allow-Headers";

/// All of them.
pub fn mutants() -> impl Iterator<Item = &'static Mutant> {
    [origins::MUTANTS, preflights::MUTANTS, answers::MUTANTS]
        .into_iter()
        .flatten()
}

fn set(answer: &mut Response, name: HeaderName, value: &str) {
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_str(value).expect("a value"));
}

/// Another value for a header that is there.
fn replace(answer: &mut Response, name: HeaderName, value: &str) {
    if answer.headers().contains_key(&name) {
        set(answer, name, value);
    }
}

fn remove(answer: &mut Response, name: HeaderName) {
    answer.headers_mut().remove(name);
}

fn strip(answer: &mut Response) {
    for name in [ALLOW, CREDENTIALS, METHODS, HEADERS, EXPOSE, MAX_AGE] {
        remove(answer, name);
    }
}

fn admit(asked: &Asked, answer: &mut Response) {
    set(answer, ALLOW, &asked.origin);
    set(answer, CREDENTIALS, "true");
}

fn admit_if(asked: &Asked, answer: &mut Response, wrongly: bool) {
    if wrongly {
        admit(asked, answer);
    }
}
