"""Drives a running lab's EC2 API with unmodified AWS clients: boto3 and the aws CLI.

Reads AWS_ENDPOINT_URL_EC2, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION, which
must point at a lab with a VPC, the subnets `nodes-a` and `nodes-b` (by Name tag, in two
Availability Zones), an X-ENI of a cluster, and in `nodes-a` a node with room for one more ENI.
Makes ENIs of its own in those subnets and deletes them again, also when a test fails.
"""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import uuid

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

NO_RETRIES = Config(retries={"max_attempts": 1, "mode": "standard"})
RESERVED = 5


# --- clients ----------------------------------------------------------------------------------


def client(**overrides):
    return boto3.client("ec2", config=NO_RETRIES, **overrides)


@pytest.fixture(scope="session")
def ec2():
    needed = (
        "AWS_ENDPOINT_URL_EC2",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
    )
    missing = [name for name in needed if not os.environ.get(name)]
    assert not missing, f"point the environment at a running lab first: {missing} not set"
    return client()


def aws(*arguments):
    """Runs the aws CLI; gives the parsed answer, or the error as (code, message)."""
    beside_python = os.path.join(os.path.dirname(sys.executable), "aws")
    program = beside_python if os.path.exists(beside_python) else shutil.which("aws")
    assert program, "the aws CLI is not installed: pip install awscli"
    done = subprocess.run(
        [program, "ec2", *arguments, "--output", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": ""},
    )
    if done.returncode == 0:
        return json.loads(done.stdout) if done.stdout.strip() else {}
    error = re.search(
        r"An error occurred \((\S+)\) when calling the \S+ operation(?: \(.*?\))?: (.*)",
        done.stderr,
    )
    assert error, f"aws {arguments}: {done.stderr}"
    return error.group(1), error.group(2)


def refused(call, **parameters):
    """The (code, message) that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


# --- the lab ----------------------------------------------------------------------------------


def named(resources, name):
    found = [r for r in resources if {"Key": "Name", "Value": name} in r.get("Tags", [])]
    assert len(found) == 1, f"expected one resource with Name={name}, found {len(found)}"
    return found[0]


@pytest.fixture(scope="session")
def subnets(ec2):
    return ec2.describe_subnets()["Subnets"]


@pytest.fixture(scope="session")
def nodes_a(subnets):
    return named(subnets, "nodes-a")


@pytest.fixture(scope="session")
def nodes_b(subnets):
    return named(subnets, "nodes-b")


def instances(ec2):
    return [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]


def limits(ec2, instance_type):
    answer = ec2.describe_instance_types(InstanceTypes=[instance_type])
    return answer["InstanceTypes"][0]["NetworkInfo"]


@pytest.fixture
def roomy(ec2, nodes_a):
    """An instance in nodes-a with a free ENI slot, and a free device index of it."""
    for instance in instances(ec2):
        most = limits(ec2, instance["InstanceType"])["MaximumNetworkInterfaces"]
        used = {i["Attachment"]["DeviceIndex"] for i in instance["NetworkInterfaces"]}
        if instance["SubnetId"] == nodes_a["SubnetId"] and len(used) < most:
            return instance, min(set(range(1, most + 1)) - used)
    pytest.fail("no instance in nodes-a has room for an ENI: add a node without pods to the lab")


@pytest.fixture
def make_eni(ec2, nodes_a):
    """Creates ENIs that are gone when the test ends."""
    made = []

    def make(**parameters):
        parameters.setdefault("SubnetId", nodes_a["SubnetId"])
        eni = ec2.create_network_interface(**parameters)["NetworkInterface"]
        made.append(eni["NetworkInterfaceId"])
        return eni

    yield make
    for eni_id in made:
        left = describe(ec2, eni_id)
        if left is None:
            continue
        if "Attachment" in left:
            ec2.detach_network_interface(AttachmentId=left["Attachment"]["AttachmentId"])
        ec2.delete_network_interface(NetworkInterfaceId=eni_id)


def describe(ec2, eni_id):
    filters = [{"Name": "network-interface-id", "Values": [eni_id]}]
    found = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    return found[0] if found else None


def addresses(eni):
    return [a["PrivateIpAddress"] for a in eni["PrivateIpAddresses"]]


def free(ec2, subnet):
    answer = ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])
    return answer["Subnets"][0]["AvailableIpAddressCount"]


def unheld(ec2, subnet, count):
    """Addresses of the subnet that nothing holds, highest first."""
    filters = [{"Name": "subnet-id", "Values": [subnet["SubnetId"]]}]
    enis = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    held = {address for eni in enis for address in addresses(eni)}
    block = list(ipaddress.ip_network(subnet["CidrBlock"]))[4:-1]
    return [str(a) for a in reversed(block) if str(a) not in held][:count]


# --- what is there ----------------------------------------------------------------------------


def test_vpcs(ec2, nodes_a):
    vpc = ec2.describe_vpcs(VpcIds=[nodes_a["VpcId"]])["Vpcs"][0]
    assert vpc["State"] == "available"
    assert vpc["CidrBlockAssociationSet"][0]["CidrBlock"] == vpc["CidrBlock"]
    block = ipaddress.ip_network(vpc["CidrBlock"])
    assert ipaddress.ip_network(nodes_a["CidrBlock"]).subnet_of(block)
    by_cidr = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": [vpc["CidrBlock"]]}])
    assert vpc["VpcId"] in [v["VpcId"] for v in by_cidr["Vpcs"]]


def test_every_subnet_counts_its_free_addresses(ec2, subnets):
    for subnet in ec2.describe_subnets()["Subnets"]:
        filters = [{"Name": "subnet-id", "Values": [subnet["SubnetId"]]}]
        enis = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        used = sum(len(addresses(eni)) for eni in enis)
        size = ipaddress.ip_network(subnet["CidrBlock"]).num_addresses
        assert subnet["AvailableIpAddressCount"] == size - RESERVED - used
        assert subnet["State"] == "available"
        arn = f":subnet/{subnet['SubnetId']}"
        assert subnet["SubnetArn"].endswith(arn) and subnet["OwnerId"] in subnet["SubnetArn"]


def test_instances_and_their_interfaces(ec2):
    found = instances(ec2)
    assert found
    for instance in found:
        assert instance["State"]["Name"] == "running"
        primary = min(instance["NetworkInterfaces"], key=lambda i: i["Attachment"]["DeviceIndex"])
        assert primary["Attachment"]["DeviceIndex"] == 0
        assert primary["PrivateIpAddress"] == instance["PrivateIpAddress"]
        host = instance["PrivateIpAddress"].replace(".", "-")
        assert instance["PrivateDnsName"].startswith(f"ip-{host}.")
        for interface in instance["NetworkInterfaces"]:
            eni = describe(ec2, interface["NetworkInterfaceId"])
            assert eni["Attachment"]["InstanceId"] == instance["InstanceId"]
            assert eni["Status"] == "in-use"
            assert addresses(eni) == addresses(interface)


def test_instance_types(ec2):
    types = ec2.describe_instance_types(InstanceTypes=["m5.large", "t3.small"])["InstanceTypes"]
    shown = {
        t["InstanceType"]: (
            t["NetworkInfo"]["MaximumNetworkInterfaces"],
            t["NetworkInfo"]["Ipv4AddressesPerInterface"],
        )
        for t in types
    }
    assert shown == {"m5.large": (3, 10), "t3.small": (3, 4)}


def test_all_instance_types_come_in_pages(ec2):
    pages = list(ec2.get_paginator("describe_instance_types").paginate())
    names = [t["InstanceType"] for page in pages for t in page["InstanceTypes"]]
    assert all(len(page["InstanceTypes"]) <= 100 for page in pages)
    assert len(names) == len(set(names)) > 1000


def test_security_groups_and_zones(ec2, nodes_a, nodes_b):
    groups = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [nodes_a["VpcId"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    assert len(groups) == 1
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    ids = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
    for subnet in (nodes_a, nodes_b):
        assert ids[subnet["AvailabilityZone"]] == subnet["AvailabilityZoneId"]


# --- an ENI's life ----------------------------------------------------------------------------


def test_create_describe_delete(ec2, make_eni, nodes_a):
    before = free(ec2, nodes_a)
    eni = make_eni(
        Description="a test's",
        SecondaryPrivateIpAddressCount=2,
        TagSpecifications=[
            {"ResourceType": "network-interface", "Tags": [{"Key": "made-by", "Value": "test"}]}
        ],
    )
    assert eni["Status"] == "pending" or eni["Status"] == "available"
    assert eni["TagSet"] == [{"Key": "made-by", "Value": "test"}]
    assert eni["Description"] == "a test's"
    assert eni["InterfaceType"] == "interface"
    assert eni["RequesterManaged"] is False and eni["SourceDestCheck"] is True
    assert len(eni["Groups"]) == 1, "the VPC's default group"
    shown = addresses(eni)
    assert len(set(shown)) == 3 and shown[0] == eni["PrivateIpAddress"]
    assert [a["Primary"] for a in eni["PrivateIpAddresses"]] == [True, False, False]
    block = ipaddress.ip_network(nodes_a["CidrBlock"])
    assert all(ipaddress.ip_address(a) in block for a in shown)
    assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", eni["MacAddress"])
    assert free(ec2, nodes_a) == before - 3
    assert addresses(describe(ec2, eni["NetworkInterfaceId"])) == shown
    ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    assert describe(ec2, eni["NetworkInterfaceId"]) is None
    assert free(ec2, nodes_a) == before


def test_a_client_token_makes_creation_idempotent(ec2, make_eni, nodes_a):
    token = str(uuid.uuid4())
    first = make_eni(ClientToken=token, Description="once")
    again = ec2.create_network_interface(
        SubnetId=nodes_a["SubnetId"], ClientToken=token, Description="once"
    )
    assert again["NetworkInterface"]["NetworkInterfaceId"] == first["NetworkInterfaceId"]
    code, _ = refused(
        ec2.create_network_interface,
        SubnetId=nodes_a["SubnetId"],
        ClientToken=token,
        Description="twice",
    )
    assert code == "IdempotentParameterMismatch"


def test_explicit_addresses(ec2, make_eni, nodes_a):
    primary, second, third = unheld(ec2, nodes_a, 3)
    eni = make_eni(
        PrivateIpAddresses=[
            {"PrivateIpAddress": second, "Primary": False},
            {"PrivateIpAddress": primary, "Primary": True},
        ]
    )
    assert addresses(eni) == [primary, second]
    eni = make_eni(PrivateIpAddress=third)
    assert addresses(eni) == [third]
    assert refused(
        ec2.create_network_interface, SubnetId=nodes_a["SubnetId"], PrivateIpAddress=third
    ) == ("InvalidIPAddress.InUse", "The specified address is already in use.")


def test_assign_answers_only_the_new_addresses(ec2, make_eni, nodes_a):
    eni = make_eni(SecondaryPrivateIpAddressCount=1)
    eni_id = eni["NetworkInterfaceId"]
    answer = ec2.assign_private_ip_addresses(
        NetworkInterfaceId=eni_id, SecondaryPrivateIpAddressCount=2
    )
    new = [a["PrivateIpAddress"] for a in answer["AssignedPrivateIpAddresses"]]
    assert answer["NetworkInterfaceId"] == eni_id
    assert len(new) == 2 and not set(new) & set(addresses(eni))
    chosen = unheld(ec2, nodes_a, 1)
    answer = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, PrivateIpAddresses=chosen)
    assert [a["PrivateIpAddress"] for a in answer["AssignedPrivateIpAddresses"]] == chosen
    held = addresses(describe(ec2, eni_id))
    assert set(held) == set(addresses(eni)) | set(new) | set(chosen)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni_id, PrivateIpAddresses=new)
    held = addresses(describe(ec2, eni_id))
    assert set(held) == set(addresses(eni)) | set(chosen)


def test_an_address_moves_only_when_allowed(ec2, make_eni):
    giver, taker = make_eni(SecondaryPrivateIpAddressCount=1), make_eni()
    moving = addresses(giver)[1]
    parameters = {
        "NetworkInterfaceId": taker["NetworkInterfaceId"],
        "PrivateIpAddresses": [moving],
    }
    assert refused(ec2.assign_private_ip_addresses, **parameters) == (
        "InvalidParameterValue",
        f"[{moving}] assigned, but move is not allowed.",
    )
    ec2.assign_private_ip_addresses(**parameters, AllowReassignment=True)
    assert moving in addresses(describe(ec2, taker["NetworkInterfaceId"]))
    assert moving not in addresses(describe(ec2, giver["NetworkInterfaceId"]))


def test_unassign_refusals(ec2, make_eni, nodes_a):
    eni = make_eni()
    eni_id = eni["NetworkInterfaceId"]
    code, message = refused(
        ec2.unassign_private_ip_addresses,
        NetworkInterfaceId=eni_id,
        PrivateIpAddresses=unheld(ec2, nodes_a, 1),
    )
    assert code == "InvalidParameterValue"
    assert message == f"Some of the specified addresses are not assigned to interface {eni_id}"
    code, _ = refused(
        ec2.unassign_private_ip_addresses,
        NetworkInterfaceId=eni_id,
        PrivateIpAddresses=[eni["PrivateIpAddress"]],
    )
    assert code == "InvalidParameterValue"


def test_a_full_subnet_gives_nothing(ec2, make_eni, nodes_a):
    before = free(ec2, nodes_a)
    assert refused(
        ec2.create_network_interface,
        SubnetId=nodes_a["SubnetId"],
        SecondaryPrivateIpAddressCount=before,
    ) == (
        "InsufficientFreeAddressesInSubnet",
        "The specified subnet does not have enough free addresses to satisfy the request.",
    )
    assert free(ec2, nodes_a) == before, "all or nothing"


# --- attachments ------------------------------------------------------------------------------


def test_attach_and_detach(ec2, make_eni, roomy):
    instance, index = roomy
    eni_id = make_eni()["NetworkInterfaceId"]
    answer = ec2.attach_network_interface(
        NetworkInterfaceId=eni_id, InstanceId=instance["InstanceId"], DeviceIndex=index
    )
    eni = describe(ec2, eni_id)
    attachment = eni["Attachment"]
    assert eni["Status"] == "in-use"
    assert attachment["AttachmentId"] == answer["AttachmentId"]
    assert attachment["InstanceId"] == instance["InstanceId"]
    assert attachment["DeviceIndex"] == index and attachment["NetworkCardIndex"] == 0
    assert attachment["Status"] == "attached"
    assert attachment["DeleteOnTermination"] is False
    assert refused(ec2.delete_network_interface, NetworkInterfaceId=eni_id) == (
        "InvalidParameterValue",
        f"Network interface '{eni_id}' is currently in use.",
    )
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=eni_id,
        Attachment={"AttachmentId": answer["AttachmentId"], "DeleteOnTermination": True},
    )
    assert describe(ec2, eni_id)["Attachment"]["DeleteOnTermination"] is True
    ec2.detach_network_interface(AttachmentId=answer["AttachmentId"])
    eni = describe(ec2, eni_id)
    assert eni["Status"] == "available" and "Attachment" not in eni


def test_attach_refusals(ec2, make_eni, roomy, nodes_b):
    instance, index = roomy
    here = make_eni()["NetworkInterfaceId"]
    call = {"InstanceId": instance["InstanceId"], "NetworkInterfaceId": here}
    assert refused(ec2.attach_network_interface, **call, DeviceIndex=0) == (
        "InvalidParameterValue",
        f"Instance '{instance['InstanceId']}' already has an interface attached at device index '0'.",
    )
    elsewhere = make_eni(SubnetId=nodes_b["SubnetId"])["NetworkInterfaceId"]
    code, _ = refused(
        ec2.attach_network_interface,
        **{**call, "NetworkInterfaceId": elsewhere},
        DeviceIndex=index,
    )
    assert code == "InvalidParameterCombination"


def test_an_instance_type_bounds_its_addresses(ec2, make_eni, roomy):
    instance, index = roomy
    most = limits(ec2, instance["InstanceType"])["Ipv4AddressesPerInterface"]
    eni_id = make_eni()["NetworkInterfaceId"]
    ec2.attach_network_interface(
        NetworkInterfaceId=eni_id, InstanceId=instance["InstanceId"], DeviceIndex=index
    )
    assert refused(
        ec2.assign_private_ip_addresses,
        NetworkInterfaceId=eni_id,
        SecondaryPrivateIpAddressCount=most,
    ) == ("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
    ec2.assign_private_ip_addresses(
        NetworkInterfaceId=eni_id, SecondaryPrivateIpAddressCount=most - 1
    )
    assert len(addresses(describe(ec2, eni_id))) == most


def test_an_instance_type_bounds_its_interfaces(ec2, make_eni, roomy):
    instance, _ = roomy
    most = limits(ec2, instance["InstanceType"])["MaximumNetworkInterfaces"]
    used = {i["Attachment"]["DeviceIndex"] for i in instance["NetworkInterfaces"]}
    indices = [i for i in range(1, 16) if i not in used]
    for index in indices[: most - len(used)]:
        ec2.attach_network_interface(
            NetworkInterfaceId=make_eni()["NetworkInterfaceId"],
            InstanceId=instance["InstanceId"],
            DeviceIndex=index,
        )
    assert refused(
        ec2.attach_network_interface,
        NetworkInterfaceId=make_eni()["NetworkInterfaceId"],
        InstanceId=instance["InstanceId"],
        DeviceIndex=indices[most - len(used)],
    ) == (
        "AttachmentLimitExceeded",
        f"Interface count {most + 1} exceeds the limit for {instance['InstanceType']}",
    )


def test_the_primary_interface_stays(ec2):
    instance = instances(ec2)[0]
    primary = instance["NetworkInterfaces"][0]
    code, message = refused(
        ec2.detach_network_interface, AttachmentId=primary["Attachment"]["AttachmentId"]
    )
    assert code == "OperationNotPermitted"
    assert "at device index 0" in message and "cannot be detached" in message


def test_the_clusters_interfaces_are_the_clusters(ec2):
    filters = [{"Name": "description", "Values": ["Amazon EKS *"]}]
    xenis = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    assert xenis, "the lab has no X-ENI"
    for eni in xenis:
        assert eni["RequesterManaged"] is True
        assert eni["Attachment"]["InstanceOwnerId"] != eni["OwnerId"]
        assert "InstanceId" not in eni["Attachment"]
        assert refused(
            ec2.delete_network_interface, NetworkInterfaceId=eni["NetworkInterfaceId"]
        ) == ("AuthFailure", "You do not have permission to access the specified resource")
        assert refused(
            ec2.detach_network_interface, AttachmentId=eni["Attachment"]["AttachmentId"]
        ) == (
            "OperationNotPermitted",
            "You are not allowed to manage 'ela-attach' attachments.",
        )


# --- attributes and tags ----------------------------------------------------------------------


def test_attributes(ec2, make_eni):
    eni = make_eni(Description="before")
    eni_id = eni["NetworkInterfaceId"]
    modify = ec2.modify_network_interface_attribute
    modify(NetworkInterfaceId=eni_id, Description={"Value": "after"})
    modify(NetworkInterfaceId=eni_id, SourceDestCheck={"Value": False})
    modify(NetworkInterfaceId=eni_id, Groups=[eni["Groups"][0]["GroupId"]])
    eni = describe(ec2, eni_id)
    assert (eni["Description"], eni["SourceDestCheck"]) == ("after", False)
    assert refused(modify, NetworkInterfaceId=eni_id) == (
        "InvalidParameterCombination",
        "No attributes specified.",
    )
    code, _ = refused(
        modify,
        NetworkInterfaceId=eni_id,
        Description={"Value": "x"},
        SourceDestCheck={"Value": True},
    )
    assert code == "InvalidParameterCombination"


def test_tags(ec2, make_eni):
    eni_id = make_eni()["NetworkInterfaceId"]
    tags = [{"Key": "Name", "Value": "one"}, {"Key": "empty", "Value": ""}]
    ec2.create_tags(Resources=[eni_id], Tags=tags)
    assert describe(ec2, eni_id)["TagSet"] == tags
    ec2.create_tags(Resources=[eni_id], Tags=[{"Key": "Name", "Value": "two"}])
    ec2.delete_tags(Resources=[eni_id], Tags=[{"Key": "Name", "Value": "one"}])
    assert {"Key": "Name", "Value": "two"} in describe(ec2, eni_id)["TagSet"], "other value"
    ec2.delete_tags(Resources=[eni_id], Tags=[{"Key": "Name"}])
    assert describe(ec2, eni_id)["TagSet"] == [{"Key": "empty", "Value": ""}]
    ec2.delete_tags(Resources=[eni_id])
    assert describe(ec2, eni_id)["TagSet"] == []


# --- filters and pages ------------------------------------------------------------------------


def test_filters(ec2, make_eni, nodes_a):
    mark = f"mark {uuid.uuid4()}"
    eni = make_eni(Description=mark)
    ec2.create_tags(Resources=[eni["NetworkInterfaceId"]], Tags=[{"Key": "mark", "Value": mark}])

    def found(**filters):
        shaped = [
            {"Name": name.replace("_", "-").replace("--", "."), "Values": [value]}
            for name, value in filters.items()
        ]
        answer = ec2.describe_network_interfaces(
            Filters=[{"Name": "description", "Values": [mark]}, *shaped]
        )
        return [e["NetworkInterfaceId"] for e in answer["NetworkInterfaces"]]

    own = [eni["NetworkInterfaceId"]]
    assert found() == own
    for matching in (
        {"addresses--private_ip_address": eni["PrivateIpAddress"]},
        {"addresses--primary": "true"},
        {"availability_zone": nodes_a["AvailabilityZone"]},
        {"group_id": eni["Groups"][0]["GroupId"]},
        {"group_name": "def*"},
        {"mac_address": eni["MacAddress"]},
        {"network_interface_id": "eni-*"},
        {"private_dns_name": "ip-*"},
        {"private_ip_address": eni["PrivateIpAddress"].rsplit(".", 1)[0] + ".*"},
        {"requester_managed": "false"},
        {"source_dest_check": "true"},
        {"status": "availabl?"},
        {"subnet_id": nodes_a["SubnetId"]},
        {"tag:mark": mark},
        {"tag_key": "mark"},
        {"vpc_id": nodes_a["VpcId"]},
    ):
        assert found(**matching) == own, matching
    for other in (
        {"attachment--status": "attached"},
        {"association--public_ip": "*"},
        {"description": mark.upper()},
        {"status": "in-use"},
        {"tag:Mark": "*"},
    ):
        assert found(**other) == [], other
    assert refused(
        ec2.describe_network_interfaces, Filters=[{"Name": "colour", "Values": ["red"]}]
    ) == ("InvalidParameterValue", "The filter 'colour' is invalid")


def test_pages(ec2, make_eni):
    mark = f"page {uuid.uuid4()}"
    made = {make_eni(Description=mark)["NetworkInterfaceId"] for _ in range(7)}
    filters = [{"Name": "description", "Values": [mark]}]
    paginator = ec2.get_paginator("describe_network_interfaces")
    pages = list(paginator.paginate(Filters=filters, PaginationConfig={"PageSize": 5}))
    sizes = [len(page["NetworkInterfaces"]) for page in pages]
    seen = [e["NetworkInterfaceId"] for page in pages for e in page["NetworkInterfaces"]]
    assert sizes == [5, 2] and set(seen) == made
    # boto3 would refuse this itself.
    unchecked = boto3.client("ec2", config=NO_RETRIES.merge(Config(parameter_validation=False)))
    assert refused(unchecked.describe_network_interfaces, MaxResults=4) == (
        "InvalidParameterValue",
        "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
    )
    assert refused(ec2.describe_subnets, NextToken="nonsense") == (
        "InvalidParameterValue",
        "Value ( nonsense ) for parameter NextToken is invalid. The token is invalid.",
    )
    code, _ = refused(
        ec2.describe_network_interfaces, NetworkInterfaceIds=list(made)[:1], MaxResults=5
    )
    assert code == "InvalidParameterCombination"


# --- refusals common to all calls -------------------------------------------------------------


def test_ids_that_are_not_there(ec2, nodes_a):
    absent = "0123456789abcdef0"
    assert refused(
        ec2.describe_network_interfaces,
        NetworkInterfaceIds=[f"eni-{absent}", "eni-0123456789abcdef1"],
    ) == (
        "InvalidNetworkInterfaceID.NotFound",
        f"The networkInterface ID 'eni-{absent}' does not exist",
    )
    assert refused(ec2.describe_subnets, SubnetIds=[f"subnet-{absent}"]) == (
        "InvalidSubnetID.NotFound",
        f"The subnet ID 'subnet-{absent}' does not exist",
    )
    assert refused(ec2.describe_vpcs, VpcIds=[f"vpc-{absent}"]) == (
        "InvalidVpcID.NotFound",
        f"The vpc ID 'vpc-{absent}' does not exist",
    )
    assert refused(ec2.describe_instances, InstanceIds=[f"i-{absent}"]) == (
        "InvalidInstanceID.NotFound",
        f"The instance ID 'i-{absent}' does not exist",
    )
    assert refused(ec2.detach_network_interface, AttachmentId=f"eni-attach-{absent}") == (
        "InvalidAttachmentID.NotFound",
        f"The network interface attachment ID 'eni-attach-{absent}' does not exist",
    )
    assert refused(ec2.delete_network_interface, NetworkInterfaceId="eni-x") == (
        "InvalidNetworkInterfaceId.Malformed",
        'Invalid id: "eni-x" (expecting "eni-...")',
    )


def test_a_dry_run_changes_nothing(ec2, make_eni, nodes_a):
    eni_id = make_eni()["NetworkInterfaceId"]
    before = free(ec2, nodes_a)
    would_have = (
        "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.",
    )
    for call, parameters in (
        (ec2.create_network_interface, {"SubnetId": nodes_a["SubnetId"]}),
        (ec2.delete_network_interface, {"NetworkInterfaceId": eni_id}),
        (ec2.create_tags, {"Resources": [eni_id], "Tags": [{"Key": "k", "Value": "v"}]}),
        (ec2.describe_vpcs, {}),
    ):
        assert refused(call, **parameters, DryRun=True) == would_have
    assert free(ec2, nodes_a) == before
    assert describe(ec2, eni_id)["TagSet"] == []


def test_signatures_are_checked(ec2):
    unknown = client(aws_access_key_id="AKIAAAAAAAAAAAAAAAAA", aws_secret_access_key="x")
    assert refused(unknown.describe_vpcs) == (
        "AuthFailure",
        "AWS was not able to validate the provided access credentials",
    )
    # boto3 takes explicit keys only together.
    wrong = client(aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"], aws_secret_access_key="wrong")
    code, _ = refused(wrong.describe_vpcs)
    assert code == "SignatureDoesNotMatch"
    elsewhere = client(region_name="eu-central-1")
    code, _ = refused(elsewhere.describe_vpcs)
    assert code == "SignatureDoesNotMatch"


def test_actions_the_lab_does_not_have(ec2):
    code, message = refused(ec2.describe_spot_fleet_requests)
    assert code == "InvalidAction"
    assert message == "The action DescribeSpotFleetRequests is not valid for this web service."


# --- the aws CLI ------------------------------------------------------------------------------


def test_cli_describes(ec2, nodes_a):
    assert aws("describe-vpcs")["Vpcs"] == json_like(ec2.describe_vpcs()["Vpcs"])
    assert aws("describe-subnets", "--subnet-ids", nodes_a["SubnetId"])["Subnets"]
    filters = "Name=tag:Name,Values=nodes-a"
    found = aws("describe-subnets", "--filters", filters)["Subnets"]
    assert [s["SubnetId"] for s in found] == [nodes_a["SubnetId"]]
    assert aws("describe-instances")["Reservations"]
    assert aws("describe-network-interfaces", "--max-items", "2")["NetworkInterfaces"]
    types = aws("describe-instance-types", "--instance-types", "m5.large")["InstanceTypes"]
    assert types[0]["NetworkInfo"]["MaximumNetworkInterfaces"] == 3
    assert aws("describe-security-groups")["SecurityGroups"]
    assert aws("describe-availability-zones")["AvailabilityZones"]


def json_like(answer):
    return json.loads(json.dumps(answer, default=str))


def test_cli_changes(ec2, nodes_a, roomy):
    instance, index = roomy
    subnet = ("--subnet-id", nodes_a["SubnetId"])
    eni = aws("create-network-interface", *subnet, "--description", "by the CLI")
    eni_id = eni["NetworkInterface"]["NetworkInterfaceId"]
    own = ("--network-interface-id", eni_id)
    attachment = None
    try:
        aws("create-tags", "--resources", eni_id, "--tags", "Key=Name,Value=by the CLI")
        new = aws("assign-private-ip-addresses", *own, "--secondary-private-ip-address-count", "1")
        new = [a["PrivateIpAddress"] for a in new["AssignedPrivateIpAddresses"]]
        attachment = aws(
            "attach-network-interface",
            *own,
            *("--instance-id", instance["InstanceId"]),
            *("--device-index", str(index)),
        )["AttachmentId"]
        aws("modify-network-interface-attribute", *own, "--no-source-dest-check")
        shown = describe(ec2, eni_id)
        assert addresses(shown)[1:] == new
        assert shown["TagSet"] == [{"Key": "Name", "Value": "by the CLI"}]
        assert shown["SourceDestCheck"] is False
        assert aws("delete-network-interface", *own) == (
            "InvalidParameterValue",
            f"Network interface '{eni_id}' is currently in use.",
        )
        aws("unassign-private-ip-addresses", *own, "--private-ip-addresses", *new)
        assert len(addresses(describe(ec2, eni_id))) == 1
        aws("delete-tags", "--resources", eni_id, "--tags", "Key=Name")
        assert describe(ec2, eni_id)["TagSet"] == []
    finally:
        if attachment:
            aws("detach-network-interface", "--attachment-id", attachment)
        deleted = aws("delete-network-interface", *own)
    assert not isinstance(deleted, tuple), deleted
    assert describe(ec2, eni_id) is None


def test_cli_dry_run(nodes_a):
    arguments = ("create-network-interface", "--subnet-id", nodes_a["SubnetId"], "--dry-run")
    assert aws(*arguments) == (
        "DryRunOperation",
        "Request would have succeeded, but DryRun flag is set.",
    )
