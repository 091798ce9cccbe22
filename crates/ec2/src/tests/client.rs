use super::server::{Answer, Server};
use crate::*;
use aws_credential_types::provider::{error::CredentialsError, future};
use ec2_query::*;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

fn config(server: &Server) -> Config {
    let retry = Retry {
        attempts: 3,
        base: Duration::from_millis(40),
        cap: Duration::from_millis(60),
        jitter: Jitter::new(|| 1.0),
    };
    let timeout = Duration::from_secs(10);
    Config { retry, timeout, ..Config::new(server.base.clone(), "us-west-2") }
}

fn client(server: &Server) -> Ec2Client {
    with(config(server))
}

fn with(config: Config) -> Ec2Client {
    let token = Some("session".to_owned());
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", token, None, "test");
    Ec2Client::new(config, Arc::new(credentials)).unwrap()
}

/// A server that gives `answers` one after the other.
async fn scripted(answers: Vec<Answer>) -> Server {
    let mut answers = answers.into_iter();
    Server::start(move |_| answers.next().unwrap_or_else(|| Answer::new(418, "one too many"))).await
}

fn vpcs(ids: &[&str], next_token: Option<&str>) -> Answer {
    let vpc = |id: &&str| Vpc { vpc_id: (*id).to_owned(), ..Default::default() };
    let next_token = next_token.map(str::to_owned);
    let response = DescribeVpcsResponse { vpcs: ids.iter().map(vpc).collect(), next_token };
    Answer::new(200, to_xml::<DescribeVpcs>("r", &response).unwrap())
}

fn refusal(status: u16, code: &str) -> Answer {
    let error = ErrorResponse {
        code: code.to_owned(),
        message: "Because.".to_owned(),
        request_id: "r-7".to_owned(),
    };
    Answer::new(status, error.to_xml())
}

fn assigned() -> Answer {
    let response = AssignPrivateIpAddressesResponse::default();
    Answer::new(200, to_xml::<AssignPrivateIpAddresses>("r", &response).unwrap())
}

