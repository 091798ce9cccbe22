//! Creating, deleting and changing ENIs.

use std::net::Ipv4Addr;

use super::World;
use super::addresses::{
    check_assignable, check_distinct, check_free, check_outside_prefixes, take_any,
};
use super::attachments::check_unattached;
use super::client_tokens::is_client_token;
use super::prefixes::{check_prefixes, check_room_for_prefixes, take_prefixes};
use crate::{
    AddressRequest, Eni, EniAttribute, EniId, EniSpec, Error, PrefixRequest, SecurityGroupId, tags,
};

impl World {
    /// Creates an ENI. How many addresses it may have depends on the instance, so that is checked
    /// when it is attached.
    ///
    /// A request with the client token of an earlier one of the same account, at most 24 hours
    /// old, returns the ENI created then, even if it has been deleted since.
    ///
    /// # Errors
    /// There is no such subnet or security group; an address is outside the subnet, reserved, in
    /// use or given twice; the subnet is short of addresses; security groups or tags break a
    /// rule; the account has its quota of ENIs; or the client token was used for another request.
    pub fn create_eni(&mut self, spec: EniSpec) -> Result<EniId, Error> {
        if let Some(token) = &spec.client_token {
            if !is_client_token(token) {
                return Err(Error::InvalidClientToken { token: token.clone() });
            }
            if let Some(eni) = self.client_tokens.find(&spec, token)? {
                return Ok(eni);
            }
        }
        let groups = self.check_eni(&spec)?;
        let token = spec.client_token.clone().map(|token| (token, spec.clone()));
        let id = self.add_eni(spec, groups)?;
        if let Some((token, spec)) = token {
            self.client_tokens.remember(token, spec, id.clone());
        }
        Ok(id)
    }

    /// Deletes an ENI; its addresses become free.
    ///
    /// # Errors
    /// There is no such ENI, it is attached, or a service manages it.
    pub fn delete_eni(&mut self, id: &EniId) -> Result<(), Error> {
        let eni = self.changeable_eni(id)?;
        check_unattached(eni)?;
        self.remove_eni(id);
        Ok(())
    }

    /// Detaches, if need be, and deletes an ENI that a service manages: what only that service
    /// may do.
    ///
    /// # Errors
    /// There is no such ENI, or no service manages it.
    pub fn delete_managed_eni(&mut self, id: &EniId) -> Result<(), Error> {
        if !self.eni(id)?.is_requester_managed() {
            return Err(Error::NotRequesterManaged { eni: id.clone() });
        }
        self.remove_eni(id);
        Ok(())
    }

    /// Changes one attribute of an ENI.
    ///
    /// # Errors
    /// There is no such ENI, a service manages it, the security groups break a rule, or the
    /// attachment is not the ENI's.
    pub fn set_eni_attribute(&mut self, id: &EniId, change: EniAttribute) -> Result<(), Error> {
        let eni = self.changeable_eni(id)?;
        let change = match change {
            EniAttribute::Groups(groups) if groups.is_empty() => {
                return Err(Error::NoSecurityGroups { eni: id.clone() });
            }
            EniAttribute::Groups(groups) => {
                EniAttribute::Groups(self.security_groups_for(self.vpc(&eni.vpc)?, groups)?)
            }
            other => other,
        };
        let eni = self.eni_mut(id)?;
        match change {
            EniAttribute::Description(description) => eni.description = description,
            EniAttribute::Groups(groups) => eni.groups = groups,
            EniAttribute::SourceDestCheck(on) => eni.source_dest_check = on,
            EniAttribute::DeleteOnTermination { attachment: id, value } => {
                match eni.attachment.as_mut().filter(|attachment| attachment.id == id) {
                    Some(attachment) => attachment.delete_on_termination = value,
                    None => return Err(Error::UnknownAttachment { attachment: id }),
                }
            }
        }
        Ok(())
    }

