//! The Describe calls: what they show of the world, and which filters they take.

mod cidr_reservations;
mod instance_types;
mod instances;
mod network_interfaces;
mod security_group_rules;
mod security_groups;
mod subnets;
mod vpcs;
mod zones;

pub(super) use cidr_reservations::{cidr_reservations, view as cidr_reservation};
pub(super) use instance_types::instance_types;
pub(super) use instances::instances;
pub(super) use network_interfaces::{network_interfaces, view as network_interface};
pub(super) use security_group_rules::{
    parts as rule_parts, security_group_rules, view as security_group_rule,
};
pub(super) use security_groups::{arn as security_group_arn, security_groups};
pub(super) use subnets::{subnets, view as subnet};
pub(super) use vpcs::{cidr_block, view as vpc, vpc_attribute, vpcs};
pub(super) use zones::{zones, zones_of};

use ec2_query::{Filter, GroupIdentifier, Tag};
use vpc::{Eni, Tags, World};

use super::Context;
use super::error::ApiError;
use super::filter::{Filtered, select};
use super::ids::{self, Identifier};
use super::page::{Paging, page};

/// A kind of resource as a Describe call answers it.
trait Described: Filtered + Default {
    /// The call.
    const ACTION: &'static str;
    /// The list of identifiers in the request, as EC2's messages call it.
    const IDS: &'static str;
    /// Smallest and largest `MaxResults`.
    const BOUNDS: (u16, u16) = (5, 1000);
    /// Resources on a page when the request does not say.
    const PAGE: Option<u16> = None;

    /// What identifies it, and orders the answer.
    fn key(&self) -> &str;
}

/// What every Describe request has.
struct Selection<'a> {
    ids: &'a [String],
    filters: &'a [Filter],
    max_results: Option<u32>,
    next_token: Option<&'a str>,
}

/// The resources of `all` that the request asks for, and the next page's token.
///
/// `I` is the resource's identifier: ids must be well-formed and exist; the first that does not is
/// named.
fn list<I: Identifier, R: Described>(
    context: &Context<'_>,
    selection: &Selection<'_>,
    all: Vec<R>,
) -> Result<(Vec<R>, Option<String>), ApiError> {
    ids::parse_all::<I>(selection.ids)?;
    choose(context, selection, all, |missing| ids::not_found::<I>(missing))
}

/// As [`list`], for resources that are named rather than numbered.
fn choose<R: Described>(
    context: &Context<'_>,
    selection: &Selection<'_>,
    mut all: Vec<R>,
    not_found: impl Fn(&str) -> ApiError,
) -> Result<(Vec<R>, Option<String>), ApiError> {
    let Selection { ids, filters, max_results, next_token } = *selection;
    if !ids.is_empty() {
        if max_results.is_some() {
            let list = R::IDS;
            return Err(ApiError::combination(format!(
                "The parameter {list} cannot be used with the parameter maxResults"
            )));
        }
        if let Some(missing) = ids.iter().find(|id| !all.iter().any(|r| r.key() == id.as_str())) {
            return Err(not_found(missing));
        }
        all.retain(|resource| ids.iter().any(|id| id == resource.key()));
    }
    let selected = select(all, filters)?;
    let fingerprint = serde_json::to_vec(&(ids, filters)).map_err(|_| ApiError::internal())?;
    let paging = Paging {
        max_results,
        next_token,
        bounds: R::BOUNDS,
        default: R::PAGE.filter(|_| ids.is_empty()),
        selection: &[
            R::ACTION.as_bytes(),
            context.caller.account.as_str().as_bytes(),
            &fingerprint,
        ],
        secret: &context.lab.secret,
    };
    page(selected, R::key, paging)
}

/// Tags as answers show them.
pub(super) fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::new(key, value)).collect()
}

/// Tags as filters see them.
fn tag_pairs(tags: &[Tag]) -> Option<Vec<(&str, &str)>> {
    Some(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect())
}

/// The security groups of an ENI, by id and name.
fn groups(world: &World, eni: &Eni) -> Vec<GroupIdentifier> {
    let named = eni.groups.iter().filter_map(|id| world.security_group(id).ok());
    named
        .map(|group| GroupIdentifier {
            group_id: group.id.to_string(),
            group_name: group.name.clone(),
        })
        .collect()
}

/// A filter that compares with one value.
fn one(value: &(impl ToString + ?Sized)) -> Option<Vec<String>> {
    Some(vec![value.to_string()])
}

/// A filter that compares with any of several values.
fn many<T: ToString>(values: impl IntoIterator<Item = T>) -> Option<Vec<String>> {
    Some(values.into_iter().map(|value| value.to_string()).collect())
}

/// A filter EC2 documents on something the lab's resources never have: it matches none.
fn never() -> Option<Vec<String>> {
    Some(Vec::new())
}
