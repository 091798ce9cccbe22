//! The API over real HTTP on loopback, from signed bytes to XML.

mod addresses;
mod admission;
mod attachments;
mod attributes;
mod client;
mod creation;
mod describes;
mod filters;
mod hostile;
mod pages;
mod prefixes;
mod protocol;
mod requests;
mod scene;
mod security_groups;
mod tags;
mod vpc_life;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use ec2_query::{Action, EC2_VERSION, ErrorResponse, encode_body, from_xml, to_form};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::sigv4::{SignedRequest, authorization};
use crate::state::AccessKey;
pub(super) use scene::{ABSENT, OTHER_ACCOUNT, Scene, default_group};

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Scene {
    /// Sends a request as the lab's user and reads the result.
    fn call<A: Action>(&self, request: &A) -> A::Response {
        let answer = self.raw(&to_form(request).unwrap());
        assert_eq!(answer.status, 200, "{}", answer.body);
        from_xml::<A>(&answer.body).unwrap()
    }

    /// Sends a request that must be refused; status, code and message.
    fn refused<A: Action>(&self, request: &A) -> (u16, String, String) {
        refusal(&self.raw(&to_form(request).unwrap()))
    }

    /// Sends any action with any parameters; status, code and message of its refusal.
    fn refused_raw(&self, action: &str, parameters: &[(&str, &str)]) -> (u16, String, String) {
        refusal(&self.raw(&form(action, parameters)))
    }

    fn raw(&self, pairs: &[(String, String)]) -> Answer {
        self.post(&encode_body(pairs), &self.key)
    }

    fn post(&self, body: &str, key: &AccessKey) -> Answer {
        self.send("POST", "/", body, Some(key))
    }

    /// Sends a request signed with `key`, if there is one.
    fn send(&self, method: &str, target: &str, body: &str, key: Option<&AccessKey>) -> Answer {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: String| {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        };
        put("host", self.address.to_string());
        put("content-type", "application/x-www-form-urlencoded; charset=utf-8".into());
        put("x-amz-date", self.signing_time());
        if let Some(key) = key {
            if let Some(token) = &key.session_token {
                put("x-amz-security-token", token.clone());
            }
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let request =
                SignedRequest { method, path, query, headers: &headers, body: body.as_bytes() };
            let value = authorization(&request, key, "us-west-2", "ec2");
            headers.insert("authorization", HeaderValue::from_str(&value).unwrap());
        }
        exchange(self.address, method, target, &headers, body.as_bytes())
    }
}

/// One HTTP/1.1 exchange, byte by byte.
fn exchange(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    // A server that refuses early closes before it has read everything.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Answer { status, headers, body: body.to_owned() }
}

fn form(action: &str, parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    [("Action", action), ("Version", EC2_VERSION)]
        .iter()
        .chain(parameters)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    assert_ne!(answer.status, 200, "{}", answer.body);
    let error = ErrorResponse::from_xml(&answer.body).unwrap();
    assert_eq!(error.request_id.len(), 36, "{}", answer.body);
    (answer.status, error.code, error.message)
}

/// A refusal to compare with.
fn error(status: u16, code: &str, message: impl Into<String>) -> (u16, String, String) {
    (status, code.to_owned(), message.into())
}
