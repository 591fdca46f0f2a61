//! A name server on loopback, which answers for one name.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{RData, Record, RecordType};
use same_origin::proxy::{Dns, ProxyBuilder, ReverseProxy};
use tokio::net::UdpSocket;
use tokio::sync::watch;

pub(super) const NAME: &str = "api.test";

/// A name server's answer for the name.
#[derive(Clone, Debug)]
pub(super) enum Says {
    Addresses(Vec<IpAddr>, u32),
    Code(ResponseCode),
    /// That there is no such name, for so many seconds (RFC 2308 5).
    Gone(u32),
    /// Nothing at all.
    Silence,
}

/// A name server. Each question is counted once it is answered as the zone says at that time.
pub(super) struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<Box<Zone>>>,
    asked: watch::Receiver<Vec<(RecordType, Instant)>>,
}

type Zone = dyn Fn(RecordType) -> Says + Send;

impl NameServer {
    pub(super) async fn start(zone: impl Fn(RecordType) -> Says + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<Box<Zone>>> = Arc::new(Mutex::new(Box::new(zone)));
        let (log, asked) = watch::channel(Vec::new());
        let says = Arc::clone(&zone);
        tokio::spawn(async move {
            let mut packet = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut packet).await {
                let question = Message::from_vec(&packet[..length]).unwrap();
                let family = question.queries[0].query_type();
                let says = says.lock().unwrap()(family);
                if let Some(answer) = answer(&question, says) {
                    socket.send_to(&answer, peer).await.unwrap();
                }
                log.send_modify(|asked| asked.push((family, Instant::now())));
            }
        });
        Self {
            address,
            zone,
            asked,
        }
    }

    /// One with these addresses, good for so many seconds.
    pub(super) async fn with(addresses: &[&str], ttl: u32) -> Self {
        Self::start(addresses_of(addresses, ttl)).await
    }

    pub(super) fn says(&self, zone: impl Fn(RecordType) -> Says + Send + 'static) {
        *self.zone.lock().unwrap() = Box::new(zone);
    }

    /// The times at which it was asked for A.
    pub(super) fn asked(&self) -> Vec<Instant> {
        let asked = self.asked.borrow();
        let of_a = asked.iter().filter(|(family, _)| *family == RecordType::A);
        of_a.map(|(_, at)| *at).collect()
    }

    /// Waits until it has been asked for A so many times in all.
    pub(super) async fn asked_times(&self, times: usize) {
        let mut asked = self.asked.clone();
        let is_a = |(family, _): &&(RecordType, Instant)| *family == RecordType::A;
        let enough = |asked: &Vec<_>| asked.iter().filter(is_a).count() >= times;
        asked.wait_for(enough).await.unwrap();
    }

    /// A proxy of `http://api.test:port` that asks here.
    pub(super) fn proxy(&self, port: u16, dns: Dns) -> ProxyBuilder {
        ReverseProxy::builder("/api", format!("http://{NAME}:{port}"))
            .dns(dns.servers([self.address]))
    }
}

fn answer(question: &Message, says: Says) -> Option<Vec<u8>> {
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_available = true;
    let name = query.name().clone();
    assert_eq!(name.to_ascii(), format!("{NAME}."));
    answer.add_query(query);
    match says {
        Says::Addresses(addresses, ttl) => {
            let record = |ip| Record::from_rdata(name.clone(), ttl, RData::from(ip));
            answer.add_answers(addresses.into_iter().map(record));
        }
        Says::Code(code) => answer.metadata.response_code = code,
        Says::Gone(ttl) => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            let soa = SOA::new(name.clone(), name.clone(), 1, 60, 60, 60, ttl);
            answer.add_authority(Record::from_rdata(name, ttl, RData::SOA(soa)));
        }
        Says::Silence => return None,
    }
    Some(answer.to_vec().unwrap())
}

/// A zone of these addresses, each under its family.
pub(super) fn addresses_of(
    addresses: &[&str],
    ttl: u32,
) -> impl Fn(RecordType) -> Says + Send + use<> {
    let addresses: Vec<IpAddr> = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
    move |family| {
        let of_family = |ip: &&IpAddr| ip.is_ipv4() == (family == RecordType::A);
        Says::Addresses(addresses.iter().filter(of_family).copied().collect(), ttl)
    }
}
