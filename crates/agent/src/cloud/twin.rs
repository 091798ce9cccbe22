//! EC2 in memory: ENIs, subnets, limits, and faults on demand.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use datapath::Mac;
use ipam::{EniId, SubnetId};
use ipnet::Ipv4Net;

use super::{
    AttachmentInfo, Cloud, CloudError, EniInfo, ErrorKind, NewEni, SubnetInfo, TypeLimits,
};

pub(crate) const INSTANCE: &str = "i-0000000000000000a";

/// A handle; clones share one EC2.
#[derive(Clone)]
pub(crate) struct Twin {
    state: Arc<Mutex<State>>,
    /// How long every call takes.
    latency: Duration,
}

pub(crate) struct State {
    limits: TypeLimits,
    pub(crate) subnet: SubnetInfo,
    /// Addresses that nobody has.
    free: VecDeque<Ipv4Addr>,
    pub(crate) enis: BTreeMap<EniId, EniInfo>,
    /// The next calls of an action fail so.
    faults: BTreeMap<&'static str, VecDeque<ErrorKind>>,
    tokens: BTreeMap<String, EniId>,
    calls: BTreeMap<String, u64>,
    serial: u8,
}

impl Twin {
    /// An instance with its primary ENI in an otherwise empty subnet.
    pub(crate) fn new(cidr: &str, enis: u32, addresses_per_eni: u32) -> Self {
        let cidr: Ipv4Net = cidr.parse().unwrap();
        let mut state = State {
            limits: TypeLimits { enis, addresses_per_eni },
            // The first four and the last address are reserved.
            free: cidr.hosts().skip(3).collect(),
            subnet: SubnetInfo {
                id: "subnet-1".into(),
                name: Some("nodes-a".into()),
                cidr,
                free: 0,
            },
            enis: BTreeMap::new(),
            faults: BTreeMap::new(),
            tokens: BTreeMap::new(),
            calls: BTreeMap::new(),
            serial: 0,
        };
        let primary = state.make(1, BTreeMap::new()).unwrap();
        state.enis.get_mut(&primary).unwrap().attachment = Some(attachment(0, &primary));
        Self { state: Arc::new(Mutex::new(state)), latency: Duration::from_millis(50) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The next call of `action` fails so.
    pub(crate) fn fail(&self, action: &'static str, kind: ErrorKind) {
        self.state().faults.entry(action).or_default().push_back(kind);
    }

    pub(crate) fn count(&self, action: &str) -> u64 {
        self.state().calls.get(action).copied().unwrap_or(0)
    }

    /// Another instance takes so many addresses.
    pub(crate) fn occupy(&self, count: u32) -> EniId {
        let mut state = self.state();
        let id = state.make(count, BTreeMap::new()).unwrap();
        let other = AttachmentInfo { instance: Some("i-other".into()), ..attachment(1, &id) };
        state.enis.get_mut(&id).unwrap().attachment = Some(other);
        id
    }

    /// ENIs attached to the instance.
    pub(crate) fn attached(&self) -> Vec<EniInfo> {
        let state = self.state();
        let ours = |eni: &&EniInfo| {
            eni.attachment.as_ref().is_some_and(|to| to.instance.as_deref() == Some(INSTANCE))
        };
        state.enis.values().filter(ours).cloned().collect()
    }

    async fn call<T>(
        &self,
        action: &'static str,
        serve: impl FnOnce(&mut State) -> Result<T, ErrorKind>,
    ) -> Result<T, CloudError> {
        tokio::time::sleep(self.latency).await;
        let mut state = self.state();
        *state.calls.entry(action.to_owned()).or_default() += 1;
        let fault = state.faults.get_mut(action).and_then(VecDeque::pop_front);
        let answer = match fault {
            // Done, but nobody hears of it.
            Some(ErrorKind::Unanswered) => {
                serve(&mut state).ok();
                Err(ErrorKind::Unanswered)
            }
            Some(kind) => Err(kind),
            None => serve(&mut state),
        };
        answer.map_err(|kind| CloudError { action, kind, what: format!("{kind:?}") })
    }
}

impl State {
    pub(crate) fn free(&self) -> u32 {
        u32::try_from(self.free.len()).unwrap()
    }

    fn take(&mut self, count: u32) -> Result<Vec<Ipv4Addr>, ErrorKind> {
        if self.free() < count {
            return Err(ErrorKind::SubnetShort);
        }
        Ok((0..count).filter_map(|_| self.free.pop_front()).collect())
    }

    fn make(&mut self, count: u32, tags: BTreeMap<String, String>) -> Result<EniId, ErrorKind> {
        let mut addresses = self.take(count)?;
        self.serial += 1;
        let id = EniId::from(format!("eni-{}", self.serial));
        let eni = EniInfo {
            id: id.clone(),
            subnet: self.subnet.id.clone(),
            mac: Mac([2, 0, 0, 0, 9, self.serial]),
            primary: addresses.remove(0),
            secondaries: addresses,
            groups: vec!["sg-1".into()],
            description: String::new(),
            interface_type: "interface".into(),
            tags,
            attachment: None,
        };
        self.enis.insert(id.clone(), eni);
        Ok(id)
    }

    fn attachment_of(&mut self, attachment: &str) -> Option<&mut EniInfo> {
        self.enis
            .values_mut()
            .find(|eni| eni.attachment.as_ref().is_some_and(|to| to.id == attachment))
    }

    /// Takes an address away from its ENI, as an operator would.
    pub(crate) fn unassign(&mut self, address: Ipv4Addr) {
        for eni in self.enis.values_mut() {
            eni.secondaries.retain(|other| *other != address);
        }
        self.free.push_back(address);
    }
}

fn attachment(device_index: u32, eni: &EniId) -> AttachmentInfo {
    AttachmentInfo {
        id: format!("{eni}-attach"),
        instance: Some(INSTANCE.into()),
        device_index,
        network_card: 0,
        detaching: false,
        delete_on_termination: device_index == 0,
    }
}

impl Cloud for Twin {
    async fn type_limits(&self, _: &str) -> Result<TypeLimits, CloudError> {
        Ok(self.state().limits)
    }

    async fn enis_of_instance(&self, instance: &str) -> Result<Vec<EniInfo>, CloudError> {
        assert_eq!(instance, INSTANCE);
        self.call("DescribeNetworkInterfaces", |_| Ok(())).await?;
        Ok(self.attached())
    }

    async fn orphans_of_instance(&self, instance: &str) -> Result<Vec<EniInfo>, CloudError> {
        let ours = |eni: &&EniInfo| {
            eni.attachment.is_none()
                && eni.tags.get(super::TAG_INSTANCE).is_some_and(|tag| tag == instance)
        };
        self.call("DescribeNetworkInterfaces", |state| {
            Ok(state.enis.values().filter(ours).cloned().collect())
        })
        .await
    }

    async fn enis_in_subnet(&self, _: &SubnetId) -> Result<Vec<EniInfo>, CloudError> {
        self.call("DescribeNetworkInterfaces", |state| Ok(state.enis.values().cloned().collect()))
            .await
    }

    async fn eni(&self, id: &EniId) -> Result<Option<EniInfo>, CloudError> {
        self.call("DescribeNetworkInterfaces", |state| Ok(state.enis.get(id).cloned())).await
    }

    async fn subnets(&self, _: &[SubnetId]) -> Result<Vec<SubnetInfo>, CloudError> {
        self.call("DescribeSubnets", |state| {
            Ok(vec![SubnetInfo { free: state.free(), ..state.subnet.clone() }])
        })
        .await
    }

    async fn create_eni(&self, new: &NewEni) -> Result<EniInfo, CloudError> {
        self.call("CreateNetworkInterface", |state| {
            let id = match state.tokens.get(&new.token) {
                Some(id) => id.clone(),
                None => state.make(new.secondaries + 1, new.tags.clone())?,
            };
            state.tokens.insert(new.token.clone(), id.clone());
            let eni = state.enis.get_mut(&id).unwrap();
            eni.description.clone_from(&new.description);
            Ok(eni.clone())
        })
        .await
    }

    async fn attach(&self, id: &EniId, _: &str, index: u32) -> Result<String, CloudError> {
        self.call("AttachNetworkInterface", |state| {
            let attached = |eni: &&EniInfo| {
                eni.attachment.as_ref().is_some_and(|to| to.instance.as_deref() == Some(INSTANCE))
            };
            let attached: Vec<_> = state.enis.values().filter(attached).cloned().collect();
            if attached.len() >= state.limits.enis as usize {
                return Err(ErrorKind::EniLimit);
            }
            let index_of = |eni: &EniInfo| eni.attachment.as_ref().map(|to| to.device_index);
            if attached.iter().any(|eni| index_of(eni) == Some(index)) {
                return Err(ErrorKind::DeviceIndexTaken);
            }
            let eni = state.enis.get_mut(id).ok_or(ErrorKind::NotFound)?;
            let attachment = attachment(index, id);
            eni.attachment = Some(attachment.clone());
            Ok(attachment.id)
        })
        .await
    }

    async fn delete_on_termination(&self, _: &EniId, id: &str) -> Result<(), CloudError> {
        self.call("ModifyNetworkInterfaceAttribute", |state| {
            let eni = state.attachment_of(id).ok_or(ErrorKind::NotFound)?;
            if let Some(attachment) = &mut eni.attachment {
                attachment.delete_on_termination = true;
            }
            Ok(())
        })
        .await
    }

    async fn assign_addresses(&self, id: &EniId, n: u32) -> Result<Vec<Ipv4Addr>, CloudError> {
        self.call("AssignPrivateIpAddresses", |state| {
            let most = state.limits.addresses_per_eni as usize;
            let has = state.enis.get(id).ok_or(ErrorKind::NotFound)?.secondaries.len();
            if has + 1 + n as usize > most {
                return Err(ErrorKind::AddressLimit);
            }
            let new = state.take(n)?;
            state.enis.get_mut(id).ok_or(ErrorKind::NotFound)?.secondaries.extend(&new);
            Ok(new)
        })
        .await
    }

    async fn detach(&self, attachment: &str) -> Result<(), CloudError> {
        self.call("DetachNetworkInterface", |state| {
            state.attachment_of(attachment).ok_or(ErrorKind::NotFound)?.attachment = None;
            Ok(())
        })
        .await
    }

    async fn delete(&self, id: &EniId) -> Result<(), CloudError> {
        self.call("DeleteNetworkInterface", |state| {
            let eni = state.enis.get(id).ok_or(ErrorKind::NotFound)?;
            if eni.attachment.is_some() {
                return Err(ErrorKind::InUse);
            }
            let eni = state.enis.remove(id).ok_or(ErrorKind::NotFound)?;
            state.free.push_back(eni.primary);
            state.free.extend(eni.secondaries);
            Ok(())
        })
        .await
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.state().calls.clone()
    }
}
