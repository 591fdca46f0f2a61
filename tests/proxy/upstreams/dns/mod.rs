//! Upstreams that follow DNS, asked of a name server over UDP.

mod name_server;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use http::Request;
use name_server::{NAME, NameServer, Says, addresses_of};
use same_origin::proxy::{Body, Dns, ProxyError, ProxyErrorKind, ReverseProxy, Timeouts};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::support::{Answer, Upstream, exchange, get, reply, serve};

const SOON: Duration = Duration::from_millis(20);
const NEVER: Duration = Duration::from_secs(3600);

/// Upstreams at these addresses, all on the same port, each naming itself.
async fn upstreams<const N: usize>(ips: [&'static str; N]) -> (u16, Vec<Upstream>) {
    let listeners = loop {
        if let Ok(listeners) = listeners(ips).await {
            break listeners;
        }
    };
    let port = listeners[0].local_addr().unwrap().port();
    let start = |(listener, ip)| {
        let answer = move |_: &_| reply(&format!("x-at: {ip}\r\n"));
        Upstream::start_on(listener, answer)
    };
    (port, listeners.into_iter().zip(ips).map(start).collect())
}

/// A port that is free at the first address may be somebody's at another one.
async fn listeners<const N: usize>(ips: [&str; N]) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    for ip in ips {
        let first = listeners.first().map(TcpListener::local_addr).transpose()?;
        let port = first.map_or(0, |first| first.port());
        listeners.push(TcpListener::bind((ip, port)).await?);
    }
    Ok(listeners)
}

async fn until(server: SocketAddr, wanted: impl Fn(&Answer) -> bool) {
    while !wanted(&get(server, "/api/x", "").await) {}
}

fn quick() -> Dns {
    Dns::default().min_ttl(SOON)
}

async fn status_and_kind(proxy: ReverseProxy) -> (u16, Option<ProxyErrorKind>) {
    let request = Request::get("/api/x").header("host", "app.example");
    let response = proxy.oneshot(request.body(Body::empty()).unwrap()).await;
    let response = response.unwrap();
    let error = response.extensions().get::<ProxyError>();
    (response.status().as_u16(), error.map(ProxyError::kind))
}

const NO_ADDRESS: (u16, Option<ProxyErrorKind>) = (502, Some(ProxyErrorKind::Dns));

#[tokio::test]
async fn addresses_come_and_go() {
    let (port, ups) = upstreams(["127.0.0.1", "127.0.0.2"]).await;
    let dns = NameServer::with(&["127.0.0.1"], 0).await;
    let server = serve(dns.proxy(port, quick()).build().unwrap()).await;
    let answer = get(server, "/api/x", "").await;
    assert_eq!(answer.all("x-at"), ["127.0.0.1"]);
    assert_eq!(ups[0].one().field("host"), format!("{NAME}:{port}"));

    dns.says(addresses_of(&["127.0.0.1", "127.0.0.2"], 0));
    until(server, |answer| answer.all("x-at") == ["127.0.0.2"]).await;
    until(server, |answer| answer.all("x-at") == ["127.0.0.1"]).await;

    dns.says(addresses_of(&["127.0.0.2"], 0));
    until(server, |answer| answer.all("x-at") == ["127.0.0.2"]).await;
    // One more look at the new zone has surely been acted on when the next one begins.
    dns.asked_times(dns.asked().len() + 2).await;
    let before = ups[0].seen().len();
    for _ in 0..20 {
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
    assert_eq!(ups[0].seen().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_while_addresses_change() {
    let (port, ups) = upstreams(["127.0.0.1", "127.0.0.2", "127.0.0.3"]).await;
    let dns = NameServer::with(&["127.0.0.1"], 0).await;
    let settings = Dns::default().min_ttl(Duration::from_millis(1));
    let server = serve(dns.proxy(port, settings).build().unwrap()).await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                for n in 0..250 {
                    let post = format!(
                        "POST /api/{n} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx"
                    );
                    let answer = exchange(server, post).await;
                    assert_eq!((answer.status, &answer.body[..]), (200, &b"ok"[..]), "{n}");
                }
            })
        })
        .collect();
    let mut zones = [
        &["127.0.0.2"][..],
        &["127.0.0.3", "127.0.0.1"],
        &["127.0.0.1"],
        &["127.0.0.2", "127.0.0.3"],
    ]
    .into_iter()
    .cycle();
    while !clients.iter().all(|client| client.is_finished()) {
        dns.says(addresses_of(zones.next().unwrap(), 0));
        dns.asked_times(dns.asked().len() + 2).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    let seen: Vec<_> = ups.iter().map(|upstream| upstream.seen().len()).collect();
    assert_eq!(seen.iter().sum::<usize>(), 1000, "{seen:?}");
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
}

