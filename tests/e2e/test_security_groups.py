"""Security groups with packets: what they refuse is dropped and counted, what they allow works."""

import ipaddress
import json
import os
import random
import subprocess
import time

import boto3
import pytest
from botocore.config import Config
from conftest import make

TOPOLOGY = """\
name: groups
account: "111122223333"
region: us-west-2
vpc: {cidr: 10.10.0.0/16}
subnets:
  - {name: one, cidr: 10.10.1.0/24, availabilityZone: us-west-2a}
  - {name: two, cidr: 10.10.2.0/24, availabilityZone: us-west-2b}
controlPlane: {name: demo, account: "444455556666", subnets: [one, two]}
endpoints:
  - {service: ec2, subnet: one}
securityGroups:
  - name: client
  - name: server
    ingress:
      - {protocol: tcp, ports: 8080, from: client}
nodes:
  - {name: client, instanceType: t3.medium, subnet: one, securityGroups: [client]}
  - {name: server, instanceType: t3.medium, subnet: two, securityGroups: [server]}
  - {name: member, instanceType: t3.medium, subnet: two}
"""

SERVE = """
import socket, sys, threading
def serve(port):
    listener = socket.create_server(("", port))
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=echo, args=(stream,), daemon=True).start()
def echo(stream):
    with stream:
        while data := stream.recv(4096):
            stream.sendall(data)
for port in map(int, sys.argv[1:]):
    threading.Thread(target=serve, args=(port,)).start()
print("ready", flush=True)
"""

CONNECT = """
import socket, sys
address, port, source = sys.argv[1], int(sys.argv[2]), sys.argv[3]
stream = socket.socket()
stream.settimeout(float(sys.argv[4]))
if source != "-":
    stream.bind((source, 0))
try:
    stream.connect((address, port))
except TimeoutError:
    sys.exit(9)
stream.sendall(b"flatnet")
assert stream.recv(100) == b"flatnet"
"""

STREAM = """
import socket, sys
stream = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
print("open", flush=True)
for line in sys.stdin:
    stream.sendall(line.encode())
    try:
        print(stream.recv(4096).decode().strip(), flush=True)
    except TimeoutError:
        print("dead", flush=True)
"""


class Groups:
    """A lab, its EC2 API, and what the tests do in it."""

    def __init__(self, flatnet):
        self.flatnet = flatnet
        variables = flatnet.json("env")
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=variables["AWS_ENDPOINT_URL_EC2"],
            region_name=variables["AWS_REGION"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 1}),
        )
        self.nodes = {node["name"]: node for node in flatnet.json("status")["nodes"]}
        groups = self.ec2.describe_security_groups()["SecurityGroups"]
        self.ids = {group["GroupName"]: group["GroupId"] for group in groups}
        self.running = []

    def address(self, node):
        return self.nodes[node]["address"]

    def eni(self, node):
        return self.nodes[node]["enis"][0]["id"]

    def groups_of(self, node):
        [eni] = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[self.eni(node)])[
            "NetworkInterfaces"
        ]
        return [group["GroupId"] for group in eni["Groups"]]

    def python(self, node, program, *arguments, **options):
        command = ["exec", node, "--", "/usr/bin/python3", "-c", program, *map(str, arguments)]
        return self.flatnet.run(*command, check=False, **options)

    def start(self, node, program, *arguments):
        """A program that reads lines and answers them; its first line says that it is ready."""
        command = ["exec", node, "--", "/usr/bin/python3", "-c", program, *map(str, arguments)]
        process = subprocess.Popen(
            self.flatnet.arguments(*command),
            env=self.flatnet.environment,
            cwd=self.flatnet.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running.append(process)
        first = process.stdout.readline()
        assert first, f"{program} did not start on {node}"
        return process

    def connects(self, node, to, port, source="-", limit=1.5):
        done = self.python(node, CONNECT, to, port, source, limit)
        assert done.returncode in (0, 9), done.stderr
        return done.returncode == 0

    def dropped(self, node, reason):
        for eni in self.flatnet.json("drops")["enis"]:
            if eni["eni"] == self.eni(node):
                return eni["drops"].get(reason, 0)
        return 0

    def finish(self, process):
        """The end of its input is a program's end; killing the command would not reach it."""
        process.stdin.close()
        process.wait(timeout=10)

    def end(self):
        for process in self.running:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def groups():
    flatnet = make(os.getuid())
    flatnet.run("up", "-f", flatnet.write("lab.yaml", TOPOLOGY))
    made = Groups(flatnet)
    made.start("server", SERVE, 8080, 9090)
    yield made
    made.end()
    flatnet.run("down", check=False)
    flatnet.end()


def tcp(port, **peer):
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peer}]


