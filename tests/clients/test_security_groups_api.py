"""Security groups through unmodified AWS clients, boto3 and the aws CLI."""

import uuid

import pytest
from test_ec2_api import aws, describe, ec2, make_eni, nodes_a, refused, subnets  # noqa: F401

ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


@pytest.fixture
def make_group(ec2, nodes_a):
    """Creates security groups that are gone when the test ends."""
    made = []

    def make(name=None):
        name = name or f"test-{uuid.uuid4().hex[:8]}"
        answer = ec2.create_security_group(
            GroupName=name, Description="of a test", VpcId=nodes_a["VpcId"]
        )
        made.append(answer["GroupId"])
        return answer["GroupId"]

    yield make
    for group in made:
        rules = ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [group]}]
        )["SecurityGroupRules"]
        for egress, revoke in (
            (False, ec2.revoke_security_group_ingress),
            (True, ec2.revoke_security_group_egress),
        ):
            ids = [r["SecurityGroupRuleId"] for r in rules if r["IsEgress"] is egress]
            if ids:
                revoke(GroupId=group, SecurityGroupRuleIds=ids)
    for group in made:
        try:
            ec2.delete_security_group(GroupId=group)
        except ec2.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidGroup.NotFound", error


def tcp(first, last, **peer):
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last, **peer}


def shown(ec2, group):
    [found] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return found


def test_a_group_from_creation_to_deletion(ec2, nodes_a, make_group):
    name = f"life-{uuid.uuid4().hex[:8]}"
    answer = ec2.create_security_group(
        GroupName=name,
        Description="of a test",
        VpcId=nodes_a["VpcId"],
        TagSpecifications=[
            {"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}
        ],
    )
    group = answer["GroupId"]
    assert answer["Tags"] == [{"Key": "a", "Value": "b"}]
    assert answer["SecurityGroupArn"].endswith(f":security-group/{group}")
    found = shown(ec2, group)
    assert (found["GroupName"], found["Description"]) == (name, "of a test")
    assert found["IpPermissions"] == []
    assert found["IpPermissionsEgress"] == [
        {
            "IpProtocol": "-1",
            "IpRanges": ANYWHERE,
            "Ipv6Ranges": [],
            "PrefixListIds": [],
            "UserIdGroupPairs": [],
        }
    ]
    duplicate = {"GroupName": name, "Description": "again", "VpcId": nodes_a["VpcId"]}
    assert refused(ec2.create_security_group, **duplicate)[0] == "InvalidGroup.Duplicate"
    assert ec2.delete_security_group(GroupId=group)["GroupId"] == group
    code, message = refused(ec2.delete_security_group, GroupId=group)
    assert (code, message) == (
        "InvalidGroup.NotFound",
        f"The security group '{group}' does not exist",
    )


def test_rules_by_every_kind_of_peer_and_protocol(ec2, make_group):
    group, peer = make_group(), make_group()
    permissions = [
        tcp(80, 443, IpRanges=[{"CidrIp": "10.1.2.3/8", "Description": "inside"}]),
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]},
        {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": ANYWHERE},
        {"IpProtocol": "4", "UserIdGroupPairs": [{"GroupId": peer}]},
        {"IpProtocol": "17", "FromPort": 53, "ToPort": 53, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
    ]
    answer = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    assert answer["Return"] is True
    rules = answer["SecurityGroupRules"]
    told = [
        (r["IpProtocol"], r["FromPort"], r["ToPort"], r.get("CidrIpv4") or r.get("CidrIpv6"))
        for r in rules
    ]
    assert told == [
        ("tcp", 80, 443, "10.0.0.0/8"),
        ("-1", -1, -1, None),
        ("icmp", 8, -1, "0.0.0.0/0"),
        ("4", -1, -1, None),
        ("udp", 53, 53, "::/0"),
    ]
    assert [r.get("ReferencedGroupInfo", {}).get("GroupId") for r in rules] == [
        None, group, None, peer, None,
    ]
    assert rules[0]["Description"] == "inside"
    listed = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [group]}]
    )["SecurityGroupRules"]
    key = lambda rule: rule["SecurityGroupRuleId"]  # noqa: E731
    assert sorted((r for r in listed if not r["IsEgress"]), key=key) == sorted(rules, key=key)
    by_cidr = ec2.describe_security_groups(
        Filters=[
            {"Name": "group-id", "Values": [group]},
            {"Name": "ip-permission.cidr", "Values": ["10.0.0.0/8"]},
        ]
    )
    assert len(by_cidr["SecurityGroups"]) == 1
    again = refused(
        ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=permissions[:1]
    )
    assert again == (
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 10.0.0.0/8, TCP, from port: 80, to port: 443, ALLOW" '
        "already exists",
    )
    # The peer's group is in use by the rule.
    assert refused(ec2.delete_security_group, GroupId=peer) == (
        "DependencyViolation",
        f"resource {peer} has a dependent object",
    )
    revoked = ec2.revoke_security_group_ingress(
        GroupId=group, SecurityGroupRuleIds=[rules[0]["SecurityGroupRuleId"]]
    )
    assert [r["CidrIpv4"] for r in revoked["RevokedSecurityGroupRules"]] == ["10.0.0.0/8"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permissions[1:])
    assert shown(ec2, group)["IpPermissions"] == []
    assert refused(
        ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=permissions[:1]
    ) == (
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
    )


