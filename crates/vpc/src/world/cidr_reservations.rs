//! Creating and deleting CIDR reservations of subnets.

use super::World;
use crate::{CidrReservation, CidrReservationSpec, Error, SubnetCidrReservationId, tags};

impl World {
    /// Reserves a part of a subnet. It may cover addresses in use, which stay where they are;
    /// addresses not in use are no longer assigned unless asked for by name, except that prefixes
    /// EC2 picks come from reservations for prefixes first.
    ///
    /// # Errors
    /// There is no such subnet; the block is not inside it or overlaps another of its
    /// reservations; the subnet has its quota of them; or the tags break a rule.
    pub fn create_cidr_reservation(
        &mut self,
        spec: CidrReservationSpec,
    ) -> Result<SubnetCidrReservationId, Error> {
        let subnet = self.subnet(&spec.subnet)?;
        let owner = self.vpc(&subnet.vpc)?.owner.clone();
        let reserved = spec.cidr.trunc();
        if !subnet.cidr.contains(&reserved) {
            let (subnet, cidr) = (spec.subnet, subnet.cidr);
            return Err(Error::ReservationOutsideSubnet { reserved, subnet, cidr });
        }
        let overlaps = |other: &&CidrReservation| {
            other.cidr.contains(&reserved) || reserved.contains(&other.cidr)
        };
        if let Some(other) = subnet.cidr_reservations.values().find(overlaps) {
            let (conflict, kind) = (other.id.clone(), other.kind);
            return Err(Error::ReservationConflict { reserved, conflict, kind });
        }
        let limit = self.quotas.cidr_reservations_per_subnet;
        if subnet.cidr_reservations.len() >= limit as usize {
            return Err(Error::ReservationLimitExceeded { subnet: spec.subnet, limit });
        }
        tags::check(&spec.tags)?;

        let id = self.new_cidr_reservation_id();
        let unknown = || Error::UnknownSubnet { subnet: spec.subnet.clone() };
        let subnet = self.subnets.get_mut(&spec.subnet).ok_or_else(unknown)?;
        subnet.space.withhold(reserved, Some(spec.kind));
        let reservation = CidrReservation {
            id: id.clone(),
            subnet: spec.subnet,
            owner,
            cidr: reserved,
            kind: spec.kind,
            description: spec.description,
            tags: spec.tags,
        };
        subnet.cidr_reservations.insert(id.clone(), reservation);
        Ok(id)
    }

    /// Deletes a CIDR reservation and returns it. Addresses in use stay where they are.
    ///
    /// # Errors
    /// There is no such reservation.
    pub fn delete_cidr_reservation(
        &mut self,
        id: &SubnetCidrReservationId,
    ) -> Result<CidrReservation, Error> {
        for subnet in self.subnets.values_mut() {
            if let Some(deleted) = subnet.cidr_reservations.remove(id) {
                subnet.space.withhold(deleted.cidr, None);
                return Ok(deleted);
            }
        }
        Err(Error::UnknownCidrReservation { reservation: id.clone() })
    }

    /// The CIDR reservation of that ID.
    ///
    /// # Errors
    /// [`Error::UnknownCidrReservation`].
    pub fn cidr_reservation(
        &self,
        id: &SubnetCidrReservationId,
    ) -> Result<&CidrReservation, Error> {
        let found = self.subnets.values().find_map(|subnet| subnet.cidr_reservations.get(id));
        found.ok_or_else(|| Error::UnknownCidrReservation { reservation: id.clone() })
    }
}
