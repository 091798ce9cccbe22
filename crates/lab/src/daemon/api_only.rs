//! The control plane alone: EC2, STS and EKS over a world in memory, without namespaces or
//! privileges. What tests of AWS clients need.

use std::collections::BTreeMap;
use std::future::IntoFuture as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;
use vpc::{
    AccountId, AddressRequest, EniSpec, ForeignAttachment, InstanceSpec, InterfaceType, Requester,
    SecurityGroupId, SubnetId, Tags, World,
};

use super::bring_up::{NODE_ROLE, Subnets, build_world, named};
use super::control_plane::{require_free, service_cidr, vpc_of};
use super::security_groups::Groups;
use crate::audit::AuditTrail;
use crate::control_plane::{Authority, version_name};
use crate::endpoint;
use crate::requests::Requests;
use crate::state::{AccessKey, Cluster, Lab, LabConfig, NoFabric, Secret, SystemClock};
use crate::topology::{self, Topology};

/// The account and Region of an empty API.
const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-west-2";
/// Threads that answer; calls themselves run on further ones.
const WORKERS: usize = 2;

/// The control plane, ready to be served.
#[derive(Debug)]
pub struct ApiOnly {
    lab: Arc<Lab>,
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
    /// A key of the account's administrator.
    pub admin: AccessKey,
}

impl ApiOnly {
    /// Makes what `topology` says (nothing, without one) and listens at `at`. With
    /// `any_credentials`, requests signed with keys that the API has not made are the
    /// administrator's.
    ///
    /// # Errors
    /// The first step that failed.
    pub fn new(
        at: SocketAddr,
        topology: Option<&Topology>,
        any_credentials: bool,
    ) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(at).with_context(|| format!("could not listen on {at}"))?;
        let address = listener.local_addr().context("the listening socket")?;
        let (world, subnets, groups) = match topology {
            Some(topology) => {
                let (mut world, vpc, subnets) = build_world(topology)?;
                let groups = Groups::create(&mut world, &vpc, topology)?;
                (world, subnets, groups)
            }
            None => (World::new(1), Subnets::new(), Groups::default()),
        };
        let account: AccountId = match topology {
            Some(topology) => topology.account.clone(),
            None => ACCOUNT.parse()?,
        };
        let requests = topology.map_or_else(Requests::default, |topology| {
            Requests::new(topology.requests.clone(), topology.seed)
        });
        let lab = Lab::new(LabConfig {
            account: account.clone(),
            region: topology.map_or(REGION, |topology| &topology.region).to_owned(),
            instance_role: Some(NODE_ROLE.to_owned()),
            world,
            fabric: Box::new(NoFabric),
            clock: Arc::new(SystemClock),
            secret: Secret::generate().context("no randomness")?,
        });
        let lab = Arc::new(lab.with_requests(requests, AuditTrail::default()));
        let admin = lab.credentials.add_user(&account, "admin");
        if any_credentials {
            lab.credentials.accept_any(admin.principal.clone());
        }
        if let Some(topology) = topology {
            fill(&lab, topology, &subnets, &groups)?;
        }
        Ok(Self { lab, listener, address, admin })
    }

    /// The variables that point an AWS client here.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        super::running::client_environment(self.address, &self.admin, &self.lab.region)
    }

    /// Answers requests until the process ends.
    ///
    /// # Errors
    /// When the listener fails.
    pub fn serve(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .build()
            .context("could not start the threads that answer")?;
        runtime.block_on(async {
            self.listener.set_nonblocking(true)?;
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            let service =
                endpoint::router(self.lab).into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, service).into_future().await.context("the API ended")
        })
    }
}

/// Makes endpoints, control plane and instances.
fn fill(lab: &Lab, topology: &Topology, subnets: &Subnets, groups: &Groups) -> anyhow::Result<()> {
    let subnet = |name: &str| {
        subnets.get(name).cloned().with_context(|| format!("no subnet is called {name}"))
    };
    for told in &topology.endpoints {
        let description = format!("VPC Endpoint Interface com.amazonaws.{}.ec2", lab.region);
        let eni = Foreign {
            subnet: subnet(&told.subnet)?,
            requester: "amazon-aws".to_owned(),
            kind: InterfaceType::VpcEndpoint,
            description,
            groups: groups.of_endpoint(),
            account: lab.account.clone(),
        };
        eni.make(lab)?;
    }
    if let Some(told) = &topology.control_plane {
        let own = told.subnets.iter().map(|name| subnet(name)).collect::<anyhow::Result<_>>()?;
        make_cluster(lab, told, own, groups)?;
    }
    for told in &topology.nodes {
        let spec = InstanceSpec {
            owner: lab.account.clone(),
            instance_type: told.instance_type,
            subnet: subnet(&told.subnet)?,
            private_ip: None,
            groups: groups.of_node(told)?,
            tags: named(&told.name),
            now: lab.now(),
        };
        lab.mutate(|world| world.run_instance(spec))
            .with_context(|| format!("could not run {}", told.name))?;
    }
    Ok(())
}

fn make_cluster(
    lab: &Lab,
    told: &topology::ControlPlane,
    subnets: Vec<SubnetId>,
    groups: &Groups,
) -> anyhow::Result<()> {
    require_free(lab, &subnets)?;
    for subnet in &subnets {
        let eni = Foreign {
            subnet: subnet.clone(),
            requester: told.account.to_string(),
            kind: InterfaceType::Interface,
            description: format!("Amazon EKS {}", told.name),
            groups: groups.of_x_eni(),
            account: told.account.clone(),
        };
        eni.make(lab)?;
    }
    let authority = Authority::new(&format!("{} control plane", told.name))?;
    let vpc = vpc_of(lab, &subnets)?;
    let service_cidr = service_cidr(lab, &vpc)?;
    lab.clusters.add(Cluster {
        name: told.name.clone(),
        version: version_name(),
        endpoint: format!("https://{}", told.endpoint_name),
        authority: authority.pem(),
        vpc,
        subnets,
        security_groups: Vec::new(),
        cluster_security_group: groups.cluster()?,
        service_cidr,
        created: lab.now(),
    });
    Ok(())
}

/// An ENI whose other end is another account's or AWS's.
struct Foreign {
    subnet: SubnetId,
    requester: String,
    kind: InterfaceType,
    description: String,
    groups: Vec<SecurityGroupId>,
    account: AccountId,
}

impl Foreign {
    fn make(self, lab: &Lab) -> anyhow::Result<()> {
        let now = lab.now();
        let target = ForeignAttachment {
            owner_account: self.account,
            description: self.description.clone(),
        };
        let spec = EniSpec {
            subnet: self.subnet,
            owner: lab.account.clone(),
            requester: Some(Requester { id: self.requester, managed: true }),
            interface_type: self.kind,
            description: self.description,
            primary: None,
            secondary: AddressRequest::None,
            groups: self.groups,
            tags: Tags::new(),
            client_token: None,
            now,
        };
        lab.mutate(|world| {
            let eni = world.create_eni(spec)?;
            world.attach_foreign(&eni, target, now)
        })?;
        Ok(())
    }
}