#[tokio::test]
async fn both_families_are_one_list() {
    if let Err(error) = TcpListener::bind("[::1]:0").await {
        eprintln!("skipped: no IPv6 here ({error})");
        return;
    }
    let (port, _ups) = upstreams(["127.0.0.1", "::1"]).await;
    let dns = NameServer::with(&["127.0.0.1", "::1"], 60).await;
    let server = serve(dns.proxy(port, quick()).build().unwrap()).await;
    until(server, |answer| answer.all("x-at") == ["::1"]).await;
    until(server, |answer| answer.all("x-at") == ["127.0.0.1"]).await;

    let server = serve(dns.proxy(port, quick().ipv6(false)).build().unwrap()).await;
    for _ in 0..20 {
        assert_eq!(get(server, "/api/x", "").await.all("x-at"), ["127.0.0.1"]);
    }
}

#[tokio::test]
async fn a_failure_keeps_the_list_and_an_empty_answer_empties_it() {
    let (port, _ups) = upstreams(["127.0.0.1", "127.0.0.2"]).await;
    let dns = NameServer::with(&["127.0.0.1"], 0).await;
    let server = serve(dns.proxy(port, quick()).build().unwrap()).await;
    assert_eq!(get(server, "/api/x", "").await.status, 200);

    dns.says(|_| Says::Code(ResponseCode::ServFail));
    // The zone was asked for the last time before; and then, after a pause, again.
    dns.asked_times(dns.asked().len() + 4).await;
    assert_eq!(get(server, "/api/x", "").await.status, 200);

    dns.says(addresses_of(&["127.0.0.2"], 0));
    until(server, |answer| answer.all("x-at") == ["127.0.0.2"]).await;

    dns.says(|_| Says::Code(ResponseCode::NXDomain));
    until(server, |answer| answer.status == 502).await;
    dns.says(addresses_of(&["127.0.0.1"], 0));
    until(server, |answer| answer.status == 200).await;
    // The name is there and has no address.
    dns.says(addresses_of(&[], 0));
    until(server, |answer| answer.status == 502).await;
}

#[tokio::test]
async fn a_name_that_is_gone_for_long_is_asked_for_soon() {
    let (port, _ups) = upstreams(["127.0.0.1"]).await;
    let dns = NameServer::with(&["127.0.0.1"], 0).await;
    let server = serve(dns.proxy(port, quick()).build().unwrap()).await;
    dns.says(|_| Says::Gone(3600));
    until(server, |answer| answer.status == 502).await;
    dns.says(addresses_of(&["127.0.0.1"], 0));
    let back = until(server, |answer| answer.status == 200);
    let back = tokio::time::timeout(Duration::from_secs(30), back).await;
    assert!(back.is_ok());
}

#[tokio::test]
async fn an_answer_is_good_for_its_time_between_floor_and_ceiling() {
    let (port, _ups) = upstreams(["127.0.0.1"]).await;
    let build = |dns: &NameServer, settings| dns.proxy(port, settings).build().unwrap();

    let dns = NameServer::with(&["127.0.0.1"], 1).await;
    let _proxy = build(&dns, quick());
    dns.asked_times(3).await;
    for pair in dns.asked().windows(2) {
        let between = pair[1].duration_since(pair[0]);
        assert!(between >= Duration::from_millis(900), "{between:?}");
    }

    let dns = NameServer::with(&["127.0.0.1"], 3600).await;
    let _proxy = build(&dns, quick().max_ttl(SOON));
    dns.asked_times(3).await;

    let dns = NameServer::with(&["127.0.0.1"], 0).await;
    let server = serve(build(&dns, quick().min_ttl(NEVER).max_ttl(NEVER))).await;
    for _ in 0..20 {
        assert_eq!(get(server, "/api/x", "").await.status, 200);
    }
    assert_eq!(dns.asked().len(), 1);
}

