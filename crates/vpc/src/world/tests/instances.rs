use super::*;
use crate::{EniAttribute, InstanceState};

#[test]
fn an_instance_has_its_primary_eni() {
    let mut f = Fixture::new();
    let group = f.group(&f.vpc.clone(), "nodes");
    let spec = InstanceSpec {
        private_ip: Some(ip("10.0.1.50")),
        groups: vec![group.clone()],
        tags: Tags::from([("Name".to_owned(), "node-1".to_owned())]),
        ..instance_spec(&f.subnet, "m5.large")
    };
    let id = f.world.run_instance(spec).expect("an instance");
    let instance = f.world.instance(&id).expect("it");
    assert_eq!(instance.state, InstanceState::Running);
    assert_eq!(instance.instance_type.name, "m5.large");
    assert_eq!((&instance.subnet, &instance.owner), (&f.subnet, &account()));
    assert_eq!(instance.availability_zone.as_str(), "us-west-2a");
    assert_eq!(instance.private_dns_name, "ip-10-0-1-50.us-west-2.compute.internal");
    assert_eq!((instance.launched, instance.tags.len()), (NOW, 1));

    let enis = f.world.instance_enis(&id);
    assert_eq!(enis.len(), 1);
    assert_eq!((enis[0].primary, &enis[0].groups), (ip("10.0.1.50"), &vec![group]));
    assert!(enis[0].attachment.as_ref().is_some_and(|a| a.delete_on_termination));
    assert_eq!(f.free(&f.subnet), 250);
}

#[test]
fn us_east_1_has_its_own_domain() {
    let mut world = World::new(1);
    let vpc = VpcSpec { region: "us-east-1".to_owned(), ..vpc_spec("10.0.0.0/16") };
    let vpc = world.create_vpc(vpc).expect("a VPC");
    let subnet = subnet_spec(&vpc, "10.0.0.0/24", "us-east-1c");
    let subnet = world.create_subnet(subnet).expect("a subnet");
    let private_ip = Some(ip("10.0.0.9"));
    let spec = InstanceSpec { private_ip, ..instance_spec(&subnet, "t3.small") };
    let id = world.run_instance(spec).expect("an instance");
    assert_eq!(world.instance(&id).expect("it").private_dns_name, "ip-10-0-0-9.ec2.internal");
}

#[test]
fn a_refused_launch_leaves_nothing() {
    let mut f = Fixture::new();
    let (subnet, cidr) = (f.subnet.clone(), "10.0.1.0/24".parse().expect("a CIDR block"));
    let private_ip = Some(ip("10.0.1.1"));
    let spec = InstanceSpec { private_ip, ..instance_spec(&subnet, "t3.small") };
    let error = Error::AddressReserved { address: ip("10.0.1.1"), subnet: subnet.clone(), cidr };
    f.refuses(&error, |w| w.run_instance(spec));
    let tags = Tags::from([("aws:a".to_owned(), String::new())]);
    let spec = InstanceSpec { tags, ..instance_spec(&subnet, "t3.small") };
    let error = Error::InvalidTag {
        key: "aws:a".to_owned(),
        problem: "begins with aws:, which is for AWS's own tags",
    };
    f.refuses(&error, |w| w.run_instance(spec));
}

#[test]
fn termination_deletes_what_was_made_for_the_instance() {
    let mut f = Fixture::new();
    let (instance, kept, deleted) = (f.instance("m5.large"), f.eni(), f.eni());
    f.world.attach_eni(&kept, &instance, 1, 0, NOW).expect("attached");
    let attachment = f.world.attach_eni(&deleted, &instance, 2, 0, NOW).expect("attached");
    let change = EniAttribute::DeleteOnTermination { attachment, value: true };
    f.world.set_eni_attribute(&deleted, change).expect("changed");
    f.world.assign(&deleted, AddressRequest::Count(5), false).expect("assigned");

    f.world.terminate_instance(&instance).expect("terminated");
    assert_eq!(f.world.instance(&instance).expect("it").state, InstanceState::Terminated);
    assert!(f.world.instance_enis(&instance).is_empty());
    assert_eq!(f.world.enis().map(|eni| &eni.id).collect::<Vec<_>>(), [&kept]);
    assert_eq!(f.free(&f.subnet), 250);

    let before = f.world.clone();
    f.world.terminate_instance(&instance).expect("again");
    assert_eq!(f.world, before);
    let unknown: InstanceId = "i-0123456789abcdef0".parse().expect("an ID");
    let error = Error::UnknownInstance { instance: unknown.clone() };
    f.refuses(&error, |w| w.terminate_instance(&unknown));
    assert!(f.world.instance_enis(&unknown).is_empty());
}
