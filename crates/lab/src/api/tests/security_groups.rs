//! Security groups and their rules, byte by byte.

use ec2_query::{
    AuthorizeSecurityGroupIngress, CreateSecurityGroup, DeleteSecurityGroup,
    DescribeSecurityGroupRules, IpPermission, IpRange, RevokeSecurityGroupIngress,
};

use super::{ABSENT, Scene, default_group, error};

fn group(scene: &Scene, name: &str) -> String {
    scene
        .call(&CreateSecurityGroup {
            group_name: name.into(),
            group_description: "of a test".into(),
            vpc_id: Some(scene.vpc.to_string()),
            ..CreateSecurityGroup::default()
        })
        .group_id
}

fn web(cidr: &str) -> IpPermission {
    IpPermission {
        ip_protocol: "tcp".into(),
        from_port: Some(80),
        to_port: Some(80),
        ip_ranges: vec![IpRange { cidr_ip: cidr.into(), description: Some("the web".into()) }],
        ..IpPermission::default()
    }
}

fn authorize(group_id: &str, permissions: &[IpPermission]) -> AuthorizeSecurityGroupIngress {
    AuthorizeSecurityGroupIngress {
        group_id: Some(group_id.into()),
        ip_permissions: permissions.to_vec(),
        ..AuthorizeSecurityGroupIngress::default()
    }
}

fn revoke(group_id: &str, permissions: &[IpPermission]) -> RevokeSecurityGroupIngress {
    RevokeSecurityGroupIngress {
        group_id: Some(group_id.into()),
        ip_permissions: permissions.to_vec(),
        ..RevokeSecurityGroupIngress::default()
    }
}

#[test]
fn rules_come_and_go() {
    let scene = Scene::new();
    let id = group(&scene, "web");
    let answer = scene.call(&authorize(&id, &[web("10.1.2.3/8")]));
    assert!(answer.done);
    let [rule] = answer.security_group_rules.as_slice() else { panic!("{answer:?}") };
    assert_eq!(rule.cidr_ipv4.as_deref(), Some("10.0.0.0/8"));
    assert_eq!((rule.from_port, rule.to_port, rule.is_egress), (Some(80), Some(80), false));
    assert_eq!(rule.description.as_deref(), Some("the web"));
    assert_eq!(
        scene.refused(&authorize(&id, &[web("10.0.0.0/8")])),
        error(
            400,
            "InvalidPermission.Duplicate",
            "the specified rule \"peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW\" \
             already exists"
        )
    );
    let listed = DescribeSecurityGroupRules {
        security_group_rule_ids: vec![rule.security_group_rule_id.clone()],
        ..DescribeSecurityGroupRules::default()
    };
    assert_eq!(&scene.call(&listed).security_group_rules, &answer.security_group_rules);
    assert_eq!(
        scene.refused(&revoke(&id, &[web("10.1.0.0/16")])),
        error(
            400,
            "InvalidPermission.NotFound",
            "The specified rule does not exist in this security group."
        )
    );
    let revoked = scene.call(&revoke(&id, &[web("10.0.0.0/8")]));
    assert_eq!(revoked.revoked_security_group_rules.len(), 1);
    assert_eq!(scene.refused(&listed).1, "InvalidSecurityGroupRuleId.NotFound");
}

#[test]
fn one_rule_may_stand_in_parameters_of_its_own() {
    let scene = Scene::new();
    let id = group(&scene, "web");
    let single = [
        ("GroupId", id.as_str()),
        ("IpProtocol", "udp"),
        ("FromPort", "53"),
        ("ToPort", "53"),
        ("CidrIp", "10.0.0.0/8"),
    ];
    let send = |action, parameters: &[(&str, &str)]| scene.raw(&super::form(action, parameters));
    assert_eq!(send("AuthorizeSecurityGroupIngress", &single).status, 200);
    let both = [&single[..], &[("IpPermissions.1.IpProtocol", "-1")]].concat();
    let refused = super::refusal(&send("AuthorizeSecurityGroupIngress", &both));
    assert_eq!(refused.1, "InvalidParameterCombination");
    assert_eq!(send("RevokeSecurityGroupIngress", &single).status, 200);
}

#[test]
fn a_dry_run_changes_nothing() {
    let scene = Scene::new();
    let id = group(&scene, "web");
    let dry = AuthorizeSecurityGroupIngress {
        dry_run: Some(true),
        ..authorize(&id, &[web("10.0.0.0/8")])
    };
    assert_eq!(scene.refused(&dry).1, "DryRunOperation");
    assert_eq!(scene.refused(&revoke(&id, &[web("10.0.0.0/8")])).1, "InvalidPermission.NotFound");
}

#[test]
fn refusals_of_groups() {
    let scene = Scene::new();
    let default = default_group(&scene).to_string();
    let delete = |id: &str| DeleteSecurityGroup {
        group_id: Some(id.into()),
        ..DeleteSecurityGroup::default()
    };
    assert_eq!(
        scene.refused(&delete(&default)),
        error(
            400,
            "CannotDelete",
            format!(
                "the specified group: \"{default}\" name: \"default\" cannot be deleted by a user"
            )
        )
    );
    let id = group(&scene, "web");
    let again = CreateSecurityGroup {
        group_name: "web".into(),
        group_description: "again".into(),
        vpc_id: Some(scene.vpc.to_string()),
        ..CreateSecurityGroup::default()
    };
    assert_eq!(scene.refused(&again).1, "InvalidGroup.Duplicate");
    let nowhere = CreateSecurityGroup { vpc_id: None, ..again };
    assert_eq!(scene.refused(&nowhere).1, "VPCIdNotSpecified");
    let foreign = scene
        .lab
        .read(|world| world.vpc(&scene.foreign_vpc).unwrap().default_security_group.to_string());
    for absent in [format!("sg-{ABSENT}"), foreign] {
        let missing = error(
            400,
            "InvalidGroup.NotFound",
            format!("The security group '{absent}' does not exist"),
        );
        assert_eq!(scene.refused(&delete(&absent)), missing);
        assert_eq!(scene.refused(&authorize(&absent, &[web("10.0.0.0/8")])), missing);
    }
    scene.call(&delete(&id));
    assert_eq!(scene.refused(&delete(&id)).1, "InvalidGroup.NotFound");
}