/// A request that must not be sent twice if the first may have arrived.
fn two_more_addresses() -> AssignPrivateIpAddresses {
    AssignPrivateIpAddresses {
        network_interface_id: "eni-1".to_owned(),
        secondary_private_ip_address_count: Some(2),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_call_is_a_signed_post_and_connections_are_reused() {
    let server = scripted(vec![vpcs(&["vpc-1"], None), vpcs(&[], None)]).await;
    let client = client(&server);
    let answer = client.call(&DescribeVpcs::default()).await.unwrap();
    assert_eq!(answer.vpcs[0].vpc_id, "vpc-1");
    client.call(&DescribeVpcs::default()).await.unwrap();
    assert_eq!(client.calls().into_iter().collect::<Vec<_>>(), [("DescribeVpcs", 2)]);
    assert_eq!(server.connections(), 1);

    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/"));
    assert_eq!(seen.body, "Action=DescribeVpcs&Version=2016-11-15");
    assert_eq!(seen.headers["host"], server.base.authority().unwrap().as_str());
    assert_eq!(seen.headers["content-type"], "application/x-www-form-urlencoded; charset=utf-8");
    assert_eq!(seen.headers["x-amz-security-token"], "session");
    let authorization = seen.headers["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
    assert!(authorization.contains("/us-west-2/ec2/aws4_request"));
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,";
    assert!(authorization.contains(signed), "{authorization}");
}

#[tokio::test]
async fn a_refusal_is_told_and_not_repeated() {
    let server = scripted(vec![refusal(400, "InvalidVpcID.NotFound")]).await;
    let error = client(&server).call(&DescribeVpcs::default()).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidVpcID.NotFound"));
    assert!(!error.is_throttle() && error.is_without_effect());
    assert_eq!(
        error.to_string(),
        "EC2 refused DescribeVpcs: InvalidVpcID.NotFound: Because. (HTTP 400, request r-7)"
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn throttles_are_repeated_with_growing_pauses_even_when_repeating_is_unsafe() {
    let throttle = || refusal(503, "RequestLimitExceeded");
    let server = scripted(vec![throttle(), throttle(), assigned()]).await;
    let client = client(&server);
    let start = Instant::now();
    client.call(&two_more_addresses()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(40 + 60), "{:?}", start.elapsed());
    assert_eq!(client.calls()["AssignPrivateIpAddresses"], 3);
    // Signed anew each time, the requests say the same.
    let bodies: Vec<String> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]) && bodies.len() == 3);
}

#[tokio::test]
async fn throttles_end_after_the_last_try() {
    let answers = (0..9).map(|_| refusal(503, "RequestLimitExceeded")).collect();
    let server = scripted(answers).await;
    let error = client(&server).call(&DescribeVpcs::default()).await.unwrap_err();
    assert!(error.is_throttle() && error.is_without_effect());
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_server_fault_is_repeated_only_where_that_is_safe() {
    let fault = || refusal(500, "InternalError");
    let server = scripted(vec![fault(), Answer::new(502, "<html/>"), vpcs(&[], None)]).await;
    client(&server).call(&DescribeVpcs::default()).await.unwrap();
    assert_eq!(server.seen().len(), 3);

    let server = scripted(vec![fault(), assigned()]).await;
    let error = client(&server).call(&two_more_addresses()).await.unwrap_err();
    assert_eq!(error.code(), Some("InternalError"));
    assert!(!error.is_without_effect());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn slow_answers_time_out() {
    let slow = || Answer { delay: Duration::from_secs(30), ..vpcs(&[], None) };
    let server = scripted(vec![slow(), vpcs(&["vpc-1"], None), slow()]).await;
    let client = with(Config { timeout: Duration::from_millis(700), ..config(&server) });
    client.call(&DescribeVpcs::default()).await.unwrap();
    assert_eq!(server.seen().len(), 2);
    let error = client.call(&two_more_addresses()).await.unwrap_err();
    assert!(matches!(error, CallError::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("within 700ms"), "{error}");
    assert!(!error.is_without_effect());
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn nobody_listening_is_without_effect() {
    let server = scripted(Vec::new()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let client = with(Config { endpoint, ..config(&server) });
    let error = client.call(&two_more_addresses()).await.unwrap_err();
    assert!(matches!(&error, CallError::Transport { source: TransportError::Connect(_), .. }));
    assert!(error.is_without_effect());
    assert_eq!(client.calls()["AssignPrivateIpAddresses"], 3);
}

#[tokio::test]
async fn an_answer_cut_short_is_not_taken_for_one() {
    let whole = vpcs(&["vpc-1"], None).body;
    let half = Answer::new(200, whole[..whole.len() / 2].to_owned());
    let other = Answer::new(200, "<html><body>Sign in to the network</body></html>");
    let server = scripted(vec![half, other]).await;
    let client = client(&server);
    for _ in 0..2 {
        let error = client.call(&DescribeVpcs::default()).await.unwrap_err();
        assert!(matches!(error, CallError::Decode { status: 200, .. }), "{error:?}");
        assert!(!error.is_without_effect());
    }
}

#[tokio::test]
async fn an_endless_answer_is_refused() {
    let server = scripted(vec![Answer::new(200, " ".repeat((16 << 20) + 1))]).await;
    let error = client(&server).call(&DescribeVpcs::default()).await.unwrap_err();
    assert!(matches!(&error, CallError::Transport { source: TransportError::TooLong { .. }, .. }));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn lists_come_whole() {
    let pages = vec![vpcs(&["a", "b"], Some("t1")), vpcs(&[], Some("t2")), vpcs(&["c"], None)];
    let server = scripted(pages).await;
    let client = client(&server);
    let request = DescribeVpcs { max_results: Some(5), ..Default::default() };
    let ids: Vec<String> =
        client.list(request).await.unwrap().into_iter().map(|vpc| vpc.vpc_id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let bodies: Vec<String> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert!(!bodies[0].contains("NextToken"));
    assert!(bodies[1].ends_with("&MaxResults=5&NextToken=t1"), "{}", bodies[1]);
    assert!(bodies[2].ends_with("&MaxResults=5&NextToken=t2"), "{}", bodies[2]);
}

#[tokio::test]
async fn pages_in_a_circle_end() {
    let server = Server::start(|_| vpcs(&["a"], Some("t"))).await;
    let error = client(&server).list(DescribeVpcs::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Pages { action: "DescribeVpcs" }));
    assert_eq!(server.seen().len(), 2);
}

#[derive(Debug, Default)]
struct Sources(Mutex<u32>);

impl ProvideCredentials for Sources {
    /// Nothing at first, then new credentials each time.
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        future::ProvideCredentials::ready(match *count {
            1 => Err(CredentialsError::not_loaded("none yet")),
            count => Ok(Credentials::new(format!("AKID{count}"), "secret", None, None, "test")),
        })
    }
}

#[tokio::test]
async fn credentials_are_asked_for_at_each_try() {
    let throttle = refusal(503, "RequestLimitExceeded");
    let server = scripted(vec![throttle, vpcs(&[], None)]).await;
    let client = Ec2Client::new(config(&server), Arc::new(Sources::default())).unwrap();
    let error = client.call(&DescribeVpcs::default()).await.unwrap_err();
    assert!(matches!(&error, CallError::Credentials { .. }) && error.is_without_effect());
    assert!(client.calls().is_empty() && server.seen().is_empty());
    client.call(&DescribeVpcs::default()).await.unwrap();
    let keys: Vec<bool> = server
        .seen()
        .iter()
        .zip(["Credential=AKID2/", "Credential=AKID3/"])
        .map(|(seen, key)| seen.headers["authorization"].to_str().unwrap().contains(key))
        .collect();
    assert_eq!(keys, [true, true]);
}

#[tokio::test]
async fn what_cannot_be_called_is_no_endpoint() {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    for endpoint in ["/path", "host:80", "ftp://host"] {
        let config = Config::new(endpoint.parse().unwrap(), "us-west-2");
        let error = Ec2Client::new(config, Arc::new(credentials.clone())).unwrap_err();
        assert!(matches!(error, ConfigError::Endpoint { .. }), "{endpoint}");
    }
    let public = Config::from_env("us-west-2", |_| None).unwrap();
    assert!(Ec2Client::new(public, Arc::new(credentials)).is_ok());
}
