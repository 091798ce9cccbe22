//! Over real HTTP on loopback; the connection's peer address is set to an instance's, as the fabric
//! would have it.

mod behind;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::connect_info::MockConnectInfo;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use vpc::{
    AccountId, AddressRequest, Eni, EniSpec, InstanceId, InstanceSpec, InterfaceType, SubnetSpec,
    Tags, Timestamp, VpcId, VpcSpec, World, instance_types,
};

use super::router;
use crate::requests::Requests;
use crate::sigv4::{Scope, SignedRequest, authorization, verify};
use crate::state::{AccessKey, Clock, FabricTwin, Lab, LabConfig, ManualClock, Secret};

/// 2026-11-23T11:40:00Z.
const START: Timestamp = Timestamp(1_795_434_000_000);

struct Scene {
    lab: Arc<Lab>,
    clock: Arc<ManualClock>,
    vpc: VpcId,
    node: InstanceId,
    other: InstanceId,
}

/// A node with two ENIs, another with one.
fn scene(instance_role: Option<&str>) -> Scene {
    scene_with(instance_role, Requests::default())
}

fn scene_with(instance_role: Option<&str>, requests: Requests) -> Scene {
    let account: AccountId = "111122223333".parse().unwrap();
    let mut world = World::new(3);
    let vpc = world
        .create_vpc(VpcSpec {
            owner: account.clone(),
            region: "us-west-2".into(),
            cidr: "10.10.0.0/16".parse().unwrap(),
            tags: Tags::new(),
        })
        .unwrap();
    let subnet = world
        .create_subnet(SubnetSpec {
            vpc: vpc.clone(),
            cidr: "10.10.1.0/24".parse().unwrap(),
            availability_zone: "us-west-2a".parse().unwrap(),
            tags: Tags::new(),
        })
        .unwrap();
    let mut run = |name: &str| {
        let tags = [("Name", name), ("a/b", "not in a path"), ("k8s.io:x", "y")];
        world
            .run_instance(InstanceSpec {
                owner: account.clone(),
                instance_type: instance_types::find("m5.large").unwrap(),
                subnet: subnet.clone(),
                private_ip: None,
                groups: Vec::new(),
                tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
                now: START,
            })
            .unwrap()
    };
    let (node, other) = (run("node-1"), run("node-2"));
    let eni = world
        .create_eni(EniSpec {
            subnet,
            owner: account.clone(),
            requester: None,
            interface_type: InterfaceType::Interface,
            description: String::new(),
            primary: None,
            secondary: AddressRequest::Count(2),
            groups: Vec::new(),
            tags: Tags::new(),
            client_token: None,
            now: START,
        })
        .unwrap();
    world.attach_eni(&eni, &node, 1, 0, START).unwrap();
    let clock = Arc::new(ManualClock::new(START));
    let lab = Lab::new(LabConfig {
        account,
        region: "us-west-2".into(),
        instance_role: instance_role.map(Into::into),
        world,
        fabric: Box::new(FabricTwin::default()),
        clock: clock.clone(),
        secret: Secret::from_bytes([9; 32]),
    });
    let lab = Arc::new(lab.with_requests(requests, crate::audit::AuditTrail::default()));
    Scene { lab, clock, vpc, node, other }
}

impl Scene {
    fn enis(&self, instance: &InstanceId) -> Vec<Eni> {
        self.lab.read(|world| world.instance_enis(instance).into_iter().cloned().collect())
    }

    /// The service as `instance` sees it.
    async fn seen_by(&self, instance: &InstanceId) -> Service {
        self.seen_from(self.enis(instance)[0].primary).await
    }

