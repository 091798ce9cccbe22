//! Tags of any resource, by its ID.

use super::World;
use crate::{Error, InvalidId, TagSelection, Tags, tags};

impl World {
    /// Gives every one of the resources these tags, over tags of the same keys.
    ///
    /// # Errors
    /// There is no such resource, the tags break a rule, or a resource would have too many.
    pub fn create_tags(&mut self, resources: &[String], tags: &Tags) -> Result<(), Error> {
        for resource in resources {
            tags::check_added(self.tags_mut(resource)?, tags)?;
        }
        for resource in resources {
            let new = tags.iter().map(|(key, value)| (key.clone(), value.clone()));
            self.tags_mut(resource)?.extend(new);
        }
        Ok(())
    }

    /// Deletes the selected tags of every one of the resources; all tags if none is selected.
    /// What a resource does not have is passed over.
    ///
    /// # Errors
    /// There is no such resource.
    pub fn delete_tags(
        &mut self,
        resources: &[String],
        selection: &TagSelection,
    ) -> Result<(), Error> {
        for resource in resources {
            self.tags_mut(resource)?;
        }
        for resource in resources {
            tags::remove(self.tags_mut(resource)?, selection);
        }
        Ok(())
    }

    fn tags_mut(&mut self, resource: &str) -> Result<&mut Tags, Error> {
        let (kind, _) = resource.rsplit_once('-').unwrap_or_default();
        match kind {
            "vpc" => {
                let vpc = resource.parse().map_err(Error::InvalidResourceId)?;
                match self.vpcs.get_mut(&vpc) {
                    Some(found) => Ok(&mut found.tags),
                    None => Err(Error::UnknownVpc { vpc }),
                }
            }
            "subnet" => {
                let subnet = resource.parse().map_err(Error::InvalidResourceId)?;
                match self.subnets.get_mut(&subnet) {
                    Some(found) => Ok(&mut found.tags),
                    None => Err(Error::UnknownSubnet { subnet }),
                }
            }
            "eni" => {
                let eni = resource.parse().map_err(Error::InvalidResourceId)?;
                match self.enis.get_mut(&eni) {
                    Some(found) => Ok(&mut found.tags),
                    None => Err(Error::UnknownEni { eni }),
                }
            }
            "i" => {
                let instance = resource.parse().map_err(Error::InvalidResourceId)?;
                match self.instances.get_mut(&instance) {
                    Some(found) => Ok(&mut found.tags),
                    None => Err(Error::UnknownInstance { instance }),
                }
            }
            "scr" => {
                let reservation = resource.parse().map_err(Error::InvalidResourceId)?;
                let mut subnets = self.subnets.values_mut();
                match subnets.find_map(|s| s.cidr_reservations.get_mut(&reservation)) {
                    Some(found) => Ok(&mut found.tags),
                    None => Err(Error::UnknownCidrReservation { reservation }),
                }
            }
            "sg" => {
                let group = resource.parse().map_err(Error::InvalidResourceId)?;
                match self.security_groups.get_mut(&group) {
                    Some(found) => Ok(&mut found.tags),
                    None => Err(Error::UnknownSecurityGroup { group }),
                }
            }
            "sgr" => {
                let rule = resource.parse().map_err(Error::InvalidResourceId)?;
                let expected = "the ID of a security group rule";
                self.rule_tags_mut(&rule).ok_or_else(|| {
                    Error::InvalidResourceId(InvalidId { value: resource.to_owned(), expected })
                })
            }
            _ => {
                let (value, expected) = (resource.to_owned(), "the ID of a resource");
                Err(Error::InvalidResourceId(InvalidId { value, expected }))
            }
        }
    }
}
