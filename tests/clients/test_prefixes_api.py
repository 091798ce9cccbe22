"""Prefixes, subnet CIDR reservations, and the life of VPCs and subnets, with unmodified AWS clients.

Needs the same lab as test_ec2_api.py; leaves it as it was.
"""

import ipaddress

import pytest

from test_ec2_api import aws, describe, ec2, free, make_eni, nodes_a, refused, subnets  # noqa: F401

SHORT = ("InsufficientCidrBlocks", "The specified subnet does not have enough free cidr blocks to satisfy the request.")


@pytest.fixture
def make_vpc(ec2):
    """Creates VPCs that are gone, with their subnets, when the test ends."""
    made = []

    def make(cidr, **parameters):
        made.append(ec2.create_vpc(CidrBlock=cidr, **parameters)["Vpc"])
        return made[-1]

    yield make
    for vpc in made:
        filters = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
        for subnet in ec2.describe_subnets(Filters=filters)["Subnets"]:
            ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        if ec2.describe_vpcs(Filters=filters)["Vpcs"]:
            ec2.delete_vpc(VpcId=vpc["VpcId"])


@pytest.fixture
def small(ec2, make_vpc, nodes_a):
    """A /26 of its own: two of its four blocks can be prefixes."""
    vpc = make_vpc("10.77.0.0/24")
    zone = nodes_a["AvailabilityZone"]
    answer = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.77.0.0/26", AvailabilityZone=zone)
    return answer["Subnet"]


def blocks(eni):
    return [prefix["Ipv4Prefix"] for prefix in eni.get("Ipv4Prefixes", [])]


def test_a_prefix_counts_sixteen_and_comes_back(ec2, nodes_a, make_eni):
    before = free(ec2, nodes_a)
    eni = make_eni(Ipv4PrefixCount=1)
    assert free(ec2, nodes_a) == before - 17
    assert len(blocks(eni)) == 1 and len(eni["PrivateIpAddresses"]) == 1
    eni_id = eni["NetworkInterfaceId"]
    answer = ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4PrefixCount=2)
    new = [prefix["Ipv4Prefix"] for prefix in answer["AssignedIpv4Prefixes"]]
    assert len(new) == 2 and not answer.get("AssignedPrivateIpAddresses")
    assert blocks(describe(ec2, eni_id)) == blocks(eni) + new
    subnet = ipaddress.ip_network(nodes_a["CidrBlock"])
    first, *_, last = subnet.subnets(new_prefix=28)
    for block in map(ipaddress.ip_network, blocks(eni) + new):
        assert block.prefixlen == 28 and block.subnet_of(subnet) and block not in (first, last)
    aws("unassign-private-ip-addresses", "--network-interface-id", eni_id, "--ipv4-prefixes", *new)
    assert blocks(describe(ec2, eni_id)) == blocks(eni)
    assert free(ec2, nodes_a) == before - 17


def test_prefixes_by_name(ec2, small, make_eni):
    def named(*prefixes):
        return aws("assign-private-ip-addresses", "--network-interface-id", eni_id, "--ipv4-prefixes", *prefixes)

    eni = make_eni(SubnetId=small["SubnetId"], PrivateIpAddress="10.77.0.10")
    eni_id = eni["NetworkInterfaceId"]
    assert named("10.77.0.16/28")["AssignedIpv4Prefixes"] == [{"Ipv4Prefix": "10.77.0.16/28"}]
    assert named("10.77.0.16/28")[0] == "InvalidIPAddress.InUse"
    assert named("10.77.0.0/28") == named("10.77.0.48/28") == (
        "InvalidParameterValue", "Prefix is in subnet's reserved address range")
    assert named("10.78.0.16/28")[1] == "Prefix does not fall within the subnet's address range"
    code, message = named("10.77.0.33/28")
    assert code == "InvalidParameterValue" and "10.77.0.33/28" in message
    inside = refused(ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id,
                     PrivateIpAddresses=["10.77.0.20"], AllowReassignment=True)
    assert inside == ("InvalidParameterValue", "[10.77.0.20] assigned, but move is not allowed.")
    made = make_eni(SubnetId=small["SubnetId"], Ipv4Prefixes=[{"Ipv4Prefix": "10.77.0.32/28"}])
    assert blocks(made) == ["10.77.0.32/28"]


def test_fragmentation_refuses_a_prefix_while_addresses_are_free(ec2, small, make_eni):
    eni = make_eni(SubnetId=small["SubnetId"], PrivateIpAddresses=[
        {"PrivateIpAddress": "10.77.0.20", "Primary": True},
        {"PrivateIpAddress": "10.77.0.40", "Primary": False}])
    assert free(ec2, small) == 59 - 2
    request = {"NetworkInterfaceId": eni["NetworkInterfaceId"], "Ipv4PrefixCount": 1}
    assert refused(ec2.assign_private_ip_addresses, **request) == SHORT
    create = {"SubnetId": small["SubnetId"], "Ipv4PrefixCount": 1}
    assert refused(ec2.create_network_interface, **create) == (
        "InvalidParameterValue", "There aren't sufficient free Ipv4 addresses or prefixes")
    ec2.unassign_private_ip_addresses(
        NetworkInterfaceId=eni["NetworkInterfaceId"], PrivateIpAddresses=["10.77.0.40"])
    answer = ec2.assign_private_ip_addresses(**request)
    assert answer["AssignedIpv4Prefixes"] == [{"Ipv4Prefix": "10.77.0.32/28"}]


