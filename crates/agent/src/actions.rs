//! What the pool asks for, done.

use std::collections::BTreeMap;
use std::time::Duration;

use datapath::EniSpec;
use ipam::{Action, ActionId, Eni, EniId, Event, Failure, SubnetId, SubnetReport, Task};

use crate::books::NodeEni;
use crate::cloud::{Cloud, CloudError, EniInfo, ErrorKind, NewEni, TAG_CREATED, TAG_INSTANCE};
use crate::node::Node;
use crate::usage::subnet_uses;
use crate::wiring::Wiring;

/// How often the kernel is asked whether an attached ENI's link is there, and how long.
const LINK_POLL: Duration = Duration::from_millis(20);
const LINK_WAIT: Duration = Duration::from_secs(30);

/// Pauses before a call that was not answered is repeated.
const UNANSWERED_PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The longest pause before asking again whether an ENI is detached.
const LONGEST_DOUBT: Duration = Duration::from_secs(60);

/// Pauses before attaching an ENI again that EC2 says does not exist right after creating it.
const NEW_ENI_PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Pauses before attaching an ENI again whose attachment was throttled, the client's own retries
/// aside. Deleting it and creating another would cost more of the calls there are too few of.
const THROTTLED_PAUSES: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// Does what the pool asks for, and tells it how that ended.
    pub(crate) async fn perform(&self, action: Action) {
        let Action { id, task, .. } = action;
        match task {
            Task::AssignAddresses { eni, count } => {
                let event = self.assign_addresses(&eni, count).await;
                if event == Event::Failed(Failure::EniGone) {
                    self.unwire_eni(&eni).await;
                    // Others may have gone with it.
                    self.doubt.notify_one();
                }
                self.report(id, event);
            }
            Task::CreateEni { subnet, secondaries, device_index } => {
                let new = self.new_eni(id, &subnet, secondaries);
                let created = new.created().to_owned();
                self.books().creating.push(created.clone());
                let event = self.grow(&new, device_index).await;
                self.report(id, event);
                let mut books = self.books();
                if let Some(at) = books.creating.iter().position(|other| *other == created) {
                    books.creating.swap_remove(at);
                }
            }
            Task::DescribeSubnet { subnet, uses_below } => {
                let event = match self.describe_subnet(&subnet, uses_below).await {
                    Ok(report) => Event::SubnetDescribed(report),
                    Err(error) => Event::Failed(failure(&error)),
                };
                self.report(id, event);
            }
            Task::ReleaseEni { eni } => self.release_eni(id, &eni).await,
        }
    }

    fn report(&self, id: ActionId, event: Event) {
        match &event {
            Event::Failed(failure) => tracing::warn!(action = %id, %failure, "failed"),
            Event::EniAttached(eni) => {
                let (secondaries, index) = (eni.secondaries.len(), eni.device_index);
                tracing::info!(action = %id, eni = %eni.id, index, secondaries, "ENI attached");
            }
            Event::AddressesAssigned(addresses) => {
                tracing::info!(action = %id, ?addresses, "addresses assigned");
            }
            Event::SubnetDescribed(subnet) => {
                tracing::info!(action = %id, subnet = %subnet.id, free = subnet.free, "described");
            }
            Event::EniReleased => tracing::info!(action = %id, "ENI detached"),
        }
        self.observe(id, event);
    }

    async fn assign_addresses(&self, eni: &EniId, count: u32) -> Event {
        match self.cloud.assign_addresses(eni, count).await {
            Ok(addresses) => Event::AddressesAssigned(addresses),
            // It may have happened: what the ENI has now decides.
            Err(error) if matches!(error.kind, ErrorKind::Unanswered | ErrorKind::AddressLimit) => {
                let known = self.books().pool.addresses(eni);
                match self.cloud.eni(eni).await {
                    Ok(Some(info)) => {
                        let new: Vec<_> =
                            info.secondaries.into_iter().filter(|a| !known.contains(a)).collect();
                        if new.is_empty() {
                            Event::Failed(failure(&error))
                        } else {
                            Event::AddressesAssigned(new)
                        }
                    }
                    Ok(None) => Event::Failed(Failure::EniGone),
                    Err(_) => Event::Failed(failure(&error)),
                }
            }
            Err(error) => Event::Failed(failure(&error)),
        }
    }

    /// Creates an ENI with its addresses, attaches it, and sets it up: three calls. Whatever fails
    /// after the first is undone.
    async fn grow(&self, new: &NewEni, device_index: u32) -> Event {
        let eni = match self.create(new).await {
            Ok(eni) => eni,
            Err(error) => return Event::Failed(failure(&error)),
        };
        let undo = async |failure| {
            tracing::warn!(eni = %eni.id, %failure, "created but cannot be used: deleting it");
            self.unwire(&eni, device_index).await;
            self.reap(&eni.id).await;
            Event::Failed(failure)
        };
        let attachment = match self.attach_new(&eni.id, device_index).await {
            Ok(attachment) => attachment,
            Err(error) => return undo(failure(&error)).await,
        };
        let (marked, ready) = tokio::join!(
            self.cloud.delete_on_termination(&eni.id, &attachment),
            self.set_up(&eni, attachment.clone(), device_index)
        );
        if let Err(error) = marked {
            // It works all the same; the next start tries again.
            tracing::warn!(eni = %eni.id, %error, "the ENI will not go with its instance");
        }
        if let Err(failure) = ready {
            return undo(failure).await;
        }
        Event::EniAttached(Eni {
            id: eni.id,
            device_index,
            subnet: eni.subnet,
            primary: eni.primary,
            secondaries: eni.secondaries,
            attached_at: self.now(),
            managed: true,
        })
    }

    /// Creates an ENI. As long as EC2 does not answer the call is repeated with the same token,
    /// which never makes a second one.
    async fn create(&self, new: &NewEni) -> Result<EniInfo, CloudError> {
        let mut pauses = UNANSWERED_PAUSES.iter();
        let mut lost = false;
        loop {
            let answer = self.cloud.create_eni(new).await;
            let unanswered = matches!(&answer, Err(error) if error.kind == ErrorKind::Unanswered);
            lost |= unanswered;
            let Some(pause) = pauses.next().filter(|_| unanswered) else {
                if lost && answer.is_err() {
                    // It may be there all the same.
                    self.expect_orphans();
                }
                return answer;
            };
            tokio::time::sleep(*pause).await;
        }
    }

    /// Attaches an ENI that was just created, which EC2 may not know everywhere yet.
    async fn attach_new(&self, eni: &EniId, device_index: u32) -> Result<String, CloudError> {
        let instance = &self.identity.instance_id;
        let (mut unknown, mut throttled) = (NEW_ENI_PAUSES.iter(), THROTTLED_PAUSES.iter());
        loop {
            let answer = self.cloud.attach(eni, instance, device_index).await;
            let pause = match answer.as_ref().map_err(|error| error.kind) {
                Err(ErrorKind::NotFound) => unknown.next(),
                Err(ErrorKind::Throttled) => throttled.next(),
                _ => None,
            };
            match pause {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => return answer,
            }
        }
    }

    fn new_eni(&self, action: ActionId, subnet: &SubnetId, secondaries: u32) -> NewEni {
        let instance = &self.identity.instance_id;
        let created =
            jiff::Timestamp::from_millisecond(i64::try_from(self.now().0).unwrap_or(i64::MAX))
                .unwrap_or(jiff::Timestamp::MAX);
        NewEni {
            subnet: subnet.clone(),
            secondaries,
            groups: self.books().groups.clone(),
            description: format!("flatnet {instance}"),
            tags: BTreeMap::from([
                (TAG_INSTANCE.to_owned(), instance.clone()),
                (TAG_CREATED.to_owned(), created.to_string()),
            ]),
            // At most 64 characters; the time tells this run's actions from an earlier run's.
            token: format!("{instance}-{}-{}", created.as_millisecond(), action.0),
        }
    }

    /// Waits for an attached ENI's link, and brings it into shape.
    pub(crate) async fn set_up(
        &self,
        eni: &EniInfo,
        attachment: String,
        device_index: u32,
    ) -> Result<(), Failure> {
        let spec = self.books().spec(eni, device_index, self.config.eni_mtu);
        let Some(spec) = spec else {
            return Err(Failure::Other(format!("subnet {} is not known", eni.subnet)));
        };
        let wait = async {
            loop {
                match self.blocking(move |wiring, _| wiring.has_link(spec.mac)).await {
                    Ok(true) => return Ok(()),
                    Ok(false) => tokio::time::sleep(LINK_POLL).await,
                    Err(error) => return Err(Failure::Other(error.chain())),
                }
            }
        };
        tokio::time::timeout(LINK_WAIT, wait).await.unwrap_or_else(|_| {
            let (id, mac) = (&eni.id, spec.mac);
            let wait = LINK_WAIT.as_secs();
            Err(Failure::Other(format!("no link {mac} {wait} s after {id} was attached")))
        })?;
        self.blocking(move |wiring, _| wiring.setup_eni(&spec))
            .await
            .map_err(|error| Failure::Other(error.chain()))?;
        self.books().enis.insert(eni.id.clone(), NodeEni { attachment, spec });
        Ok(())
    }

    async fn describe_subnet(
        &self,
        id: &SubnetId,
        uses_below: u32,
    ) -> Result<SubnetReport, CloudError> {
        let subnets = self.cloud.subnets(std::slice::from_ref(id)).await?;
        let Some(subnet) = subnets.into_iter().find(|subnet| subnet.id == *id) else {
            let what = format!("the answer has no subnet {id}");
            return Err(CloudError { action: "DescribeSubnets", kind: ErrorKind::Other, what });
        };
        let uses = if subnet.free < uses_below {
            let enis = self.cloud.enis_in_subnet(id).await?;
            Some(subnet_uses(&enis, &self.identity.instance_id))
        } else {
            None
        };
        Ok(SubnetReport {
            id: subnet.id,
            name: subnet.name,
            cidr: subnet.cidr,
            free: subnet.free,
            uses,
        })
    }

    /// Detaches an ENI without pods and deletes it. Once EC2 has begun to detach it there is no
    /// way back, so the pool is told that it is gone, and deleting goes on.
    async fn release_eni(&self, action: ActionId, id: &EniId) {
        let Some(eni) = self.books().enis.get(id).cloned() else {
            return self.report(action, Event::Failed(Failure::EniGone));
        };
        if let Err(failure) = self.detach(id, &eni.attachment).await {
            return self.report(action, Event::Failed(failure));
        }
        self.wait_detached(id).await;
        self.unwire_eni(id).await;
        self.report(action, Event::EniReleased);
        self.reap(id).await;
    }

    /// Has EC2 detach an ENI. Fails only when it is certain that the ENI stays attached; until
    /// either is certain it asks again, and the ENI gives no address to anybody.
    async fn detach(&self, id: &EniId, attachment: &str) -> Result<(), Failure> {
        let mut pause = Duration::from_secs(1);
        let mut lost = false;
        loop {
            let error = match self.cloud.detach(attachment).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
                Err(error) if error.kind == ErrorKind::Throttled && !lost => {
                    return Err(Failure::Throttled);
                }
                Err(error) => error,
            };
            lost |= error.kind == ErrorKind::Unanswered;
            match self.cloud.eni(id).await {
                Ok(eni) if !is_attached(eni.as_ref(), attachment) => return Ok(()),
                // Refused, and seen to be attached still.
                Ok(_) if !lost => return Err(failure(&error)),
                Ok(_) => tracing::warn!(eni = %id, %error, "it may be detached yet: asking again"),
                Err(unseen) => {
                    tracing::warn!(eni = %id, %error, %unseen, "cannot see whether it is detached");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_DOUBT);
        }
    }

    /// Removes an ENI's rules and routes from the node, and the ENI from the agent's books.
    pub(crate) async fn unwire_eni(&self, id: &EniId) {
        let Some(eni) = self.books().enis.remove(id) else { return };
        self.unwire_spec(id, eni.spec).await;
    }

    /// The same for an ENI that could not be set up wholly.
    async fn unwire(&self, eni: &EniInfo, device_index: u32) {
        let spec = self.books().spec(eni, device_index, self.config.eni_mtu);
        self.books().enis.remove(&eni.id);
        if let Some(spec) = spec {
            self.unwire_spec(&eni.id, spec).await;
        }
    }

    async fn unwire_spec(&self, id: &EniId, spec: EniSpec) {
        if let Err(error) = self.blocking(move |wiring, _| wiring.teardown_eni(&spec)).await {
            tracing::warn!(eni = %id, error = error.chain(), "its rules and routes may be left");
        }
    }
}

/// Whether the ENI is attached by this attachment, and not being detached.
fn is_attached(eni: Option<&EniInfo>, attachment: &str) -> bool {
    eni.and_then(|eni| eni.attachment.as_ref())
        .is_some_and(|to| to.id == attachment && !to.detaching)
}

/// What a failed call means to the pool.
pub(crate) fn failure(error: &CloudError) -> Failure {
    match error.kind {
        ErrorKind::SubnetShort => Failure::SubnetShort,
        ErrorKind::Throttled => Failure::Throttled,
        ErrorKind::EniLimit => Failure::EniLimit,
        ErrorKind::AddressLimit => Failure::AddressLimit,
        ErrorKind::DeviceIndexTaken => Failure::DeviceIndexTaken,
        ErrorKind::NotFound if error.action == "AssignPrivateIpAddresses" => Failure::EniGone,
        ErrorKind::NotFound | ErrorKind::InUse | ErrorKind::Unanswered | ErrorKind::Other => {
            Failure::Other(error.to_string())
        }
    }
}
