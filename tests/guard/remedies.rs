//! Remedies: to follow one does not lead into the next error.

use same_origin::guard::{Exemption, Guard, GuardBuilder};

#[test]
fn what_would_be_refused_in_turn_is_not_advised() {
    let trust = |entry: &str| Guard::builder().trust([entry]);
    let public = |entry: &str| Guard::builder().public_origins([entry]);
    let exempt = |path: &str| Guard::builder().dangerously_exempt([Exemption::new(path)]);
    let in_full = "write each origin in full, such as \"https://app.example.com\"";
    let percent_encoded = "write it percent-encoded, as it comes in a request";
    let cases: [(GuardBuilder, &str); 19] = [
        (trust("*.co.uk"), "name the origins that are yours"),
        (
            trust("https://*.github.io/"),
            "name the origins that are yours",
        ),
        (
            trust("https://a.example, *.co.uk"),
            "name the origins that are yours",
        ),
        (trust("*.a.example"), "write \"https://*.a.example\""),
        (public("localhost:*"), in_full),
        (public("http://192.0.2.1:*/"), in_full),
        (public("*.a.example"), in_full),
        (public("https://a.example, *.a.example"), in_full),
        (public("*"), in_full),
        (public("a.example"), "write \"https://a.example\""),
        (exempt("hook"), "write \"/hook\""),
        (
            exempt("hook/"),
            "write \"/hook\", which is exempt with what is below it",
        ),
        (exempt("/a b/"), percent_encoded),
        (exempt("//a/"), "write one slash"),
        (
            exempt("/a//"),
            "write \"/a\", which is exempt with what is below it",
        ),
        (exempt("a b"), percent_encoded),
        (exempt("\"/hook\""), percent_encoded),
        (exempt("../hook"), "write the path that is meant"),
        (exempt("//"), "name the path, or leave the guard out"),
    ];
    for (builder, remedy) in cases {
        let errors = builder.build().expect_err("an error");
        let said: Vec<_> = errors.iter().map(|error| error.remedy()).collect();
        assert_eq!(said, [remedy], "{builder:?}");
    }
}
