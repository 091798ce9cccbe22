//! Assigning and unassigning secondary addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::World;
use crate::random::Random;
use crate::{AddressRequest, Eni, EniId, Error, Subnet};

impl World {
    /// Assigns secondary addresses to an ENI, prefixes being [`World::assign_prefixes`]' task: all that are asked for, or none. Returns those the
    /// ENI did not hold before, in the order asked for.
    ///
    /// With `allow_reassignment`, a secondary address another ENI holds moves to this one; an
    /// address this ENI holds already as a secondary one stays.
    ///
    /// # Errors
    /// There is no such ENI or a service manages it; no address is asked for; the ENI would have
    /// more addresses than its instance allows; the subnet is short of addresses; or an address
    /// is given twice, outside the subnet, reserved, or held and not to be moved.
    pub fn assign(
        &mut self,
        id: &EniId,
        request: AddressRequest,
        allow_reassignment: bool,
    ) -> Result<Vec<Ipv4Addr>, Error> {
        let eni = self.changeable_eni(id)?;
        match request {
            AddressRequest::List(addresses) if !addresses.is_empty() => {
                let new = self.check_assign(eni, &addresses, allow_reassignment)?;
                self.assign_checked(id, &new)?;
                Ok(new)
            }
            AddressRequest::Count(count) if count > 0 => {
                self.check_address_limit(eni, request.count())?;
                check_free(self.subnet(&eni.subnet)?, request.count())?;
                self.assign_any(id, count)
            }
            _ => Err(Error::NoAddressRequested),
        }
    }

    /// Takes secondary addresses from an ENI: all of them, or none.
    ///
    /// # Errors
    /// There is no such ENI or a service manages it; no address is given; or one of them is the
    /// ENI's primary address or not its own.
    pub fn unassign(&mut self, id: &EniId, addresses: &[Ipv4Addr]) -> Result<(), Error> {
        self.unassign_all(id, addresses, &[])
    }

    /// Holds that an ENI may have so many more addresses: if it is attached, its instance type
    /// limits them.
    pub(super) fn check_address_limit(&self, eni: &Eni, more: usize) -> Result<(), Error> {
        match eni.instance() {
            Some(instance) => self.check_addresses_on(eni, more, instance),
            None => Ok(()),
        }
    }

    /// Holds that an ENI with so many more addresses fits the instance.
    pub(super) fn check_addresses_on(
        &self,
        eni: &Eni,
        more: usize,
        instance: &crate::InstanceId,
    ) -> Result<(), Error> {
        let instance_type = self.instance(instance)?.instance_type;
        let requested = eni.address_count().saturating_add(more);
        let limit = instance_type.ipv4_per_eni;
        if requested > limit as usize {
            return Err(Error::AddressLimitExceeded {
                eni: eni.id.clone(),
                instance: instance.clone(),
                instance_type: instance_type.name,
                requested,
                limit,
            });
        }
        Ok(())
    }

    /// Holds that the ENI may be given these addresses; returns those it does not hold yet.
    fn check_assign(
        &self,
        eni: &Eni,
        addresses: &[Ipv4Addr],
        allow_reassignment: bool,
    ) -> Result<Vec<Ipv4Addr>, Error> {
        let subnet = self.subnet(&eni.subnet)?;
        check_distinct(addresses)?;
        let mut new = Vec::with_capacity(addresses.len());
        for &address in addresses {
            check_assignable(subnet, address)?;
            let Some(holder) = subnet.space.holder(address) else {
                new.push(address);
                continue;
            };
            check_outside_prefixes(subnet, address)?;
            if !allow_reassignment {
                return Err(Error::AddressAssigned { address, eni: holder.clone() });
            }
            let holder = self.changeable_eni(holder)?;
            if holder.primary == address {
                return Err(Error::PrimaryAddressMove { address, eni: holder.id.clone() });
            }
            if holder.id != eni.id {
                new.push(address);
            }
        }
        self.check_address_limit(eni, new.len())?;
        Ok(new)
    }

    /// Gives the ENI addresses that are free or secondary ones of other ENIs.
    fn assign_checked(&mut self, id: &EniId, addresses: &[Ipv4Addr]) -> Result<(), Error> {
        let eni = self.enis.get_mut(id).ok_or_else(|| Error::UnknownEni { eni: id.clone() })?;
        let unknown = || Error::UnknownSubnet { subnet: eni.subnet.clone() };
        let subnet = self.subnets.get_mut(&eni.subnet).ok_or_else(unknown)?;
        eni.secondary.extend(addresses);
        for &address in addresses {
            match subnet.space.holder(address).cloned() {
                None => subnet.space.take(address, id),
                Some(previous) => {
                    subnet.space.hand_over(address, id);
                    if let Some(previous) = self.enis.get_mut(&previous) {
                        previous.secondary.retain(|held| *held != address);
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the ENI so many free addresses, which the subnet has.
    fn assign_any(&mut self, id: &EniId, count: u32) -> Result<Vec<Ipv4Addr>, Error> {
        let eni = self.enis.get_mut(id).ok_or_else(|| Error::UnknownEni { eni: id.clone() })?;
        let unknown = || Error::UnknownSubnet { subnet: eni.subnet.clone() };
        let subnet = self.subnets.get_mut(&eni.subnet).ok_or_else(unknown)?;
        let new = (0..count)
            .map(|_| take_any(subnet, &mut self.random, id))
            .collect::<Result<Vec<_>, _>>()?;
        eni.secondary.extend(&new);
        Ok(new)
    }
}

/// Holds that no address is given twice.
pub(super) fn check_distinct(addresses: &[Ipv4Addr]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match addresses.iter().find(|address| !seen.insert(**address)) {
        Some(&address) => Err(Error::DuplicateAddress { address }),
        None => Ok(()),
    }
}

/// Holds that an ENI of the subnet could hold the address.
pub(super) fn check_assignable(subnet: &Subnet, address: Ipv4Addr) -> Result<(), Error> {
    let (id, cidr) = (subnet.id.clone(), subnet.cidr);
    if !cidr.contains(&address) {
        Err(Error::AddressOutsideSubnet { address, subnet: id, cidr })
    } else if subnet.reserved().contains(&address) {
        Err(Error::AddressReserved { address, subnet: id, cidr })
    } else {
        Ok(())
    }
}

/// Holds that the address is in no prefix: prefixes move only as a whole.
pub(super) fn check_outside_prefixes(subnet: &Subnet, address: Ipv4Addr) -> Result<(), Error> {
    match subnet.space.prefix_at(address) {
        Some((prefix, eni)) => Err(Error::AddressInPrefix { address, prefix, eni: eni.clone() }),
        None => Ok(()),
    }
}

/// Holds that the subnet has so many free addresses.
pub(super) fn check_free(subnet: &Subnet, requested: usize) -> Result<(), Error> {
    if requested > subnet.space.free() as usize {
        return Err(insufficient(subnet, requested));
    }
    Ok(())
}

/// Takes a free address of a subnet that has one.
pub(super) fn take_any(
    subnet: &mut Subnet,
    random: &mut Random,
    eni: &EniId,
) -> Result<Ipv4Addr, Error> {
    subnet.space.take_any(random, eni).ok_or_else(|| insufficient(subnet, 1))
}

pub(super) fn insufficient(subnet: &Subnet, requested: usize) -> Error {
    Error::InsufficientFreeAddresses {
        subnet: subnet.id.clone(),
        cidr: subnet.cidr,
        requested,
        free: subnet.space.free(),
    }
}
