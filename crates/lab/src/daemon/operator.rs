//! An operator who calls EC2 from a node, behind the agents' backs.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use aws_credential_types::Credentials;
use ec2::{Config, Ec2Client};
use ec2_query::Action;

use super::running::Running;
use crate::probe::blocking;
use crate::state::chain;

impl Running {
    /// Makes one signed EC2 call with the administrator's key, from the first node, across the
    /// fabric to the endpoint in the VPC.
    ///
    /// # Errors
    /// EC2's refusal, or a lab without nodes or endpoint.
    pub async fn call_ec2<A>(&self, request: A) -> anyhow::Result<A::Response>
    where
        A: Action + Send + Sync,
        A::Response: Send,
    {
        let node = self.nodes.first().context("there is no node to call from")?;
        let address = self.api_in_vpc.context("the VPC has no EC2 endpoint")?;
        let endpoint = format!("http://{address}").parse()?;
        let key = Credentials::new(&self.admin.id, &self.admin.secret, None, None, "lab");
        let config = Config::new(endpoint, &self.topology.region);
        // The client opens its connection itself, so all of it runs on a thread in the node.
        blocking(|| {
            node.place.run(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let client = Ec2Client::new(config, Arc::new(key))?;
                runtime.block_on(client.call(&request)).map_err(|error| anyhow!(chain(&error)))
            })
        })?
    }
}
