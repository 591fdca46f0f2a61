//! Which upstream is chosen, and which is left alone.

use super::*;

/// Notes a failure to connect.
fn fail(upstreams: &Balancer, request: &InFlight) -> Option<Duration> {
    upstreams.failed(request, &ProxyErrorKind::Connect.into())
}

fn balancer(count: usize) -> Balancer {
    let address = |n| Upstream::parse(&format!("http://up{n}.example")).unwrap();
    Balancer::fixed((0..count).map(address).collect())
}

fn members(balancer: &Balancer) -> &[Arc<Member>] {
    match &balancer.members {
        Members::Fixed(members) => members,
        Members::Changing(_) => panic!("it is a list that stays"),
    }
}

fn host(picked: &InFlight) -> &str {
    picked.member().upstream.destination.host()
}

#[test]
fn every_upstream_is_picked() {
    let upstreams = balancer(5);
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(upstreams.pick(&Tried::default(), true).unwrap());
    }
    let loads: Vec<_> = members(&upstreams).iter().map(|one| one.load()).collect();
    assert!(
        loads.iter().all(|load| (10..=30).contains(load)),
        "{loads:?}"
    );
    drop(held);
    assert!(members(&upstreams).iter().all(|one| one.load() == 0));
}

#[test]
fn the_less_loaded_of_two_is_picked() {
    let upstreams = balancer(2);
    let busy = upstreams.pick(&Tried::default(), true).unwrap();
    for _ in 0..20 {
        let other = upstreams.pick(&Tried::default(), true).unwrap();
        assert_ne!(host(&other), host(&busy));
    }
}

#[test]
fn a_failed_upstream_is_left_alone_until_one_trial() {
    let upstreams = balancer(2);
    let failing = upstreams.pick(&Tried::default(), true).unwrap();
    fail(&upstreams, &failing);
    for _ in 0..20 {
        assert_ne!(
            host(&upstreams.pick(&Tried::default(), true).unwrap()),
            host(&failing)
        );
    }
    // Its pause is over: exactly one of many picks tries it.
    failing.member().set_aside(0);
    let picks: Vec<_> = (0..50)
        .map(|_| upstreams.pick(&Tried::default(), true).unwrap())
        .collect();
    let trials = picks.iter().filter(|picked| host(picked) == host(&failing));
    assert_eq!(trials.count(), 1);
    failing.member().succeeded();
    assert!(failing.member().is_available(0));
}

#[test]
fn a_burst_of_failures_is_one_failure() {
    let upstreams = balancer(1);
    let burst: Vec<_> = (0..20)
        .map(|_| upstreams.pick(&Tried::default(), true).unwrap())
        .collect();
    for request in &burst {
        fail(&upstreams, request);
    }
    let member = &members(&upstreams)[0];
    let failures = || member.failures();
    assert_eq!(failures(), 1);
    // The trial after its pause is another one.
    member.set_aside(0);
    fail(
        &upstreams,
        &upstreams.pick(&Tried::default(), true).unwrap(),
    );
    assert_eq!(failures(), 2);
    // After a success it starts anew, whenever the request was picked that fails.
    member.succeeded();
    fail(&upstreams, &burst[0]);
    assert_eq!(failures(), 1);
    assert!(!member.is_available(1));
}

#[test]
fn the_only_one_is_tried_each_time() {
    let upstreams = balancer(1);
    for _ in 0..3 {
        let picked = upstreams.pick(&Tried::default(), true).unwrap();
        fail(&upstreams, &picked);
        assert!(!upstreams.has_another(&picked));
    }
    assert!(!members(&upstreams)[0].is_available(1));
}

fn pick(upstreams: &Balancer) -> Option<InFlight> {
    upstreams.pick(&Tried::default(), true)
}

/// A request that comes to each in vain.
fn exhaust(upstreams: &Balancer) -> Vec<String> {
    let (mut tried, mut hosts) = (Tried::default(), Vec::new());
    while let Some(picked) = upstreams.pick(&tried, true) {
        fail(upstreams, &picked);
        hosts.push(host(&picked).to_owned());
        tried.add(&picked);
    }
    hosts
}