#[tokio::test]
async fn requests_wait_for_the_first_answer() {
    let (port, _ups) = upstreams(["127.0.0.1"]).await;
    // The first family to answer is enough.
    let dns = NameServer::start(|family| match family {
        RecordType::A => addresses_of(&["127.0.0.1"], 60)(family),
        _ => Says::Silence,
    })
    .await;
    let proxy = dns.proxy(port, quick()).build().unwrap();
    assert_eq!(status_and_kind(proxy).await, (200, None));

    // Nobody answers: for the connect timeout, and no longer.
    dns.says(|_| Says::Silence);
    let timeouts = Timeouts::default().connect(Duration::from_millis(50));
    let proxy = dns.proxy(port, quick()).timeouts(timeouts).build().unwrap();
    assert_eq!(status_and_kind(proxy).await, NO_ADDRESS);

    // An empty answer is one.
    dns.says(|_| Says::Code(ResponseCode::NXDomain));
    let timeouts = Timeouts::default().connect(NEVER);
    let proxy = dns.proxy(port, quick()).timeouts(timeouts).build().unwrap();
    assert_eq!(status_and_kind(proxy).await, NO_ADDRESS);
}

#[test]
fn without_a_runtime_nothing_is_asked_until_the_first_request() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (port, _ups) = runtime.block_on(upstreams(["127.0.0.1"]));
    let dns = runtime.block_on(NameServer::with(&["127.0.0.1"], 60));
    let proxy = dns.proxy(port, quick()).build().unwrap();
    assert_eq!(runtime.block_on(status_and_kind(proxy)), (200, None));
}

#[test]
fn the_next_runtime_goes_on_where_one_has_ended() {
    let lasting = tokio::runtime::Builder::new_multi_thread();
    let lasting = { lasting }.worker_threads(1).enable_all().build().unwrap();
    let (port, ups) = lasting.block_on(upstreams(["127.0.0.1", "127.0.0.2"]));
    let dns = lasting.block_on(NameServer::with(&["127.0.0.1"], 1));
    let proxy = dns.proxy(port, quick()).build().unwrap();
    let ask = |runtime: &tokio::runtime::Runtime| {
        let answer = runtime.block_on(status_and_kind(proxy.clone()));
        assert_eq!(answer, (200, None));
    };
    let short = || {
        let mut short = tokio::runtime::Builder::new_current_thread();
        short.enable_all().build().unwrap()
    };
    for _ in 0..9 {
        ask(&short());
    }
    // Not once for each of them.
    assert!(dns.asked().len() < 9, "{:?}", dns.asked());
    dns.says(addresses_of(&["127.0.0.2"], 0));
    let last = short();
    while ups[1].seen().is_empty() {
        ask(&last);
    }
    let of_old = ups[0].seen().len();
    for _ in 0..20 {
        ask(&last);
    }
    assert_eq!(ups[0].seen().len(), of_old);
}

#[test]
fn what_dns_cannot_follow_is_told_at_once() {
    for (url, dns, key, value, why) in [
        (
            "http://127.0.0.1:80",
            Dns::default(),
            "upstream",
            "http://127.0.0.1:80",
            "needs no DNS",
        ),
        (
            "http://[::1]:80",
            Dns::default(),
            "upstream",
            "http://[::1]:80",
            "needs no DNS",
        ),
        (
            "http://a.test",
            quick().min_ttl(Duration::ZERO),
            "dns.min_ttl",
            "0s",
            "above zero",
        ),
        (
            "http://a.test",
            quick().max_ttl(SOON / 2),
            "dns.max_ttl",
            &*format!("{:?}", SOON / 2),
            &*format!("no less than `min_ttl`, {SOON:?}"),
        ),
    ] {
        let builder = ReverseProxy::builder("/api", url).dns(dns);
        let errors = builder.build().unwrap_err();
        let all: Vec<_> = errors
            .iter()
            .map(|error| (error.key(), error.value(), error.remedy()))
            .collect();
        let [(at, Some(told), remedy)] = all[..] else {
            panic!("{all:?}");
        };
        assert!(
            at == key && told == value && remedy.contains(why),
            "{all:?}"
        );
    }
    let several = ReverseProxy::builder("/api", "")
        .upstreams(["http://a.test", "http://b.test"])
        .dns(Dns::default());
    let errors = several.build().unwrap_err();
    let first = errors.iter().next().unwrap();
    assert_eq!((first.key(), first.index()), ("upstream", Some(1)));
    assert_eq!(first.value(), Some("http://b.test"));
}
