//! Assigning and unassigning prefixes: whole /28 blocks.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::World;
use crate::instance_types::Hypervisor;
use crate::subnet::{PREFIX_LEN, PREFIX_SIZE};
use crate::{Eni, EniId, EniSpec, Error, InstanceId, InstanceType, PrefixRequest, Subnet};

impl World {
    /// Assigns prefixes to an ENI: all that are asked for, or none. Returns them in the order
    /// asked for.
    ///
    /// # Errors
    /// There is no such ENI or a service manages it; no prefix is asked for; its instance cannot
    /// have prefixes or not so many; the subnet is short of free /28 blocks; or a prefix is not
    /// an aligned /28, given twice, outside the subnet, its first or last, or not free.
    pub fn assign_prefixes(
        &mut self,
        id: &EniId,
        request: &PrefixRequest,
    ) -> Result<Vec<Ipv4Net>, Error> {
        let eni = self.changeable_eni(id)?;
        if request.count() == 0 {
            return Err(Error::NoAddressRequested);
        }
        if let Some(instance) = eni.instance() {
            check_hypervisor(eni, instance, self.instance(instance)?.instance_type)?;
        }
        let subnet = self.subnet(&eni.subnet)?;
        if let PrefixRequest::List(prefixes) = request {
            check_prefixes(subnet, prefixes)?;
        }
        self.check_address_limit(eni, request.count())?;
        if let PrefixRequest::Count(_) = request {
            let (kept, others) = subnet.space.free_blocks(None);
            if request.count() > (kept + others) as usize {
                return Err(insufficient(subnet, request.count(), kept + others));
            }
        }

        let eni = self.enis.get_mut(id).ok_or_else(|| Error::UnknownEni { eni: id.clone() })?;
        let unknown = || Error::UnknownSubnet { subnet: eni.subnet.clone() };
        let subnet = self.subnets.get_mut(&eni.subnet).ok_or_else(unknown)?;
        let new = take_prefixes(subnet, &mut self.random, id, request)?;
        eni.prefixes.extend(&new);
        Ok(new)
    }

    /// Takes secondary addresses and prefixes from an ENI: all of them, or none.
    ///
    /// # Errors
    /// There is no such ENI or a service manages it; nothing is given; or one of them is the ENI's
    /// primary address or not its own.
    pub fn unassign_all(
        &mut self,
        id: &EniId,
        addresses: &[Ipv4Addr],
        prefixes: &[Ipv4Net],
    ) -> Result<(), Error> {
        let eni = self.changeable_eni(id)?;
        if addresses.is_empty() && prefixes.is_empty() {
            return Err(Error::NoAddressRequested);
        }
        check_unassign(eni, addresses)?;
        let strange: Vec<Ipv4Net> =
            prefixes.iter().copied().filter(|prefix| !eni.prefixes.contains(prefix)).collect();
        if !strange.is_empty() {
            return Err(Error::PrefixesNotAssigned { eni: id.clone(), prefixes: strange });
        }

        let eni = self.eni_mut(id)?;
        eni.secondary.retain(|address| !addresses.contains(address));
        eni.prefixes.retain(|prefix| !prefixes.contains(prefix));
        let subnet = eni.subnet.clone();
        if let Some(subnet) = self.subnets.get_mut(&subnet) {
            for address in addresses {
                subnet.space.release(*address);
            }
            for prefix in prefixes {
                subnet.space.release_prefix(*prefix);
            }
        }
        Ok(())
    }
}

/// Holds that the addresses are secondary ones of the ENI.
fn check_unassign(eni: &Eni, addresses: &[Ipv4Addr]) -> Result<(), Error> {
    if addresses.contains(&eni.primary) {
        return Err(Error::PrimaryUnassign { eni: eni.id.clone(), address: eni.primary });
    }
    let held: BTreeSet<Ipv4Addr> = eni.secondary.iter().copied().collect();
    let strange: Vec<Ipv4Addr> =
        addresses.iter().copied().filter(|address| !held.contains(address)).collect();
    if !strange.is_empty() {
        return Err(Error::AddressesNotAssigned { eni: eni.id.clone(), addresses: strange });
    }
    Ok(())
}

