//! Tokens as `aws eks get-token` makes them, and each way to be refused.

use std::sync::Arc;

use vpc::{InstanceSpec, SubnetSpec, Tags, Timestamp, VpcSpec, World, instance_types};

use super::*;
use crate::sigv4::presign;
use crate::state::{AccessKey, FabricTwin, LabConfig, ManualClock, Secret};

/// 2026-11-23T11:40:00Z.
const START: Timestamp = Timestamp(1_795_434_000_000);
const TIME: &str = "20261123T114000Z";
const HOST: &str = "127.0.0.1:4566";
const ROLE: &str = "AmazonEKSNodeRole";
const MINUTE: i64 = 60_000;

struct Scene {
    authenticator: Authenticator,
    clock: Arc<ManualClock>,
    admin: AccessKey,
    node: InstanceId,
}

fn scene() -> Scene {
    let owner: vpc::AccountId = "111122223333".parse().unwrap();
    let mut world = World::new(3);
    let cidr = "10.10.0.0/16".parse().unwrap();
    let spec =
        VpcSpec { owner: owner.clone(), region: "us-west-2".into(), cidr, tags: Tags::new() };
    let vpc = world.create_vpc(spec).unwrap();
    let spec = SubnetSpec {
        vpc,
        cidr: "10.10.1.0/24".parse().unwrap(),
        availability_zone: "us-west-2a".parse().unwrap(),
        tags: Tags::new(),
    };
    let subnet = world.create_subnet(spec).unwrap();
    let node = world
        .run_instance(InstanceSpec {
            owner: owner.clone(),
            instance_type: instance_types::find("m5.large").unwrap(),
            subnet,
            private_ip: Some("10.10.1.5".parse().unwrap()),
            groups: Vec::new(),
            tags: Tags::new(),
            now: START,
        })
        .unwrap();
    let clock = Arc::new(ManualClock::new(START));
    let lab = Arc::new(Lab::new(LabConfig {
        account: owner.clone(),
        region: "us-west-2".into(),
        instance_role: Some(ROLE.into()),
        world,
        fabric: Box::new(FabricTwin::default()),
        clock: clock.clone(),
        secret: Secret::from_bytes([1; 32]),
    }));
    let admin = lab.credentials.add_user(&owner, "admin");
    let authenticator = Authenticator {
        lab,
        cluster: "demo".into(),
        admin: admin.principal.arn.clone(),
        hosts: BTreeSet::from([HOST.to_owned()]),
    };
    Scene { authenticator, clock, admin, node }
}

/// What goes into a token; tests change one thing each.
struct Token<'a> {
    host: &'a str,
    cluster: Option<&'a str>,
    query: &'a str,
}

impl Default for Token<'_> {
    fn default() -> Self {
        let query = "Action=GetCallerIdentity&Version=2011-06-15";
        Self { host: HOST, cluster: Some("demo"), query }
    }
}

impl Token<'_> {
    fn signed(&self, key: &AccessKey) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(self.host).unwrap());
        if let Some(cluster) = self.cluster {
            headers.insert(CLUSTER_HEADER, HeaderValue::from_str(cluster).unwrap());
        }
        let request = SignedRequest {
            method: "GET",
            path: "/",
            query: self.query,
            headers: &headers,
            body: b"",
        };
        let query = presign(&request, key, ("us-west-2", "sts"), TIME, 60);
        bearer(&format!("http://{}/?{query}", self.host))
    }
}

fn bearer(url: &str) -> String {
    format!("Bearer {PREFIX}{}", URL_SAFE_NO_PAD.encode(url))
}

impl Scene {
    fn ask(&self, header: &str) -> Result<User, TokenRefusal> {
        self.authenticator.authenticate(Some(&HeaderValue::from_str(header).unwrap()))
    }

    fn assumed(&self, account: &str, role: &str, session: &str) -> AccessKey {
        let (account, now) = (account.parse().unwrap(), self.authenticator.lab.now());
        let keys = &self.authenticator.lab.credentials;
        keys.assume_role(&account, role, session, now, 60 * MINUTE)
    }

    fn refusal(&self, header: &str) -> String {
        self.ask(header).unwrap_err().to_string()
    }
}

#[test]
fn the_administrator_is_in_masters() {
    let scene = scene();
    let user = scene.ask(&Token::default().signed(&scene.admin)).unwrap();
    assert_eq!((user.name.as_str(), user.groups), ("kubernetes-admin", vec!["system:masters"]));
    assert!(user.uid.starts_with("aws-iam-authenticator:111122223333:AIDA"), "{}", user.uid);
}

