"""A prefix carries packets: from an address inside it while an ENI holds it, and not afterwards."""

import ipaddress
import re
import time

import boto3
import pytest

from conftest import SMALL

DEVICE = 2


@pytest.fixture
def small(flatnet):
    """A lab whose nodes have an ENI slot to spare, and a client of its EC2 API."""
    flatnet.run("up", "-f", flatnet.write("lab.yaml", SMALL))
    script = flatnet.run("env").stdout
    values = dict(re.findall(r"export (\w+)='([^']*)'", script))
    ec2 = boto3.client(
        "ec2",
        endpoint_url=values["AWS_ENDPOINT_URL_EC2"],
        region_name=values["AWS_DEFAULT_REGION"],
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
    )
    yield flatnet, ec2
    flatnet.run("down", check=False)


def run(lab, target, *command, check=True):
    return lab.run("exec", target, "--", *command, check=check)


def pings(lab, source, destination):
    """Whether an echo comes back from `destination`, sent from the node `source`."""
    done = run(lab, source, "ping", "-c", "2", "-i", "0.2", "-W", "1", destination, check=False)
    return done.returncode == 0


def drops(lab):
    return lab.json("status")["drops"]


def metadata(lab, node, path):
    """What a node reads from its metadata service; an empty text if there is no such key."""
    script = f"""
import urllib.request as u, urllib.error
base = 'http://169.254.169.254/latest/'
put = u.Request(base + 'api/token', method='PUT', headers={{'X-aws-ec2-metadata-token-ttl-seconds': '60'}})
token = u.urlopen(put, timeout=2).read().decode()
get = u.Request(base + 'meta-data/{path}', headers={{'X-aws-ec2-metadata-token': token}})
try:
    print(u.urlopen(get, timeout=2).read().decode())
except urllib.error.HTTPError as error:
    assert error.code == 404, error
"""
    return run(lab, node, "/usr/bin/python3", "-c", script).stdout.strip()


def test_a_prefix_carries_packets_while_it_is_assigned(small):
    lab, ec2 = small
    one, two = lab.json("status")["nodes"]
    [subnet] = [s for s in lab.json("status")["subnets"] if s["name"] == "one"]
    eni = ec2.create_network_interface(SubnetId=subnet["id"], Ipv4PrefixCount=1)["NetworkInterface"]
    eni_id = eni["NetworkInterfaceId"]
    prefix = ipaddress.ip_network(eni["Ipv4Prefixes"][0]["Ipv4Prefix"])
    ec2.attach_network_interface(
        NetworkInterfaceId=eni_id, InstanceId=one["instance"], DeviceIndex=DEVICE)

    # The node uses an address of the prefix as it would one of a pod.
    inside, gateway = str(prefix[5]), str(ipaddress.ip_network(subnet["cidr"])[1])
    run(lab, "node-1", "sh", "-ec", f"""
        ip link set eth{DEVICE} up
        ip address add {inside}/32 dev lo
        ip route add {gateway} dev eth{DEVICE} scope link table 99
        ip route add default via {gateway} dev eth{DEVICE} table 99
        ip rule add from {inside} lookup 99 priority 100
        echo 2 > /proc/sys/net/ipv4/conf/eth{DEVICE}/rp_filter
    """)
    deadline = time.monotonic() + 5
    while not pings(lab, "node-2", inside):
        assert time.monotonic() < deadline, f"{inside} of {prefix} does not answer"
    out = ["ping", "-c", "2", "-i", "0.2", "-W", "1", "-I", inside, two["address"]]
    assert run(lab, "node-1", *out, check=False).returncode == 0

    routes = run(lab, "router", "ip", "route", "show", str(prefix)).stdout
    assert len(routes.strip().splitlines()) == 1, "one route for the whole prefix"
    key = f"network/interfaces/macs/{eni['MacAddress']}/ipv4-prefix"
    assert metadata(lab, "node-1", key) == str(prefix)
    [status] = [s for s in lab.json("status")["subnets"] if s["name"] == "one"]
    assert status["blocks"]["prefix"] == 1 and status["usedBy"]["prefixSpares"] == 16
    offset = int(prefix[0]) - int(ipaddress.ip_network(subnet["cidr"])[0])
    assert status["map"][offset : offset + 16] == "P" * 16

    spoofed = drops(lab)["anti_spoof"]
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4Prefixes=[str(prefix)])
    assert not pings(lab, "node-2", inside), "nothing is delivered to a prefix nobody holds"
    assert run(lab, "node-1", *out, check=False).returncode != 0
    assert drops(lab)["anti_spoof"] > spoofed, "its addresses are no longer a source"
    assert metadata(lab, "node-1", key) == ""
    [status] = [s for s in lab.json("status")["subnets"] if s["name"] == "one"]
    assert status["blocks"]["prefix"] == 0 and status["map"][offset] != "P"

    ec2.assign_private_ip_addresses(NetworkInterfaceId=eni_id, Ipv4Prefixes=[str(prefix)])
    assert pings(lab, "node-2", inside), "and again"
