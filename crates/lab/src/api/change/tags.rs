//! CreateTags and DeleteTags, and tags given at creation.

use std::collections::BTreeMap;

use ec2_query::{CreateTags, DeleteTags, Return, Tag, TagSpecification};
use vpc::{
    EniId, InstanceId, SecurityGroupId, SecurityGroupRuleId, SubnetCidrReservationId, SubnetId,
    Tags, VpcId, World,
};

use crate::api::Context;
use crate::api::error::ApiError;
use crate::api::ids::{self, Identifier};

pub(in crate::api) fn create_tags(
    context: &Context<'_>,
    request: &CreateTags,
) -> Result<Return, ApiError> {
    if request.tags.is_empty() {
        return Err(ApiError::missing("tagSet"));
    }
    let tags = unique(&request.tags)?;
    own_resources(context, &request.resources)?;
    context.change(|world| world.create_tags(&request.resources, &tags))?;
    Ok(Return::default())
}

pub(in crate::api) fn delete_tags(
    context: &Context<'_>,
    request: &DeleteTags,
) -> Result<Return, ApiError> {
    let mut selected = BTreeMap::new();
    for tag in &request.tags {
        if selected.insert(tag.key.clone(), tag.value.clone()).is_some() {
            return Err(duplicate(&tag.key));
        }
    }
    own_resources(context, &request.resources)?;
    context.change(|world| world.delete_tags(&request.resources, &selected))?;
    Ok(Return::default())
}

/// The tags of a new resource; EC2 takes only those for the type of resource that the call makes.
pub(super) fn from_specifications(
    specifications: &[TagSpecification],
    resource_type: &str,
) -> Result<Tags, ApiError> {
    if let Some(other) = specifications.iter().find(|spec| spec.resource_type != resource_type) {
        return Err(ApiError::invalid_value(format!(
            "'{}' is not a valid taggable resource type for this operation.",
            other.resource_type
        )));
    }
    let all: Vec<Tag> = specifications.iter().flat_map(|spec| spec.tags.clone()).collect();
    unique(&all)
}

fn unique(list: &[Tag]) -> Result<Tags, ApiError> {
    let mut tags = Tags::new();
    for tag in list {
        if tags.insert(tag.key.clone(), tag.value.clone()).is_some() {
            return Err(duplicate(&tag.key));
        }
    }
    Ok(tags)
}

fn duplicate(key: &str) -> ApiError {
    ApiError::invalid_value(format!("Duplicate tag key '{key}' specified."))
}

/// Every resource is there and of the caller's account, or of no kind the world knows, which the
/// world then says.
fn own_resources(context: &Context<'_>, resources: &[String]) -> Result<(), ApiError> {
    if resources.is_empty() {
        return Err(ApiError::missing("resourceIdSet"));
    }
    context.lab.read(|world| resources.iter().try_for_each(|id| own(context, world, id)))
}

fn own(context: &Context<'_>, world: &World, id: &str) -> Result<(), ApiError> {
    let owner_of_vpc = |vpc: &VpcId| Some(world.vpc(vpc).ok()?.owner.clone());
    if let Ok(eni) = id.parse::<EniId>() {
        return context.own_eni(world, &eni).map(|_| ());
    }
    if let Ok(vpc) = id.parse::<VpcId>() {
        return require::<VpcId>(context, id, owner_of_vpc(&vpc));
    }
    if let Ok(subnet) = id.parse::<SubnetId>() {
        let owner = world.subnet(&subnet).ok().and_then(|subnet| owner_of_vpc(&subnet.vpc));
        return require::<SubnetId>(context, id, owner);
    }
    if let Ok(reservation) = id.parse::<SubnetCidrReservationId>() {
        let owner = world.cidr_reservation(&reservation).ok().map(|found| found.owner.clone());
        return require::<SubnetCidrReservationId>(context, id, owner);
    }
    if let Ok(instance) = id.parse::<InstanceId>() {
        let owner = world.instance(&instance).ok().map(|instance| instance.owner.clone());
        return require::<InstanceId>(context, id, owner);
    }
    if let Ok(group) = id.parse::<SecurityGroupId>() {
        let owner = world.security_group(&group).ok().map(|group| group.owner.clone());
        return require::<SecurityGroupId>(context, id, owner);
    }
    if let Ok(rule) = id.parse::<SecurityGroupRuleId>() {
        let owner = world.rule_group(&rule).map(|group| group.owner.clone());
        return require::<SecurityGroupRuleId>(context, id, owner);
    }
    Ok(())
}

fn require<I: Identifier>(
    context: &Context<'_>,
    id: &str,
    owner: Option<vpc::AccountId>,
) -> Result<(), ApiError> {
    match owner {
        Some(owner) if context.owns(&owner) => Ok(()),
        _ => Err(ids::not_found::<I>(id)),
    }
}
