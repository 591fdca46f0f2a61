//! The cookies of pages and frames, each with the jar of its partition.

use same_origin::browser::{Page, StorageAccess, Web};

const SHOP: &str = "https://shop.example";
const BANK: &str = "https://bank.example.org";
const CHAT: &str = "https://chat.example.net";

const PARTITIONED: &str = "p=1; Secure; SameSite=None; Partitioned";
const PLAIN: &str = "q=1; Secure; SameSite=None";
const LAX: &str = "l=1; Secure";

struct Case {
    name: &'static str,
    third_party_cookies: bool,
    page: fn(&Web) -> Page,
    cookies: Option<&'static str>,
}

/// Set in a frame of the shop and, without a partition, on the chat's own pages.
fn jar(web: &Web) {
    let frame = web.page(SHOP).frame(CHAT);
    frame.set_cookie("/", PARTITIONED).expect("a cookie");
    web.set_cookie(CHAT, PLAIN).expect("a cookie");
    web.set_cookie(CHAT, LAX).expect("a cookie");
}

#[test]
fn each_page_has_the_cookies_of_its_partition() {
    let cases = [
        Case {
            name: "a frame of the shop",
            third_party_cookies: true,
            page: |web| web.page(SHOP).frame(CHAT),
            cookies: Some("p=1; q=1"),
        },
        Case {
            name: "the same where those of others are blocked",
            third_party_cookies: false,
            page: |web| web.page(SHOP).frame(CHAT),
            cookies: Some("p=1"),
        },
        Case {
            name: "the same with storage access",
            third_party_cookies: false,
            page: |web| {
                let frame = web.page(SHOP).frame(CHAT);
                frame.storage_access(StorageAccess::Active)
            },
            cookies: Some("p=1; q=1"),
        },
        Case {
            name: "a frame elsewhere",
            third_party_cookies: false,
            page: |web| web.page(BANK).frame(CHAT),
            cookies: None,
        },
        Case {
            name: "the shop itself, which is of another site",
            third_party_cookies: false,
            page: |web| web.page(SHOP),
            // The partition is the shop's, whoever of its pages asks.
            cookies: Some("p=1"),
        },
        Case {
            name: "a page of its own",
            third_party_cookies: false,
            page: |web| web.page(CHAT),
            cookies: Some("q=1; l=1"),
        },
    ];
    for case in cases {
        let web = Web::new();
        jar(&web);
        let web = web.third_party_cookies(case.third_party_cookies);
        let cookies = (case.page)(&web).cookies(CHAT);
        assert_eq!(cookies.as_deref(), case.cookies, "{}", case.name);
    }
}

#[test]
fn what_a_frame_may_not_set() {
    let web = Web::new().third_party_cookies(false);
    let frame = web.page(SHOP).frame(CHAT);
    for (line, why) in [
        (PLAIN, "cookies of other sites are blocked"),
        ("p=1; SameSite=None; Partitioned", "Secure"),
        ("p=\u{1}", "header"),
    ] {
        let refused = frame.set_cookie("/", line).expect_err(line);
        assert!(refused.contains(why), "{line}: {refused}");
    }
    assert_eq!(frame.cookies("/"), None);
    assert!(frame.set_cookie("https://", PLAIN).is_err());
}
