//! Any text of a configuration: it is refused, with a suggestion that can be written if there is one, or
//! means the same when it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use same_origin::cors::CorsPolicy;
use same_origin::origin::{Origin, OriginPattern, OriginSet};

fuzz_target!(|texts: (&str, &str)| {
    let (text, origin) = texts;
    match text.parse::<OriginPattern>() {
        Ok(pattern) => {
            assert_eq!(pattern.to_string(), text);
            let set: OriginSet = [pattern.clone()].into_iter().collect();
            let parsed = origin.parse::<Origin>();
            if let Ok(origin) = &parsed {
                assert_eq!(set.contains(origin), pattern.matches(origin));
            }
            if let Some(itself) = pattern.to_origin() {
                assert!(set.contains(itself) && text.parse::<Origin>().is_ok());
            }
        }
        Err(error) => {
            if let Some(suggestion) = error.suggestion() {
                assert!(suggestion.parse::<OriginPattern>().is_ok(), "{suggestion}");
            }
            let errors = CorsPolicy::builder()
                .allow_origins([text])
                .build()
                .expect_err("an error");
            assert!(errors.iter().all(|error| !error.to_string().contains('\n')));
        }
    }
});