#[tokio::test(start_paused = true)]
async fn a_request_comes_to_each_once_and_then_there_is_none() {
    let upstreams = balancer(3);
    let mut hosts = exhaust(&upstreams);
    hosts.sort();
    assert_eq!(hosts, ["up0.example", "up1.example", "up2.example"]);
    assert!(members(&upstreams).iter().all(|one| !one.is_available(1)));
    // As a probe the next one comes to a single member.
    assert_eq!(exhaust(&upstreams).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_set_aside_one_request_at_a_time_probes() {
    let upstreams = balancer(2);
    exhaust(&upstreams);
    tokio::time::advance(Duration::from_millis(10)).await;
    let probe = pick(&upstreams).unwrap();
    assert!(pick(&upstreams).is_none());
    let first = host(&probe).to_owned();
    // Its client has gone.
    drop(probe);
    let mut probe = pick(&upstreams).unwrap();
    assert_ne!(host(&probe), first, "the one that is due first");
    probe.answered();
    let back = host(&probe);
    for _ in 0..10 {
        assert_eq!(host(&pick(&upstreams).unwrap()), back);
    }
    // As its response is not here yet, the place is not its own any more.
    fail(&upstreams, &pick(&upstreams).unwrap());
    assert!(pick(&upstreams).is_some());
}

/// A line in the log for each pause that is longer, and one when it is over; for a list of one there is neither.
#[tokio::test(start_paused = true)]
async fn what_is_news_of_a_member() {
    let upstreams = balancer(2);
    let at = |choices: usize| InFlight::at(&members(&upstreams)[0], choices, upstreams.now());
    let together = [at(2), at(2)];
    let second = Duration::from_secs(1);
    let told = together.each_ref().map(|one| fail(&upstreams, one));
    assert_eq!(told, [Some(second), None], "of a burst the first");
    tokio::time::advance(second * 2).await;
    assert_eq!(fail(&upstreams, &at(2)), Some(second * 2));
    let probe = at(2).with(upstreams.probe.take().unwrap());
    assert_eq!(fail(&upstreams, &probe), None);
    assert!(at(2).answered());
    assert!(!at(2).answered());
    assert_eq!(fail(&upstreams, &at(1)), None);
    assert!(!at(1).answered());
}

/// However many requests come while all are down.
#[tokio::test(start_paused = true)]
async fn probes_make_no_pause_longer() {
    let upstreams = balancer(2);
    exhaust(&upstreams);
    for _ in 0..400 {
        tokio::time::advance(Duration::from_millis(100)).await;
        fail(&upstreams, &pick(&upstreams).unwrap());
    }
    let mut probe = pick(&upstreams).unwrap();
    probe.answered();
    tokio::time::advance(Duration::from_secs(1)).await;
    let now = upstreams.now();
    assert!(members(&upstreams).iter().all(|one| one.is_available(now)));
}

#[tokio::test(start_paused = true)]
async fn who_answers_nothing_three_times_in_a_row_is_left_alone() {
    let upstreams = balancer(2);
    let at = |which: usize| InFlight::at(&members(&upstreams)[which], 2, upstreams.now());
    let is_available = || members(&upstreams)[0].is_available(upstreams.now());
    for _ in 0..2 {
        upstreams.left_unanswered(&at(0));
        upstreams.left_unanswered(&at(0));
        assert!(is_available());
        at(0).answered();
    }
    upstreams.left_unanswered(&at(0));
    upstreams.left_unanswered(&at(0));
    // Another one's answer says nothing of it.
    at(1).answered();
    upstreams.left_unanswered(&at(0));
    assert!(!is_available());
    // One trial is enough then, and its pause is longer.
    tokio::time::advance(Duration::from_secs(2)).await;
    upstreams.left_unanswered(&at(0));
    tokio::time::advance(Duration::from_millis(1900)).await;
    assert!(!is_available());
    tokio::time::advance(Duration::from_millis(100)).await;
    at(0).answered();
    upstreams.left_unanswered(&at(0));
    assert!(is_available());
}

/// All of them leave what they are sent unanswered for a moment, as a port mapper does whose application starts anew.
#[tokio::test(start_paused = true)]
async fn requests_that_come_as_the_last_resort_make_no_pause_longer() {
    let upstreams = balancer(4);
    for _ in 0..200 {
        let mut tried = Tried::default();
        while let Some(picked) = upstreams.pick(&tried, false) {
            upstreams.left_unanswered(&picked);
            tried.add(&picked);
        }
        assert_eq!(tried.len(), 4);
        tokio::time::advance(Duration::from_millis(4)).await;
    }
    assert_eq!(upstreams.set_aside(), 4);
    tokio::time::advance(Duration::from_secs(2)).await;
    let now = upstreams.now();
    assert!(members(&upstreams).iter().all(|one| one.is_available(now)));
    // The trial after a pause that was waited out makes it longer.
    upstreams.left_unanswered(&InFlight::at(&members(&upstreams)[0], 4, now));
    tokio::time::advance(Duration::from_millis(1900)).await;
    assert!(!members(&upstreams)[0].is_available(upstreams.now()));
}

/// A client that knows a path on which all of them are silent does not close them to others.
#[tokio::test(start_paused = true)]
async fn who_can_be_connected_to_is_the_last_resort() {
    let upstreams = balancer(3);
    let at = |which: usize| InFlight::at(&members(&upstreams)[which], 3, upstreams.now());
    for which in [0, 0, 0, 1, 1, 1] {
        upstreams.left_unanswered(&at(which));
    }
    fail(&upstreams, &at(2));
    let mut picked = Vec::new();
    for _ in 0..40 {
        let request = upstreams.pick(&Tried::default(), false).unwrap();
        assert_ne!(host(&request), "up2.example");
        picked.push(request);
    }
    assert!(members(&upstreams)[..2].iter().all(|one| one.load() > 10));
    // With those that cannot be connected to there is nothing to go on with, and a body is not a probe.
    for which in [0, 1] {
        fail(&upstreams, &at(which));
    }
    assert!(upstreams.pick(&Tried::default(), false).is_none());
    assert!(upstreams.pick(&Tried::default(), true).is_some());
}
