//! What there is to know about an instance, as paths and values.

use std::collections::{BTreeMap, BTreeSet};

use vpc::{Eni, Instance, InstanceId, Timestamp, World};

use super::document;
use crate::state::{Lab, facts};

/// The metadata of one instance at one moment: `meta-data/instance-id` → `i-…`.
///
/// What an instance does not have is not in it, so that it is neither listed nor found.
#[derive(Debug)]
pub(super) struct Tree(BTreeMap<String, String>);

/// The tree of `instance`; `None` when there is no such instance.
pub(super) fn of(lab: &Lab, world: &World, id: &InstanceId, now: Timestamp) -> Option<Tree> {
    let instance = world.instance(id).ok()?;
    let view = lab.requests.metadata(id, now);
    let enis = view.as_ref().map_or_else(|| world.instance_enis(id), |v| v.enis.iter().collect());
    let mut tree = Tree(BTreeMap::new());
    for mac in view.iter().flat_map(|view| &view.only_listed) {
        tree.only_list(&format!("network/interfaces/macs/{mac}"));
    }
    identity(&mut tree, instance, enis.first().copied());
    placement(&mut tree, instance);
    for eni in &enis {
        interface(&mut tree, world, eni);
    }
    if let Some(groups) = enis.first().map(|eni| group_names(world, eni)) {
        tree.meta("security-groups", &groups);
    }
    for (key, value) in instance.tags.iter().filter(|(key, _)| is_path_safe(key)) {
        tree.meta(&format!("tags/instance/{key}"), value);
    }
    if let Some(role) = &lab.instance_role {
        tree.meta("iam/info", &document::profile(instance, role));
        let key = lab.credentials.role_session(&instance.owner, role, id, now);
        tree.meta(&format!("iam/security-credentials/{role}"), &document::credentials(&key));
    }
    if let Some(eni) = enis.first() {
        let document = document::identity(instance, eni.primary);
        tree.0.insert("dynamic/instance-identity/document".into(), document);
    }
    Some(tree)
}

impl Tree {
    /// The value at `path`, if it is not a directory.
    pub(super) fn value(&self, path: &str) -> Option<String> {
        self.0.get(path).filter(|_| !path.ends_with('/')).cloned()
    }

    /// What is in the directory `path` (with or without its final `/`), one name a line;
    /// directories among them end in `/`, except at the top.
    pub(super) fn listing(&self, path: &str) -> Option<String> {
        let directory = match path.trim_end_matches('/') {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let names: BTreeSet<&str> = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(directory.as_str()))
            .map(|rest| match rest.find('/') {
                Some(slash) if directory.is_empty() => &rest[..slash],
                Some(slash) => &rest[..=slash],
                None => rest,
            })
            .filter(|name| !name.is_empty())
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        (!names.is_empty()).then(|| names.join("\n"))
    }

    /// A directory that is listed and in which nothing is found.
    fn only_list(&mut self, path: &str) {
        self.0.insert(format!("meta-data/{path}/"), String::new());
    }

    fn meta(&mut self, path: &str, value: &(impl ToString + ?Sized)) {
        self.0.insert(format!("meta-data/{path}"), value.to_string());
    }
}

fn identity(tree: &mut Tree, instance: &Instance, primary: Option<&Eni>) {
    tree.meta("ami-id", facts::IMAGE_ID);
    tree.meta("ami-launch-index", &0);
    tree.meta("events/maintenance/history", "[]");
    tree.meta("events/maintenance/scheduled", "[]");
    tree.meta("hostname", &instance.private_dns_name);
    tree.meta("instance-action", "none");
    tree.meta("instance-id", &instance.id);
    tree.meta("instance-life-cycle", "on-demand");
    tree.meta("instance-type", instance.instance_type.name);
    tree.meta("local-hostname", &instance.private_dns_name);
    tree.meta("profile", "default-hvm");
    tree.meta("reservation-id", &facts::reservation_id(instance.id.as_str()));
    tree.meta("services/domain", facts::DNS_SUFFIX);
    tree.meta("services/partition", facts::PARTITION);
    if let Some(eni) = primary {
        tree.meta("local-ipv4", &eni.primary);
        tree.meta("mac", &eni.mac);
    }
}

fn placement(tree: &mut Tree, instance: &Instance) {
    let zone = &instance.availability_zone;
    tree.meta("placement/availability-zone", zone);
    tree.meta("placement/availability-zone-id", &zone.zone_id());
    tree.meta("placement/region", zone.region());
}

fn interface(tree: &mut Tree, world: &World, eni: &Eni) {
    let Some((device_index, network_card)) = facts::slot(eni) else { return };
    let mut put = |key: &str, value: &dyn ToString| {
        tree.meta(&format!("network/interfaces/macs/{}/{key}", eni.mac), &value.to_string());
    };
    put("device-number", &device_index);
    put("interface-id", &eni.id);
    put("local-hostname", &facts::private_dns_name(eni.primary, eni.availability_zone.region()));
    put("local-ipv4s", &lines(eni.addresses()));
    // Nodes tell by the listing whether an ENI has prefixes: without any there is no such key.
    if !eni.prefixes.is_empty() {
        put("ipv4-prefix", &lines(&eni.prefixes));
    }
    put("mac", &eni.mac);
    // The public documentation says `network-card-index`, nodes ask for `network-card`.
    put("network-card", &network_card);
    put("network-card-index", &network_card);
    put("owner-id", &eni.owner);
    put("security-group-ids", &lines(&eni.groups));
    put("security-groups", &group_names(world, eni));
    put("subnet-id", &eni.subnet);
    put("vpc-id", &eni.vpc);
    if let Ok(subnet) = world.subnet(&eni.subnet) {
        put("subnet-ipv4-cidr-block", &subnet.cidr);
    }
    if let Ok(vpc) = world.vpc(&eni.vpc) {
        put("vpc-ipv4-cidr-block", &vpc.cidr.block);
        put("vpc-ipv4-cidr-blocks", &lines(vpc.cidrs().map(|cidr| cidr.block)));
    }
}

fn group_names(world: &World, eni: &Eni) -> String {
    lines(eni.groups.iter().filter_map(|id| Some(&world.security_group(id).ok()?.name)))
}

/// Values of which there may be several stand one on each line.
fn lines<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join("\n")
}

/// EC2 shows a tag in metadata only if its key can stand in a path.
fn is_path_safe(key: &str) -> bool {
    !matches!(key, "" | "." | ".." | "_index")
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "+-=.,_:@".contains(c))
}