def test_quotas(ec2, make_group, make_eni):
    group = make_group()
    rules = lambda count: [tcp(n, n, IpRanges=ANYWHERE) for n in range(count)]  # noqa: E731
    code, _ = refused(
        ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=rules(61)
    )
    assert code == "RulesPerSecurityGroupLimitExceeded"
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules(60))
    groups = [make_group() for _ in range(6)]
    eni = make_eni()["NetworkInterfaceId"]
    modify = ec2.modify_network_interface_attribute
    code, _ = refused(modify, NetworkInterfaceId=eni, Groups=groups)
    assert code == "SecurityGroupsPerInterfaceLimitExceeded"
    modify(NetworkInterfaceId=eni, Groups=groups[:5])
    try:
        assert {g["GroupId"] for g in describe(ec2, eni)["Groups"]} == set(groups[:5])
        assert refused(ec2.delete_security_group, GroupId=groups[0])[0] == "DependencyViolation"
    finally:
        default = ec2.describe_security_groups(
            Filters=[{"Name": "group-name", "Values": ["default"]}]
        )["SecurityGroups"][0]["GroupId"]
        modify(NetworkInterfaceId=eni, Groups=[default])
    assert refused(ec2.delete_security_group, GroupId=default)[0] == "CannotDelete"


def test_the_cluster_has_a_group_for_its_x_enis_and_nodes(ec2):
    found = ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": ["eks-cluster-sg-demo-*"]}]
    )["SecurityGroups"]
    [group] = found
    pair = group["IpPermissions"][0]["UserIdGroupPairs"][0]
    assert pair["GroupId"] == group["GroupId"]
    members = ec2.describe_network_interfaces(
        Filters=[{"Name": "group-id", "Values": [group["GroupId"]]}]
    )["NetworkInterfaces"]
    descriptions = [eni["Description"] for eni in members]
    assert descriptions.count("Amazon EKS demo") == 2
    assert any(eni["Attachment"].get("InstanceId") for eni in members)


def test_cli(nodes_a):
    name = f"cli-{uuid.uuid4().hex[:8]}"
    group = aws(
        "create-security-group",
        *("--group-name", name, "--description", "by the CLI", "--vpc-id", nodes_a["VpcId"]),
    )["GroupId"]
    own = ("--group-id", group)
    rule = (*own, "--protocol", "tcp", "--port", "22", "--cidr", "10.0.0.0/8")
    try:
        added = aws("authorize-security-group-ingress", *rule)
        assert added["SecurityGroupRules"][0]["CidrIpv4"] == "10.0.0.0/8"
        assert aws("authorize-security-group-ingress", *rule)[0] == "InvalidPermission.Duplicate"
        members = (*own, "--protocol", "all", "--source-group", group)
        assert not isinstance(aws("authorize-security-group-ingress", *members), tuple)
        egress = (*own, "--protocol", "-1", "--cidr", "0.0.0.0/0")
        assert aws("revoke-security-group-egress", *egress)["Return"] is True
        rule_id = added["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        aws("create-tags", "--resources", rule_id, "--tags", "Key=Name,Value=ssh")
        listed = aws("describe-security-group-rules", "--security-group-rule-ids", rule_id)
        assert listed["SecurityGroupRules"][0]["Tags"] == [{"Key": "Name", "Value": "ssh"}]
        assert aws("revoke-security-group-ingress", *rule)["Return"] is True
    finally:
        deleted = aws("delete-security-group", *own)
    assert not isinstance(deleted, tuple), deleted