def anywhere():
    return {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def test_what_no_rule_allows_is_dropped_and_counted(groups):
    server = groups.address("server")
    assert groups.connects("client", server, 8080)
    before = groups.dropped("server", "security_group_ingress")
    assert not groups.connects("client", server, 9090)
    assert not groups.connects("member", server, 8080)
    after = groups.dropped("server", "security_group_ingress")
    assert after >= before + 2
    assert groups.dropped("client", "security_group_ingress") == 0
    table = groups.flatnet.run("drops").stdout
    assert "security_group_ingress" in table and "server eth0" in table
    own = {"GroupId": groups.ids["server"], "IpPermissions": tcp(9090, **anywhere())}
    groups.ec2.authorize_security_group_ingress(**own)
    try:
        assert groups.connects("client", server, 9090)
        assert groups.connects("member", server, 9090)
    finally:
        groups.ec2.revoke_security_group_ingress(**own)
    assert not groups.connects("client", server, 9090)


def test_egress_is_refused_at_the_source(groups):
    everything = {
        "GroupId": groups.ids["client"],
        "IpPermissions": [{"IpProtocol": "-1", **anywhere()}],
    }
    server = groups.address("server")
    groups.ec2.revoke_security_group_egress(**everything)
    try:
        before = groups.dropped("client", "security_group_egress")
        assert not groups.connects("client", server, 8080)
        assert groups.dropped("client", "security_group_egress") > before
        # The metadata service is not filtered.
        token = groups.python(
            "client",
            "import urllib.request as u; u.urlopen(u.Request('http://169.254.169.254/latest/api/token',"
            " method='PUT', headers={'X-aws-ec2-metadata-token-ttl-seconds': '60'}), timeout=2)",
        )
        assert token.returncode == 0, token.stderr
        to_server = tcp(8080, UserIdGroupPairs=[{"GroupId": groups.ids["server"]}])
        only = {"GroupId": groups.ids["client"], "IpPermissions": to_server}
        groups.ec2.authorize_security_group_egress(**only)
        try:
            assert groups.connects("client", server, 8080)
        finally:
            groups.ec2.revoke_security_group_egress(**only)
    finally:
        groups.ec2.authorize_security_group_egress(**everything)
    assert groups.connects("client", server, 8080)


def test_an_established_stream_survives_a_revoked_rule(groups):
    server = groups.address("server")
    stream = groups.start("client", STREAM, server, 8080)

    def echo(text):
        stream.stdin.write(text + "\n")
        stream.stdin.flush()
        return stream.stdout.readline().strip()

    assert echo("before") == "before"
    rule = {
        "GroupId": groups.ids["server"],
        "IpPermissions": tcp(8080, UserIdGroupPairs=[{"GroupId": groups.ids["client"]}]),
    }
    groups.ec2.revoke_security_group_ingress(**rule)
    try:
        assert not groups.connects("client", server, 8080)
        assert echo("after") == "after"
    finally:
        groups.ec2.authorize_security_group_ingress(**rule)
    assert groups.connects("client", server, 8080)


def test_a_group_reference_follows_addresses_and_memberships_at_once(groups):
    server, eni = groups.address("server"), groups.eni("client")
    # One of the agent's warm addresses, which nobody uses: EC2 lets no more be assigned.
    [shown] = groups.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"]
    address = next(a["PrivateIpAddress"] for a in shown["PrivateIpAddresses"] if not a["Primary"])
    here = {"NetworkInterfaceId": eni, "PrivateIpAddresses": [address]}
    groups.flatnet.run("exec", "client", "--", "ip", "address", "add", f"{address}/32", "dev", "eth0")
    try:
        spoofed = groups.dropped("client", "anti_spoof")
        groups.ec2.unassign_private_ip_addresses(**here)
        assert not groups.connects("client", server, 8080, source=address, limit=0.2)
        groups.ec2.assign_private_ip_addresses(**here)
        assert groups.connects("client", server, 8080, source=address)
        assert groups.dropped("client", "anti_spoof") > spoofed
    finally:
        groups.flatnet.run(
            "exec", "client", "--", "ip", "address", "del", f"{address}/32", "dev", "eth0"
        )
    modify = groups.ec2.modify_network_interface_attribute
    member, cluster = groups.eni("member"), groups.groups_of("member")
    assert not groups.connects("member", server, 8080)
    modify(NetworkInterfaceId=member, Groups=[*cluster, groups.ids["client"]])
    try:
        assert groups.connects("member", server, 8080)
    finally:
        modify(NetworkInterfaceId=member, Groups=cluster)
    assert not groups.connects("member", server, 8080)


# ---- Random rules against real packets.

RECEIVE = """
import json, select, socket, sys, time
PORTS = json.loads(sys.argv[1])
ours = {}
for port in PORTS:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", port)); ours[s] = ("udp", port)
for number in (4, 47):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, number); ours[s] = (str(number), None)
icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); ours[icmp] = ("icmp", None)
tcp = socket.socket(socket.AF_INET, socket.SOCK_RAW, 6); ours[tcp] = ("tcp", None)
print("ready", flush=True)
seen = []
for line in sys.stdin:
    mark = line.strip()
    deadline = time.monotonic() + 1
    seen = set()
    while (left := deadline - time.monotonic()) > 0:
        for s in select.select(list(ours), [], [], left)[0]:
            packet, peer = s.recvfrom(2048)
            kind, port = ours[s]
            if kind == "udp":
                if packet.decode() == mark:
                    seen.add(f"udp {port} {peer[0]}")
                continue
            body = packet[(packet[0] & 15) * 4:]
            if kind == "tcp":
                port, flags = int.from_bytes(body[2:4], "big"), body[13]
                if flags & 2 and not flags & 16:
                    seen.add(f"tcp {port} {peer[0]}")
            elif kind == "icmp":
                if body[0] in (8, 13):
                    seen.add(f"icmp {body[0]} {body[1]} {peer[0]}")
            elif mark.encode() in body:
                seen.add(f"{kind} {peer[0]}")
    print(json.dumps(sorted(seen)), flush=True)
"""

SEND = """
import json, os, socket, sys
address, mark, ports = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def quietly(send):
    try:
        send()
    except (BlockingIOError, ConnectionError):
        pass
open_sockets = []
for port in ports:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.sendto(mark.encode(), (address, port))
    tcp = socket.socket(); tcp.setblocking(False); open_sockets.append(tcp)
    quietly(lambda: tcp.connect((address, port)))
for number in (4, 47):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, number)
    raw.sendto(mark.encode().ljust(40, b"\\0"), (address, 0))
icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
for kind, code in ((8, 0), (8, 1), (13, 0)):
    body = bytes([kind, code, 0, 0]) + os.getpid().to_bytes(4, "big")[2:] + os.urandom(2) + bytes(12)
    body = body[:2] + checksum(body).to_bytes(2, "big") + body[4:]
    icmp.sendto(body, (address, 0))
"""

PORTS = [7001, 7002, 7003]
PROBES = [
    *(f"{protocol} {port}" for protocol in ("tcp", "udp") for port in PORTS),
    "4",
    "47",
    "icmp 8 0",
    "icmp 8 1",
    "icmp 13 0",
]


def random_permission(chance, peers):
    kind = chance.choice(["tcp", "udp", "icmp", "4", "47", "-1"])
    permission = {"IpProtocol": kind}
    if kind in ("tcp", "udp"):
        first, last = sorted(chance.choices(PORTS, k=2))
        permission |= {"FromPort": first, "ToPort": last}
    if kind == "icmp":
        kind, code = chance.choice([(-1, -1), (8, -1), (8, 0), (8, 1), (13, -1)])
        permission |= {"FromPort": kind, "ToPort": code}
    name, value = chance.choice(peers)
    field = "UserIdGroupPairs" if name == "GroupId" else "IpRanges"
    return permission | {field: [{name: value}]}


def allows(rules, probe, peer, members):
    """The rules' meaning, told by DescribeSecurityGroupRules, without any cleverness."""
    protocol, *rest = probe.split()
    for rule in rules:
        if rule["IpProtocol"] not in ("-1", protocol):
            continue
        if rule["IpProtocol"] in ("tcp", "udp"):
            if not rule["FromPort"] <= int(rest[0]) <= rule["ToPort"]:
                continue
        if rule["IpProtocol"] == "icmp":
            if rule["FromPort"] not in (-1, int(rest[0])) or rule["ToPort"] not in (-1, int(rest[1])):
                continue
        if "CidrIpv4" in rule:
            if ipaddress.ip_address(peer) in ipaddress.ip_network(rule["CidrIpv4"]):
                return True
        elif peer in members[rule["ReferencedGroupInfo"]["GroupId"]]:
            return True
    return False


@pytest.mark.parametrize("seed", range(6))
def test_packets_pass_where_the_rules_say_so(groups, seed):
    chance = random.Random(seed)
    ec2, ids = groups.ec2, groups.ids
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    create = lambda name: ec2.create_security_group(  # noqa: E731
        GroupName=f"{name}-{seed}", Description="random", VpcId=vpc
    )["GroupId"]
    source, target = create("source"), create("target")
    client, server = groups.address("client"), groups.address("server")
    everything = [{"IpProtocol": "-1", **anywhere()}]
    ec2.revoke_security_group_egress(GroupId=source, IpPermissions=everything)

    def authorize(call, group, peers):
        for _ in range(4):
            permission = random_permission(chance, peers)
            try:
                call(GroupId=group, IpPermissions=[permission])
            except ec2.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "InvalidPermission.Duplicate"

    blocks = lambda address: [  # noqa: E731
        ("CidrIp", f"{address}/32"), ("CidrIp", "10.10.0.0/16"), ("CidrIp", "10.11.0.0/16"),
    ]
    authorize(
        ec2.authorize_security_group_egress, source, [*blocks(server), ("GroupId", target)]
    )
    authorize(
        ec2.authorize_security_group_ingress, target, [*blocks(client), ("GroupId", source)]
    )
    members = {source: {client}, target: {server}}
    modify = ec2.modify_network_interface_attribute
    modify(NetworkInterfaceId=groups.eni("client"), Groups=[source])
    modify(NetworkInterfaceId=groups.eni("server"), Groups=[target])
    receiver = groups.start("server", RECEIVE, json.dumps(PORTS))
    try:
        mark = f"round-{seed}-{os.urandom(4).hex()}"
        receiver.stdin.write(mark + "\n")
        receiver.stdin.flush()
        sent = groups.python("client", SEND, server, mark, json.dumps(PORTS))
        assert sent.returncode == 0, sent.stderr
        seen = {line.rsplit(" ", 1)[0] for line in json.loads(receiver.stdout.readline())}
        rules = ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [source, target]}]
        )["SecurityGroupRules"]
        egress = [rule for rule in rules if rule["GroupId"] == source and rule["IsEgress"]]
        ingress = [rule for rule in rules if rule["GroupId"] == target and not rule["IsEgress"]]
        expected = {
            probe
            for probe in PROBES
            if allows(egress, probe, server, members) and allows(ingress, probe, client, members)
        }
        assert seen == expected, (egress, ingress)
    finally:
        groups.finish(receiver)
        modify(NetworkInterfaceId=groups.eni("client"), Groups=[ids["client"]])
        modify(NetworkInterfaceId=groups.eni("server"), Groups=[ids["server"]])
        for rule in ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [source, target]}]
        )["SecurityGroupRules"]:
            revoke = (
                ec2.revoke_security_group_egress
                if rule["IsEgress"]
                else ec2.revoke_security_group_ingress
            )
            revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
        for group in (source, target):
            ec2.delete_security_group(GroupId=group)


def test_a_protocol_number_lets_that_protocol_pass(groups):
    """Overlays that put IP into IP need protocol 4."""
    server = groups.address("server")
    rule = {
        "GroupId": groups.ids["server"],
        "IpPermissions": [
            {"IpProtocol": "4", "UserIdGroupPairs": [{"GroupId": groups.ids["client"]}]}
        ],
    }

    def passes():
        receiver = groups.start("server", RECEIVE, json.dumps(PORTS))
        mark = f"ipip-{os.urandom(4).hex()}"
        receiver.stdin.write(mark + "\n")
        receiver.stdin.flush()
        time.sleep(0.05)
        assert groups.python("client", SEND, server, mark, "[]").returncode == 0
        seen = json.loads(receiver.stdout.readline())
        groups.finish(receiver)
        return [line.rsplit(" ", 1)[0] for line in seen]

    assert passes() == []
    groups.ec2.authorize_security_group_ingress(**rule)
    try:
        assert passes() == ["4"]
    finally:
        groups.ec2.revoke_security_group_ingress(**rule)
    assert passes() == []
