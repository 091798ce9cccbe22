//! What uses a subnet, in words, from the ENIs in it.

use std::collections::BTreeMap;

use ipam::{SubnetUse, SubnetUses};

use crate::cloud::EniInfo;

/// Counts the addresses of each user. ENIs of an instance are summed up under its id, others under
/// their description.
pub(crate) fn subnet_uses(enis: &[EniInfo], own_instance: &str) -> SubnetUses {
    let mut uses = SubnetUses::default();
    let mut others: BTreeMap<String, u32> = BTreeMap::new();
    for eni in enis {
        let secondaries = u32::try_from(eni.secondaries.len()).unwrap_or(u32::MAX);
        let instance = eni.attachment.as_ref().and_then(|to| to.instance.as_deref());
        if instance == Some(own_instance) {
            uses.own_primaries += 1;
            uses.own_secondaries = uses.own_secondaries.saturating_add(secondaries);
            continue;
        }
        let who = match instance {
            Some(instance) => instance.to_owned(),
            None if eni.attachment.is_none() => "unattached ENIs".to_owned(),
            None if eni.description.is_empty() => eni.interface_type.clone(),
            None => eni.description.clone(),
        };
        let sum = others.entry(who).or_default();
        *sum = sum.saturating_add(1).saturating_add(secondaries);
    }
    uses.others = others.into_iter().map(|(who, addresses)| SubnetUse { who, addresses }).collect();
    uses.others.sort_by_key(|other| std::cmp::Reverse(other.addresses));
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::AttachmentInfo;

    fn eni(secondaries: usize, to: Option<Option<&str>>, description: &str) -> EniInfo {
        EniInfo {
            id: "eni-1".into(),
            subnet: "subnet-1".into(),
            mac: datapath::Mac::default(),
            primary: [10, 0, 0, 4].into(),
            secondaries: vec![[10, 0, 0, 5].into(); secondaries],
            groups: Vec::new(),
            description: description.into(),
            interface_type: "interface".into(),
            tags: BTreeMap::new(),
            attachment: to.map(|instance| AttachmentInfo {
                id: "eni-attach-1".into(),
                instance: instance.map(Into::into),
                device_index: 0,
                network_card: 0,
                detaching: false,
                delete_on_termination: true,
            }),
        }
    }

    #[test]
    fn users_are_named_and_the_largest_comes_first() {
        let enis = [
            eni(3, Some(Some("i-own")), ""),
            eni(2, Some(Some("i-own")), ""),
            eni(0, Some(None), "Amazon EKS demo"),
            eni(0, None, "forgotten"),
            eni(3, Some(Some("i-b")), ""),
            eni(1, Some(Some("i-b")), ""),
        ];
        let uses = subnet_uses(&enis, "i-own");
        assert_eq!((uses.own_primaries, uses.own_secondaries), (2, 5));
        let others: Vec<_> =
            uses.others.iter().map(|other| (other.who.as_str(), other.addresses)).collect();
        assert_eq!(others, [("i-b", 6), ("Amazon EKS demo", 1), ("unattached ENIs", 1)]);
    }
}
