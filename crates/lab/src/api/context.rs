//! What every action knows about the call it carries out.

use vpc::{AccountId, Eni, EniId, SubnetId, Timestamp, VpcId, World};

use super::error::ApiError;
use super::{ids, refusal};
use crate::state::{Lab, MutateError, Principal};

/// One call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) lab: &'a Lab,
    pub(super) caller: &'a Principal,
    /// When the call arrived.
    pub(super) now: Timestamp,
    /// Whether to find out only what would happen.
    pub(super) dry_run: bool,
}

impl Context<'_> {
    /// Whether the caller acts for the account that owns something. What it does not own is not
    /// there for it.
    pub(super) fn owns(&self, owner: &AccountId) -> bool {
        *owner == self.caller.account
    }

    /// Changes the world; in a dry run, changes nothing and answers what would have come of it.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut World) -> Result<T, vpc::Error>,
    ) -> Result<T, ApiError> {
        self.change_or(change, refusal::answer)
    }

    /// As [`Context::change`], for a call with words of its own for some refusals.
    pub(super) fn change_or<T>(
        &self,
        change: impl FnOnce(&mut World) -> Result<T, vpc::Error>,
        answer: impl FnOnce(&vpc::Error) -> ApiError,
    ) -> Result<T, ApiError> {
        let changed = if self.dry_run {
            self.lab.rehearse(change).map_err(MutateError::Refused)
        } else {
            self.lab.mutate(change)
        };
        changed.map_err(|error| match error {
            MutateError::Refused(error) => answer(&error),
            // The lab has logged the cause.
            MutateError::Fabric(_) => ApiError::internal(),
        })
    }

    /// The id of an ENI of the caller's account, read from a request.
    ///
    /// # Errors
    /// Malformed; not there, or another account's. Whether the owner may change it, the VPC rules
    /// decide.
    pub(super) fn own_eni_id(&self, text: &str) -> Result<EniId, ApiError> {
        let id: EniId = ids::parse(text)?;
        self.lab.read(|world| self.own_eni(world, &id).map(|_| ()))?;
        Ok(id)
    }

    /// The subnet is of the caller's account.
    ///
    /// # Errors
    /// It is not there, or another account's.
    pub(super) fn own_subnet(&self, id: &SubnetId) -> Result<(), ApiError> {
        let owned = self.lab.read(|world| {
            let vpc = world.subnet(id).and_then(|subnet| world.vpc(&subnet.vpc));
            vpc.is_ok_and(|vpc| self.owns(&vpc.owner))
        });
        if owned { Ok(()) } else { Err(ids::not_found::<SubnetId>(id.as_str())) }
    }

    /// The VPC is of the caller's account.
    ///
    /// # Errors
    /// It is not there, or another account's.
    pub(super) fn own_vpc(&self, id: &VpcId) -> Result<(), ApiError> {
        let owned = self.lab.read(|world| world.vpc(id).is_ok_and(|vpc| self.owns(&vpc.owner)));
        if owned { Ok(()) } else { Err(ids::not_found::<VpcId>(id.as_str())) }
    }

    /// An ENI of the caller's account.
    pub(super) fn own_eni<'w>(&self, world: &'w World, id: &EniId) -> Result<&'w Eni, ApiError> {
        let eni = world.eni(id).ok().filter(|eni| self.owns(&eni.owner));
        eni.ok_or_else(|| ids::not_found::<EniId>(id.as_str()))
    }
}