    async fn seen_from(&self, address: Ipv4Addr) -> Service {
        let peer = SocketAddr::from((address, 40_000));
        let router = router(self.lab.clone(), self.vpc.clone()).layer(MockConnectInfo(peer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Service { address, token: String::new() }
    }
}

struct Service {
    address: SocketAddr,
    token: String,
}

impl Service {
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut request =
            Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<bytes::Bytes>::default()).unwrap();
        let answer = client.request(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn with_token(mut self) -> Self {
        let ttl = ("X-aws-ec2-metadata-token-ttl-seconds", "21600");
        let (status, token) = self.send(Method::PUT, "/latest/api/token", &[ttl]).await;
        assert_eq!(status, 200);
        self.token = token;
        self
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send(Method::GET, path, &[("X-aws-ec2-metadata-token", &self.token)]).await
    }

    /// The value below `/latest/meta-data/`.
    async fn meta(&self, path: &str) -> String {
        let (status, body) = self.get(&format!("/latest/meta-data/{path}")).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

#[tokio::test]
async fn nothing_is_told_without_a_token() {
    let scene = scene(None);
    let service = scene.seen_by(&scene.node).await;
    for path in ["/", "/latest/", "/latest/meta-data/instance-id", "/nonsense"] {
        assert_eq!(service.send(Method::GET, path, &[]).await.0, 401, "{path}");
        let wrong = [("x-aws-ec2-metadata-token", "bm9uc2Vuc2U=")];
        assert_eq!(service.send(Method::GET, path, &wrong).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn token_requests() {
    let scene = scene(None);
    let service = scene.seen_by(&scene.node).await;
    let path = "/latest/api/token";
    let ttl = |value| [("x-aws-ec2-metadata-token-ttl-seconds", value)];
    for (headers, status) in [
        (&ttl("1")[..], 200),
        (&ttl("21600"), 200),
        (&ttl("0"), 400),
        (&ttl("21601"), 400),
        (&ttl("-1"), 400),
        (&ttl("soon"), 400),
        (&[], 400),
        (&[ttl("60")[0], ("x-forwarded-for", "10.0.0.1")], 403),
    ] {
        assert_eq!(service.send(Method::PUT, path, headers).await.0, status, "{headers:?}");
    }
    for method in [Method::GET, Method::POST, Method::DELETE] {
        assert_eq!(service.send(method, path, &ttl("60")).await.0, 405);
    }
    let service = service.with_token().await;
    let token = [("x-aws-ec2-metadata-token", service.token.as_str())];
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(service.send(method, "/latest/meta-data/", &token).await.0, 405);
    }
}

#[tokio::test]
async fn a_token_ends_and_serves_one_instance_only() {
    let scene = scene(None);
    let service = scene.seen_by(&scene.node).await;
    let ttl = [("x-aws-ec2-metadata-token-ttl-seconds", "10")];
    let (_, token) = service.send(Method::PUT, "/latest/api/token", &ttl).await;
    let service = Service { token, ..service };
    scene.clock.advance(9_999);
    assert_eq!(service.get("/latest/meta-data/instance-id").await.0, 200);
    let other = Service { token: service.token.clone(), ..scene.seen_by(&scene.other).await };
    assert_eq!(other.get("/latest/meta-data/instance-id").await.0, 401);
    scene.clock.advance(1);
    assert_eq!(service.get("/latest/meta-data/instance-id").await.0, 401);
}

#[tokio::test]
async fn an_address_of_no_instance_learns_nothing() {
    let scene = scene(None);
    for address in [Ipv4Addr::new(10, 10, 1, 1), Ipv4Addr::LOCALHOST] {
        let service = scene.seen_from(address).await;
        let ttl = [("x-aws-ec2-metadata-token-ttl-seconds", "10")];
        assert_eq!(service.send(Method::PUT, "/latest/api/token", &ttl).await.0, 404);
    }
}

#[tokio::test]
async fn every_address_of_an_instance_is_the_instance() {
    let scene = scene(None);
    for address in
        scene.enis(&scene.node).iter().flat_map(|eni| eni.addresses().collect::<Vec<_>>())
    {
        let service = scene.seen_from(address).await.with_token().await;
        assert_eq!(service.meta("instance-id").await, scene.node.to_string());
    }
}

#[tokio::test]
async fn identity_and_placement() {
    let scene = scene(None);
    let service = scene.seen_by(&scene.node).await.with_token().await;
    let eni = &scene.enis(&scene.node)[0];
    let host =
        format!("ip-{}.us-west-2.compute.internal", eni.primary.to_string().replace('.', "-"));
    for (path, expected) in [
        ("instance-id", scene.node.to_string()),
        ("instance-type", "m5.large".into()),
        ("local-ipv4", eni.primary.to_string()),
        ("mac", eni.mac.to_string()),
        ("hostname", host.clone()),
        ("local-hostname", host),
        ("placement/", "availability-zone\navailability-zone-id\nregion".into()),
        ("placement/availability-zone", "us-west-2a".into()),
        ("placement/availability-zone-id", "usw2-az1".into()),
        ("placement/region", "us-west-2".into()),
        ("services/domain", "amazonaws.com".into()),
        ("services/partition", "aws".into()),
        ("security-groups", "default".into()),
        ("tags/instance/", "Name\nk8s.io:x".into()),
        ("tags/instance/Name", "node-1".into()),
        ("events/maintenance/scheduled", "[]".into()),
    ] {
        assert_eq!(service.meta(path).await, expected, "{path}");
    }
    let (_, document) = service.get("/latest/dynamic/instance-identity/document").await;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    for (key, expected) in [
        ("accountId", "111122223333".to_owned()),
        ("availabilityZone", "us-west-2a".into()),
        ("instanceId", scene.node.to_string()),
        ("instanceType", "m5.large".into()),
        ("privateIp", eni.primary.to_string()),
        ("region", "us-west-2".into()),
        ("architecture", "x86_64".into()),
        ("pendingTime", "2026-11-23T11:40:00Z".into()),
    ] {
        assert_eq!(document[key], expected, "{key}");
    }
}

#[tokio::test]
async fn interfaces_as_they_are_now() {
    let scene = scene(None);
    let service = scene.seen_by(&scene.node).await.with_token().await;
    let macs = "network/interfaces/macs/";
    let enis = scene.enis(&scene.node);
    let mut listed: Vec<String> = enis.iter().map(|eni| format!("{}/", eni.mac)).collect();
    listed.sort();
    assert_eq!(service.meta(macs).await, listed.join("\n"));
    for (index, eni) in enis.iter().enumerate() {
        let own = format!("{macs}{}/", eni.mac);
        assert_eq!(
            service.meta(&own).await,
            "device-number\ninterface-id\nlocal-hostname\nlocal-ipv4s\nmac\nnetwork-card\n\
             network-card-index\nowner-id\nsecurity-group-ids\nsecurity-groups\n\
             subnet-id\nsubnet-ipv4-cidr-block\nvpc-id\nvpc-ipv4-cidr-block\n\
             vpc-ipv4-cidr-blocks"
        );
        let addresses: Vec<String> = eni.addresses().map(|a| a.to_string()).collect();
        for (key, expected) in [
            ("device-number", index.to_string()),
            ("interface-id", eni.id.to_string()),
            ("local-ipv4s", addresses.join("\n")),
            ("mac", eni.mac.to_string()),
            ("network-card", "0".into()),
            ("network-card-index", "0".into()),
            ("owner-id", "111122223333".into()),
            ("security-group-ids", eni.groups[0].to_string()),
            ("subnet-id", eni.subnet.to_string()),
            ("subnet-ipv4-cidr-block", "10.10.1.0/24".into()),
            ("vpc-id", scene.vpc.to_string()),
            ("vpc-ipv4-cidr-blocks", "10.10.0.0/16".into()),
        ] {
            assert_eq!(service.meta(&format!("{own}{key}")).await, expected, "{key}");
        }
        for absent in ["ipv4-prefix", "ipv6s", "public-ipv4s", "nonsense/deeper"] {
            let path = format!("/latest/meta-data/{own}{absent}");
            assert_eq!(service.get(&path).await.0, 404, "{absent}");
        }
    }
    let (gone, new) = (&enis[1], AddressRequest::Count(1));
    let new = scene.lab.mutate(|world| world.assign(&enis[0].id, new, false)).unwrap();
    let wanted = vpc::PrefixRequest::Count(2);
    let prefixes = scene.lab.mutate(|world| world.assign_prefixes(&enis[0].id, &wanted)).unwrap();
    let shown = service.meta(&format!("{macs}{}/ipv4-prefix", enis[0].mac)).await;
    assert_eq!(shown, format!("{}\n{}", prefixes[0], prefixes[1]));
    let listing = service.meta(&format!("{macs}{}/", enis[0].mac)).await;
    assert!(listing.lines().any(|key| key == "ipv4-prefix"), "{listing}");
    let listing = service.meta(&format!("{macs}{}/", gone.mac)).await;
    assert!(!listing.contains("ipv4-prefix"), "{listing}");
    let attachment = gone.attachment.clone().unwrap().id;
    scene.lab.mutate(|world| world.detach_eni(&attachment, false)).unwrap();
    assert_eq!(service.meta(macs).await, format!("{}/", enis[0].mac));
    let now = service.meta(&format!("{macs}{}/local-ipv4s", enis[0].mac)).await;
    assert_eq!(now, format!("{}\n{}", enis[0].primary, new[0]));
    assert_eq!(service.get(&format!("/latest/meta-data/{macs}{}/", gone.mac)).await.0, 404);
}

#[tokio::test]
async fn listings_and_versions() {
    let scene = scene(Some("flatnet-node"));
    let service = scene.seen_by(&scene.node).await.with_token().await;
    let versions = service.get("/").await.1;
    assert!(versions.ends_with("latest"), "{versions}");
    assert_eq!(service.get("/latest").await, (200, "dynamic\nmeta-data".into()));
    assert_eq!(service.get("/latest/").await, (200, "dynamic\nmeta-data".into()));
    let top = service.meta("").await;
    assert_eq!(service.get("/latest/meta-data").await.1, top);
    assert_eq!(service.get("/2021-03-23/meta-data/").await.1, top);
    let names: Vec<&str> = top.lines().collect();
    for name in ["ami-id", "iam/", "instance-id", "mac", "network/", "placement/", "tags/"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for absent in ["user-data", "meta-data/spot/instance-action", "meta-data/nonsense", "x"] {
        assert_eq!(service.get(&format!("/latest/{absent}")).await.0, 404, "{absent}");
    }
    assert_eq!(service.get("/1999-01-01/meta-data/").await.0, 404);
    assert_eq!(service.get("/latest/meta-data/instance-id/").await.0, 404, "no directory");
}

#[tokio::test]
async fn role_credentials_sign_requests_until_they_end() {
    let scene = scene(Some("flatnet-node"));
    let service = scene.seen_by(&scene.node).await.with_token().await;
    assert_eq!(service.meta("iam/security-credentials/").await, "flatnet-node");
    let info: serde_json::Value = serde_json::from_str(&service.meta("iam/info").await).unwrap();
    assert_eq!(
        info["InstanceProfileArn"],
        "arn:aws:iam::111122223333:instance-profile/flatnet-node"
    );
    let shown = service.meta("iam/security-credentials/flatnet-node").await;
    assert_eq!(service.meta("iam/security-credentials/flatnet-node").await, shown, "kept");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["Code"], "Success");
    assert_eq!(shown["Type"], "AWS-HMAC");
    assert_eq!(shown["LastUpdated"], "2026-11-23T11:40:00Z");
    assert_eq!(shown["Expiration"], "2026-11-23T17:40:00Z");
    let field = |name: &str| shown[name].as_str().unwrap().to_owned();
    let key = AccessKey {
        id: field("AccessKeyId"),
        secret: field("SecretAccessKey"),
        session_token: Some(field("Token")),
        ..scene.lab.credentials.find(&field("AccessKeyId")).unwrap()
    };
    assert_eq!(signs(&scene, &key), Ok(format!("assumed-role/flatnet-node/{}", scene.node)));
    scene.clock.advance(6 * 3600 * 1000);
    assert_eq!(signs(&scene, &key), Err("RequestExpired"));
    let service = service.with_token().await;
    let renewed = service.meta("iam/security-credentials/flatnet-node").await;
    assert!(!renewed.contains(&key.id));
}

/// Who a request signed with `key` now is from, or the code of its refusal.
fn signs(scene: &Scene, key: &AccessKey) -> Result<String, &'static str> {
    let now = jiff::Timestamp::from_millisecond(scene.clock.now().0).unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("host", "ec2".parse().unwrap());
    headers.insert("x-amz-date", now.strftime("%Y%m%dT%H%M%SZ").to_string().parse().unwrap());
    let token = key.session_token.as_ref().unwrap();
    headers.insert("x-amz-security-token", token.parse().unwrap());
    let mut request =
        SignedRequest { method: "POST", path: "/", query: "", headers: &headers, body: b"" };
    let signed = authorization(&request, key, "us-west-2", "ec2").parse().unwrap();
    let headers = {
        let mut headers = headers.clone();
        headers.insert("authorization", signed);
        headers
    };
    request.headers = &headers;
    let scope = Scope { region: "us-west-2", service: "ec2" };
    verify(&request, &scene.lab.credentials, scope, scene.clock.now())
        .map(|principal| principal.arn.split_once("111122223333:").unwrap().1.to_owned())
        .map_err(|rejection| rejection.answer().1)
}

#[tokio::test]
async fn without_a_role_there_are_no_credentials() {
    let scene = scene(None);
    let service = scene.seen_by(&scene.node).await.with_token().await;
    assert_eq!(service.get("/latest/meta-data/iam/security-credentials/").await.0, 404);
    assert!(!service.meta("").await.contains("iam"));
}

#[tokio::test]
async fn the_workspaces_client_reads_it() {
    let scene = scene(Some("flatnet-node"));
    let service = scene.seen_by(&scene.node).await;
    let base = format!("http://{}/", service.address).parse().unwrap();
    let client = ec2::ImdsClient::new(base).unwrap();
    let identity = client.identity().await.unwrap();
    assert_eq!(identity.instance_id, scene.node.to_string());
    let interfaces = client.interfaces().await.unwrap();
    assert_eq!(interfaces.len(), 2);
    assert_eq!(client.get("/latest/meta-data/nonsense").await.unwrap(), None);
    assert!(client.credentials().await.is_ok());
}
