//! The lab's HTTP servers: the EC2 API on the host and in the VPC, the metadata service.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use vpc::{InterfaceType, VpcId};

use super::bring_up::{foreign_eni, new_place};
use super::control_plane::{Placement, attach_foreign};
use crate::fabric::{IMDS_ADDRESS, KernelFabric};
use crate::probe::blocking;
use crate::state::Lab;
use crate::topology::{Service, Topology};
use crate::{endpoint, imds};

/// Metadata answers travel this many hops, so that they reach the instance and no pod behind it
/// (AWS, "Use IMDSv2": the default hop limit).
const METADATA_HOP_LIMIT: u32 = 1;

/// Serves the EC2 API on a listener.
pub fn serve_api(lab: &Arc<Lab>, listener: TcpListener) -> anyhow::Result<()> {
    serve(listener, endpoint::router(Arc::clone(lab))).context("could not serve the EC2 API")
}

/// Serves the metadata service in the router's namespace.
pub fn serve_metadata(lab: &Arc<Lab>, fabric: &KernelFabric, vpc: &VpcId) -> anyhow::Result<()> {
    let at = SocketAddrV4::new(IMDS_ADDRESS, 80);
    let listener = blocking(|| fabric.router().run(|| TcpListener::bind(at)))?
        .with_context(|| format!("could not listen on {at}"))?;
    rustix::net::sockopt::set_ip_ttl(&listener, METADATA_HOP_LIMIT)
        .context("could not limit the metadata service's hops")?;
    serve(listener, imds::router(Arc::clone(lab), vpc.clone()))
        .context("could not serve the metadata service")
}

/// Serves the EC2 API behind an interface endpoint's ENI, if the topology has one.
pub fn serve_api_in_vpc(
    placement: &Placement<'_>,
    topology: &Topology,
) -> anyhow::Result<Option<Ipv4Addr>> {
    let ec2 = topology.endpoints.iter().find(|told| told.service == Service::Ec2);
    let Some(told) = ec2 else { return Ok(None) };
    let place = new_place("ec2-endpoint")?;
    let mut eni = foreign_eni(
        placement,
        &told.subnet,
        &topology.account,
        "amazon-aws",
        InterfaceType::VpcEndpoint,
        format!("VPC Endpoint Interface com.amazonaws.{}.ec2", topology.region),
    )?;
    eni.groups = placement.groups.of_endpoint();
    let address = blocking(|| attach_foreign(placement, &place, eni, &topology.account, 0))?;
    let listener = blocking(|| place.listen(SocketAddrV4::new(address, 80)))
        .with_context(|| format!("could not listen on {address}:80 in the VPC"))?;
    serve_api(placement.lab, listener)?;
    Ok(Some(address))
}

fn serve(listener: TcpListener, router: Router) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, service).await {
            tracing::error!(%error, "a server of the lab ended");
        }
    });
    Ok(())
}