/// Holds that an instance of the type may have prefixes (Amazon EC2 user guide, "Prefix
/// delegation": instances on Nitro, and bare metal).
pub(super) fn check_hypervisor(
    eni: &Eni,
    instance: &InstanceId,
    instance_type: &InstanceType,
) -> Result<(), Error> {
    if instance_type.bare_metal || instance_type.hypervisor == Some(Hypervisor::Nitro) {
        return Ok(());
    }
    Err(Error::PrefixesUnsupported {
        eni: eni.id.clone(),
        instance: instance.clone(),
        instance_type: instance_type.name,
    })
}

/// Holds that an ENI of the subnet could be given these prefixes.
pub(super) fn check_prefixes(subnet: &Subnet, prefixes: &[Ipv4Net]) -> Result<(), Error> {
    let (id, cidr) = (&subnet.id, subnet.cidr);
    let mut seen = BTreeSet::new();
    for &prefix in prefixes {
        if prefix.prefix_len() != PREFIX_LEN || prefix.addr() != prefix.network() {
            return Err(Error::InvalidPrefix { prefix });
        }
        if !seen.insert(prefix) {
            return Err(Error::DuplicatePrefix { prefix });
        }
        if !cidr.contains(&prefix) {
            return Err(Error::PrefixOutsideSubnet { prefix, subnet: id.clone(), cidr });
        }
        if subnet.reserved().iter().any(|reserved| prefix.contains(reserved)) {
            return Err(Error::PrefixReserved { prefix, subnet: id.clone(), cidr });
        }
        let first = u32::from(prefix.network());
        let holder = (first..first + PREFIX_SIZE)
            .find_map(|address| subnet.space.holder(Ipv4Addr::from(address)));
        if let Some(eni) = holder.cloned() {
            return Err(Error::PrefixInUse { prefix, subnet: id.clone(), eni });
        }
    }
    Ok(())
}

/// Holds that the subnet has room for the prefixes of a new ENI and for its primary address.
/// Named ones have passed [`check_prefixes`].
pub(super) fn check_room_for_prefixes(
    subnet: &Subnet,
    spec: &EniSpec,
    request: &PrefixRequest,
) -> Result<(), Error> {
    let requested = request.count();
    let space = &subnet.space;
    if let (Some(address), PrefixRequest::List(prefixes)) = (spec.primary, request)
        && let Some(&prefix) = prefixes.iter().find(|prefix| prefix.contains(&address))
    {
        return Err(Error::PrimaryInPrefix { address, prefix });
    }
    let (kept, others) = match request {
        PrefixRequest::Count(_) => space.free_blocks(spec.primary),
        PrefixRequest::List(_) => (0, 0),
    };
    let from_pool = match request {
        PrefixRequest::Count(count) if requested <= (kept + others) as usize => {
            count.saturating_sub(kept) * PREFIX_SIZE
        }
        PrefixRequest::Count(_) => return Err(insufficient(subnet, requested, kept + others)),
        PrefixRequest::List(prefixes) => prefixes.iter().map(|&p| space.free_within(p)).sum(),
    };
    if spec.primary.is_none() && space.free() <= from_pool {
        return Err(super::addresses::insufficient(subnet, requested * PREFIX_SIZE as usize + 1));
    }
    Ok(())
}

/// Takes prefixes that were found free, or as many free blocks as there were found.
pub(super) fn take_prefixes(
    subnet: &mut Subnet,
    random: &mut crate::random::Random,
    eni: &EniId,
    request: &PrefixRequest,
) -> Result<Vec<Ipv4Net>, Error> {
    match request {
        PrefixRequest::List(prefixes) => {
            for &prefix in prefixes {
                subnet.space.take_prefix(prefix, eni);
            }
            Ok(prefixes.clone())
        }
        PrefixRequest::Count(count) => (0..*count)
            .map(|_| {
                let taken = subnet.space.take_any_prefix(random, eni);
                taken.ok_or_else(|| insufficient(subnet, 1, 0))
            })
            .collect(),
    }
}

fn insufficient(subnet: &Subnet, requested: usize, free: u32) -> Error {
    Error::InsufficientFreePrefixes {
        subnet: subnet.id.clone(),
        cidr: subnet.cidr,
        requested,
        free,
    }
}