#[test]
fn an_instances_role_session_is_its_node() {
    let scene = scene();
    let lab = &scene.authenticator.lab;
    let key = lab.credentials.role_session(&lab.account, ROLE, &scene.node, START);
    let user = scene.ask(&Token::default().signed(&key)).unwrap();
    assert_eq!(user.name, "system:node:ip-10-10-1-5.us-west-2.compute.internal");
    assert_eq!(user.groups, ["system:bootstrappers", "system:nodes"]);
    lab.mutate(|world| world.terminate_instance(&scene.node)).unwrap();
    assert!(scene.refusal(&Token::default().signed(&key)).contains("has no access entry"));
}

#[test]
fn tokens_end_after_fifteen_minutes() {
    let scene = scene();
    let token = Token::default().signed(&scene.admin);
    scene.clock.advance(15 * MINUTE);
    scene.ask(&token).unwrap();
    scene.clock.advance(1);
    let refusal = scene.refusal(&token);
    assert!(refusal.ends_with("tokens are good for 15 minutes"), "{refusal}");
    scene.clock.advance(-21 * MINUTE);
    assert!(scene.refusal(&token).contains("of the future"));
}

#[test]
fn the_session_must_not_have_ended() {
    let scene = scene();
    let key = scene.assumed("111122223333", ROLE, scene.node.as_str());
    let token = Token::default().signed(&AccessKey { expires: None, ..key.clone() });
    scene.authenticator.lab.credentials.add(AccessKey { expires: Some(START), ..key });
    assert!(scene.refusal(&token).contains("temporary credentials have expired"));
}

#[test]
fn another_cluster_another_secret_or_a_change_are_refused() {
    let scene = scene();
    let other = Token { cluster: Some("other"), ..Token::default() }.signed(&scene.admin);
    let forged =
        Token::default().signed(&AccessKey { secret: "guess".into(), ..scene.admin.clone() });
    for token in [other, forged] {
        let refusal = scene.refusal(&token);
        assert!(refusal.ends_with("made for another cluster, or changed?"), "{refusal}");
    }
    let good = Token::default().signed(&scene.admin);
    let url = URL_SAFE_NO_PAD.decode(good.split_once('.').unwrap().1).unwrap();
    let url = String::from_utf8(url).unwrap();
    assert!(scene.refusal(&bearer(&url.replace("=60&", "=61&"))).contains("changed?"));
    assert!(scene.refusal(&bearer(&url.replace("AKIA", "AKIB"))).contains("key is not known"));
    let unsigned = url.split_once("&X-Amz-Signature").unwrap().0;
    assert!(scene.refusal(&bearer(unsigned)).ends_with("its URL is not signed"));
    let twice = format!("{url}&Action=GetCallerIdentity");
    assert!(scene.refusal(&bearer(&twice)).ends_with("its URL has Action twice"));
}

#[test]
fn the_clusters_name_must_be_signed() {
    let scene = scene();
    let token = Token { cluster: None, ..Token::default() }.signed(&scene.admin);
    assert_eq!(scene.ask(&token), Err(TokenRefusal::ClusterNotSigned));
}

#[test]
fn another_host_or_another_request_are_refused() {
    let scene = scene();
    let token = Token { host: "sts.example.com", ..Token::default() }.signed(&scene.admin);
    assert_eq!(scene.ask(&token), Err(TokenRefusal::Host { host: "sts.example.com".into() }));
    let query = "Action=AssumeRole&Version=2011-06-15";
    let token = Token { query, ..Token::default() }.signed(&scene.admin);
    assert!(scene.refusal(&token).ends_with("its URL is no GetCallerIdentity"));
    let query = "Action=GetCallerIdentity&Version=2011-06-15&Redirect=1";
    let token = Token { query, ..Token::default() }.signed(&scene.admin);
    assert!(scene.refusal(&token).ends_with("its URL has the parameter Redirect"));
}

#[test]
fn strangers_are_refused() {
    let scene = scene();
    let foreign = scene.assumed("999988887777", ROLE, scene.node.as_str());
    let refusal = scene.ask(&Token::default().signed(&foreign)).unwrap_err();
    assert!(matches!(refusal, TokenRefusal::ForeignAccount { .. }), "{refusal}");
    for (role, session) in [("dev", scene.node.as_str()), (ROLE, "i-00000000000000000")] {
        let stranger = scene.assumed("111122223333", role, session);
        let refusal = scene.ask(&Token::default().signed(&stranger)).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::NotMapped { .. }), "{refusal}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let scene = scene();
    assert_eq!(scene.authenticator.authenticate(None), Err(TokenRefusal::Missing));
    assert_eq!(scene.ask("Basic YTpi"), Err(TokenRefusal::Missing));
    let long = "A".repeat(MAX_TOKEN);
    for token in ["x", PREFIX, "k8s-aws-v1.%%", "k8s-aws-v1.AAAA", &format!("{PREFIX}{long}")] {
        let refusal = scene.ask(&format!("Bearer {token}")).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::Malformed { .. }), "{token}: {refusal}");
    }
}
