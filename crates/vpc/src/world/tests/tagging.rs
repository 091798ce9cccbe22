use super::*;
use crate::TagSelection;

fn tags<const N: usize>(pairs: [(&str, &str); N]) -> Tags {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn tags_go_to_every_resource() {
    let mut f = Fixture::new();
    let (instance, eni, group) = (f.instance("t3.small"), f.eni(), f.default_group());
    let resources = [
        f.vpc.to_string(),
        f.subnet.to_string(),
        instance.to_string(),
        eni.to_string(),
        group.to_string(),
    ];
    f.world.create_tags(&resources, &tags([("a", "1"), ("b", "2")])).expect("tagged");
    f.world.create_tags(&resources, &tags([("b", "3")])).expect("tagged");
    let expected = tags([("a", "1"), ("b", "3")]);
    assert_eq!(f.world.vpc(&f.vpc).expect("it").tags, expected);
    assert_eq!(f.world.subnet(&f.subnet).expect("it").tags, expected);
    assert_eq!(f.world.instance(&instance).expect("it").tags, expected);
    assert_eq!(f.world.eni(&eni).expect("it").tags, expected);
    assert_eq!(f.world.security_group(&group).expect("it").tags, expected);

    let selection = TagSelection::from([
        ("a".to_owned(), Some("2".to_owned())),
        ("b".to_owned(), None),
        ("c".to_owned(), None),
    ]);
    f.world.delete_tags(&resources, &selection).expect("deleted");
    assert_eq!(f.world.eni(&eni).expect("it").tags, tags([("a", "1")]), "a has another value");
    f.world.delete_tags(&resources, &TagSelection::new()).expect("deleted");
    assert_eq!(f.world.eni(&eni).expect("it").tags, Tags::new());
}

#[test]
fn an_unknown_resource_stops_all_of_it() {
    let mut f = Fixture::new();
    let new = tags([("a", "1")]);
    let digits = "0123456789abcdef0";
    for (id, error) in [
        ("vpc-", Error::UnknownVpc { vpc: format!("vpc-{digits}").parse().expect("an ID") }),
        (
            "subnet-",
            Error::UnknownSubnet { subnet: format!("subnet-{digits}").parse().expect("an ID") },
        ),
        ("eni-", Error::UnknownEni { eni: format!("eni-{digits}").parse().expect("an ID") }),
        ("i-", Error::UnknownInstance { instance: format!("i-{digits}").parse().expect("an ID") }),
        (
            "sg-",
            Error::UnknownSecurityGroup { group: format!("sg-{digits}").parse().expect("an ID") },
        ),
    ] {
        let resources = [f.subnet.to_string(), format!("{id}{digits}")];
        f.refuses(&error, |w| w.create_tags(&resources, &new));
        f.refuses(&error, |w| w.delete_tags(&resources, &TagSelection::new()));
    }
    for id in ["", "eni-xyz", "eni-attach-0123456789abcdef0", "ami-0123456789abcdef0"] {
        let resources = [f.subnet.to_string(), id.to_owned()];
        let before = f.world.clone();
        match f.world.create_tags(&resources, &new) {
            Err(Error::InvalidResourceId(refused)) => assert_eq!(refused.value, id),
            other => panic!("{id}: {other:?}"),
        }
        assert_eq!(f.world, before);
    }
}

#[test]
fn tags_have_limits() {
    let mut f = Fixture::new();
    let eni = [f.eni().to_string()];
    for (key, value, problem) in [
        ("", "", "is empty"),
        ("aws:a", "", "begins with aws:, which is for AWS's own tags"),
        ("AWS:a", "", "begins with aws:, which is for AWS's own tags"),
        (&"k".repeat(129), "", "is longer than 128 characters"),
        ("k", &"v".repeat(257), "has a value longer than 256 characters"),
    ] {
        let error = Error::InvalidTag { key: key.to_owned(), problem };
        f.refuses(&error, |w| w.create_tags(&eni, &tags([(key, value)])));
        let spec = EniSpec { tags: tags([(key, value)]), ..f.spec() };
        f.refuses(&error, |w| w.create_eni(spec));
        let spec = VpcSpec { tags: tags([(key, value)]), ..vpc_spec("10.1.0.0/16") };
        f.refuses(&error, |w| w.create_vpc(spec));
        let spec = subnet_spec(&f.vpc, "10.0.3.0/24", "us-west-2a");
        let spec = SubnetSpec { tags: tags([(key, value)]), ..spec };
        f.refuses(&error, |w| w.create_subnet(spec));
    }
    let many: Tags = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    f.world.create_tags(&eni, &many).expect("tagged");
    f.world.create_tags(&eni, &tags([("k7", "new")])).expect("no more than before");
    let error = Error::TagLimitExceeded { count: 51, limit: 50 };
    f.refuses(&error, |w| w.create_tags(&eni, &tags([("k7", ""), ("one more", "")])));
}