def test_one_way_of_asking_at_a_time(ec2, make_eni):
    eni_id = make_eni()["NetworkInterfaceId"]
    for more in ({"SecondaryPrivateIpAddressCount": 1}, {"Ipv4Prefixes": ["10.10.1.32/28"]}):
        code, _ = refused(ec2.assign_private_ip_addresses, NetworkInterfaceId=eni_id, Ipv4PrefixCount=1, **more)
        assert code == "InvalidParameterCombination"


def test_reservations(ec2, small, make_eni):
    subnet_id = small["SubnetId"]
    made = ec2.create_subnet_cidr_reservation(
        SubnetId=subnet_id, Cidr="10.77.0.32/28", ReservationType="prefix", Description="pods",
        TagSpecifications=[{"ResourceType": "subnet-cidr-reservation", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["SubnetCidrReservation"]
    assert made["SubnetCidrReservationId"].startswith("scr-") and made["Tags"] == [{"Key": "a", "Value": "b"}]
    assert (made["Cidr"], made["ReservationType"], made["Description"]) == ("10.77.0.32/28", "prefix", "pods")
    assert free(ec2, small) == 59 - 16
    assert ec2.get_subnet_cidr_reservations(SubnetId=subnet_id)["SubnetIpv4CidrReservations"] == [made]
    clash = refused(ec2.create_subnet_cidr_reservation, SubnetId=subnet_id, Cidr="10.77.0.32/30", ReservationType="explicit")
    assert clash[0] == "InvalidParameterValue"
    # Picked from the reservation first, then from the rest.
    for expected in ("10.77.0.32/28", None):
        eni = make_eni(SubnetId=subnet_id, PrivateIpAddress="10.77.0.5" if expected else "10.77.0.6", Ipv4PrefixCount=1)
        assert blocks(eni) == [expected or "10.77.0.16/28"]
    reservation_id = made["SubnetCidrReservationId"]
    gone = aws("delete-subnet-cidr-reservation", "--subnet-cidr-reservation-id", reservation_id)
    assert gone["DeletedSubnetCidrReservation"]["SubnetCidrReservationId"] == reservation_id
    again = refused(ec2.delete_subnet_cidr_reservation, SubnetCidrReservationId=reservation_id)
    assert again[0] == "InvalidSubnetCidrReservationID.NotFound"
    assert not ec2.get_subnet_cidr_reservations(SubnetId=subnet_id)["SubnetIpv4CidrReservations"]


def test_reserving_everything_leaves_nothing_to_pick(ec2, small):
    ec2.create_subnet_cidr_reservation(
        SubnetId=small["SubnetId"], Cidr=small["CidrBlock"], ReservationType="explicit")
    assert free(ec2, small) == 0
    code, _ = refused(ec2.create_network_interface, SubnetId=small["SubnetId"])
    assert code == "InsufficientFreeAddressesInSubnet"


def test_a_vpc_from_creation_to_deletion(ec2, make_vpc):
    vpc = make_vpc("10.88.1.2/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "mine"}]}])
    vpc_id = vpc["VpcId"]
    assert vpc["CidrBlock"] == "10.88.0.0/16" and vpc["Tags"] == [{"Key": "Name", "Value": "mine"}]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
    assert [group["GroupName"] for group in groups["SecurityGroups"]] == ["default"]
    hostnames = ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")
    assert hostnames["EnableDnsHostnames"] == {"Value": False}
    aws("modify-vpc-attribute", "--vpc-id", vpc_id, "--enable-dns-hostnames")
    assert aws("describe-vpc-attribute", "--vpc-id", vpc_id, "--attribute", "enableDnsHostnames")[
        "EnableDnsHostnames"]["Value"]

    more = ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="100.64.0.0/16")["CidrBlockAssociation"]
    assert more["CidrBlockState"]["State"] == "associating"
    restricted = refused(ec2.associate_vpc_cidr_block, VpcId=vpc_id, CidrBlock="172.16.0.0/16")
    assert restricted[0] == "InvalidVpc.Range" and "restricted" in restricted[1]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="100.64.4.0/22")["Subnet"]
    assert (subnet["AvailableIpAddressCount"], subnet["State"]) == (1019, "available")
    ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": True})
    assert ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"][0]["MapPublicIpOnLaunch"]
    for cidr, code in (("100.64.4.0/24", "InvalidSubnet.Conflict"), ("10.99.0.0/24", "InvalidSubnet.Range")):
        assert refused(ec2.create_subnet, VpcId=vpc_id, CidrBlock=cidr)[0] == code
    in_use = refused(ec2.disassociate_vpc_cidr_block, AssociationId=more["AssociationId"])
    assert in_use[0] == "InvalidCidrBlock.InUse"
    assert refused(ec2.delete_vpc, VpcId=vpc_id) == (
        "DependencyViolation", f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")

    eni = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]
    assert refused(ec2.delete_subnet, SubnetId=subnet["SubnetId"])[0] == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    assert refused(ec2.delete_subnet, SubnetId=subnet["SubnetId"], DryRun=True)[0] == "DryRunOperation"
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.disassociate_vpc_cidr_block(AssociationId=more["AssociationId"])
    ec2.delete_vpc(VpcId=vpc_id)
    assert refused(ec2.describe_vpcs, VpcIds=[vpc_id])[0] == "InvalidVpcID.NotFound"


def test_vpc_sizes_and_quota(ec2, make_vpc):
    for cidr in ("10.0.0.0/8", "10.0.0.0/29"):
        assert refused(ec2.create_vpc, CidrBlock=cidr) == ("InvalidVpc.Range", f"The CIDR '{cidr}' is invalid.")
    for n in range(5 - len(ec2.describe_vpcs()["Vpcs"])):
        make_vpc(f"10.{90 + n}.0.0/16")
    assert refused(ec2.create_vpc, CidrBlock="10.99.0.0/16")[0] == "VpcLimitExceeded"
