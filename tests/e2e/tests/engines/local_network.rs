//! Chromium's words to a page of the internet that asks for something nearer.

use same_origin::browser::{AddressSpace, Engine};
use serde_json::json;

use crate::browsers::chromium::Chromium;
use crate::real::{self, console_of, perform};
use crate::sockets::Served;
use crate::support::instructed::{page_server, server};
use crate::support::world::World;

const NEAR: &str = "https://api.test";

/// The pages' server counts as the internet, the other one is on this machine.
pub async fn is_asked_for_with_permission_only() {
    let pages = ["https://app.test", "http://plain.test"];
    let far = pages.iter().fold(World::default(), |world, page| {
        world.site(page, page_server(real::PAGE))
    });
    let near = World::default().site(NEAR, server());
    let (far_served, near_served) = (Served::start(&far).await, Served::start(&near).await);
    let (far_reach, near_reach) = (&far_served.reach, &near_served.reach);
    let rules = [
        format!("MAP api.test {}", near_reach.address),
        format!("MAP *.test {}", far_reach.address),
    ];
    let browser = Chromium::start([
        format!("--host-resolver-rules={}", rules.join(",")),
        format!(
            "--ignore-certificate-errors-spki-list={},{}",
            far_reach.pin, near_reach.pin
        ),
        format!("--ip-address-space-overrides={}=public", far_reach.address),
    ])
    .await;

    let web = near
        .web()
        .engine(Engine::Chromium)
        .address_space(NEAR, AddressSpace::Loopback)
        .local_network_access(false);
    for page in pages {
        let url = format!("{NEAR}/x?h=access-control-allow-origin:*");
        let outcome = web.page(page).fetch(&*url).send().await;
        let simulated = outcome.error().expect("it is blocked").console();
        assert!(near.arrived().is_empty());

        browser.page.goto(page).await.expect("a page");
        browser.console().await;
        let step =
            json!({ "kind": "fetch", "method": "GET", "url": url, "mode": "cors", "body": null });
        let seen = perform(&browser.page, &[step], None).await;
        let real = console_of(&seen[0], &browser.console().await);
        assert_eq!(real, simulated);
        assert!(near.arrived().is_empty());
    }
}