    /// All that can be wrong with a new ENI; returns its security groups.
    pub(super) fn check_eni(&self, spec: &EniSpec) -> Result<Vec<SecurityGroupId>, Error> {
        let subnet = self.subnet(&spec.subnet)?;
        let groups = self.security_groups_for(self.vpc(&subnet.vpc)?, spec.groups.clone())?;
        let mut explicit: Vec<Ipv4Addr> = spec.primary.into_iter().collect();
        if let AddressRequest::List(addresses) = &spec.secondary {
            explicit.extend(addresses);
        }
        check_distinct(&explicit)?;
        for &address in &explicit {
            check_assignable(subnet, address)?;
            check_outside_prefixes(subnet, address)?;
            if let Some(eni) = subnet.space.holder(address).cloned() {
                return Err(Error::AddressInUse { address, subnet: subnet.id.clone(), eni });
            }
        }
        if let AddressRequest::Prefixes(request) = &spec.secondary {
            if let PrefixRequest::List(prefixes) = request {
                check_prefixes(subnet, prefixes)?;
            }
            check_room_for_prefixes(subnet, spec, request)?;
        } else {
            let withheld = |address: &&Ipv4Addr| subnet.space.is_withheld(**address);
            let by_name = explicit.iter().filter(withheld).count();
            check_free(subnet, (1_usize.saturating_add(spec.secondary.count())) - by_name)?;
        }
        tags::check(&spec.tags)?;
        let limit = self.quotas.enis;
        if self.eni_counts.get(&spec.owner).copied().unwrap_or_default() >= limit {
            return Err(Error::EniLimitExceeded { owner: spec.owner.clone(), limit });
        }
        Ok(groups)
    }

    /// Adds an ENI that [`Self::check_eni`] has found right.
    pub(super) fn add_eni(
        &mut self,
        spec: EniSpec,
        groups: Vec<SecurityGroupId>,
    ) -> Result<EniId, Error> {
        let id = self.new_eni_id();
        let mac = self.new_mac();
        let unknown = || Error::UnknownSubnet { subnet: spec.subnet.clone() };
        let subnet = self.subnets.get_mut(&spec.subnet).ok_or_else(unknown)?;
        // Addresses asked for by name go first, so that none of them is picked for another use.
        let secondary = match &spec.secondary {
            AddressRequest::List(addresses) => addresses.as_slice(),
            AddressRequest::None | AddressRequest::Count(_) | AddressRequest::Prefixes(_) => &[],
        };
        for &address in spec.primary.iter().chain(secondary) {
            subnet.space.take(address, &id);
        }
        let mut secondary = secondary.to_vec();
        let prefixes = match &spec.secondary {
            AddressRequest::Prefixes(request) => {
                take_prefixes(subnet, &mut self.random, &id, request)?
            }
            _ => Vec::new(),
        };
        let primary = match spec.primary {
            Some(address) => address,
            None => take_any(subnet, &mut self.random, &id)?,
        };
        if let AddressRequest::Count(count) = spec.secondary {
            for _ in 0..count {
                secondary.push(take_any(subnet, &mut self.random, &id)?);
            }
        }
        let eni = Eni {
            id: id.clone(),
            vpc: subnet.vpc.clone(),
            subnet: spec.subnet,
            availability_zone: subnet.availability_zone.clone(),
            owner: spec.owner.clone(),
            requester: spec.requester,
            interface_type: spec.interface_type,
            description: spec.description,
            mac,
            primary,
            secondary,
            prefixes,
            groups,
            source_dest_check: true,
            tags: spec.tags,
            attachment: None,
            created: spec.now,
        };
        self.enis.insert(id.clone(), eni);
        *self.eni_counts.entry(spec.owner).or_default() += 1;
        Ok(id)
    }

    /// Removes an ENI with its attachment and frees its addresses.
    pub(super) fn remove_eni(&mut self, id: &EniId) {
        self.unlink(id);
        let Some(eni) = self.enis.remove(id) else { return };
        if let Some(subnet) = self.subnets.get_mut(&eni.subnet) {
            for address in eni.addresses() {
                subnet.space.release(address);
            }
            for prefix in &eni.prefixes {
                subnet.space.release_prefix(*prefix);
            }
        }
        self.macs.remove(&eni.mac);
        if let Some(count) = self.eni_counts.get_mut(&eni.owner) {
            *count -= 1;
            if *count == 0 {
                self.eni_counts.remove(&eni.owner);
            }
        }
    }

    /// An ENI that its owner may change.
    pub(super) fn changeable_eni(&self, id: &EniId) -> Result<&Eni, Error> {
        let eni = self.eni(id)?;
        match &eni.requester {
            Some(requester) if requester.managed => {
                let requester = requester.id.clone();
                Err(Error::RequesterManaged { eni: id.clone(), requester })
            }
            _ => Ok(eni),
        }
    }

    pub(super) fn eni_mut(&mut self, id: &EniId) -> Result<&mut Eni, Error> {
        self.enis.get_mut(id).ok_or_else(|| Error::UnknownEni { eni: id.clone() })
    }
}
