"""A lab whose EC2 is as slow, late and short of calls as users have seen it, and worse."""

import json
import time

import boto3

from conftest import SMALL

HOSTILE = """\
requests:
  profile: hostile
  # Long enough that the fault below is there before the last attachment.
  latency: {CreateNetworkInterface: 8000}
"""
# Two nodes with pods on their primary ENIs, which want two more ENIs each.
TOPOLOGY = SMALL.replace("env: {", 'env: {WARM_ENI_TARGET: "2", FLATNET_ADD_WAIT: "50", ')
SECONDS = 90


def enis(lab):
    return [len(node["enis"]) for node in lab.json("status")["nodes"]]


def count(lab, action, outcome):
    calls = lab.json("calls")
    return sum(c["calls"] for c in calls if (c["action"], c["outcome"]) == (action, outcome))


def wait_until(holds, what):
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.3)


def test_nodes_survive_the_hostile_profile_and_a_fault(flatnet):
    file = flatnet.write("hostile.yaml", TOPOLOGY + HOSTILE)
    flatnet.run("up", "-f", file)
    flatnet.run("fault", "throttle", "AttachNetworkInterface")
    [fault] = flatnet.json("fault", "list")
    assert (fault["kind"], fault["action"]) == ("throttle", "AttachNetworkInterface")

    def throttled():
        return count(flatnet, "AttachNetworkInterface", "RequestLimitExceeded")

    wait_until(lambda: throttled() >= 6, lambda: flatnet.json("calls"))
    # What was admitted before the fault is done after 6 s at most.
    time.sleep(6)
    stuck, so_far = enis(flatnet), throttled()
    assert sum(stuck) < 6, stuck
    wait_until(lambda: throttled() >= so_far + 3, lambda: flatnet.json("calls"))
    assert enis(flatnet) == stuck
    assert all(len(node["pods"]) == 2 for node in flatnet.json("status")["nodes"])

    [cleared] = flatnet.json("fault", "clear", fault["id"])
    assert cleared == fault and flatnet.json("fault", "list") == []
    wait_until(lambda: enis(flatnet) == [3, 3], lambda: (enis(flatnet), flatnet.json("calls")))
    checks = [e for e in flatnet.events("check") if e["event"] == "check"]
    assert checks and all(check["held"] for check in checks), checks

    events = [json.loads(line) for line in flatnet.run("calls", "--events").stdout.splitlines()]
    codes = {event.get("errorCode") for event in events}
    assert {None, "Client.RequestLimitExceeded"} <= codes
    assert len(events) == sum(call["calls"] for call in flatnet.json("calls"))
    assert flatnet.run("calls", "--since", "soon", check=False).returncode == 1
    flatnet.run("down")
    flatnet.wait_gone()


def test_faults_end_with_the_lab(flatnet):
    file = flatnet.write("small.yaml", SMALL)
    flatnet.run("up", "-f", file)
    flatnet.run("fault", "freeze-imds", "node-1")
    flatnet.run("fault", "delay", "*", "--milliseconds", "1")
    assert [fault["kind"] for fault in flatnet.json("fault", "list")] == ["freezeImds", "delay"]
    wrong = flatnet.run("fault", "deny", "CreateTag", check=False)
    assert wrong.returncode == 1 and "did you mean CreateTags?" in wrong.stderr
    flatnet.run("down")
    flatnet.run("up", "-f", file)
    assert flatnet.json("fault", "list") == []
    flatnet.run("down")


def test_frozen_metadata_does_not_follow(flatnet):
    file = flatnet.write("small.yaml", SMALL)
    flatnet.run("up", "-f", file)
    read = (
        'T=$(curl -sX PUT http://169.254.169.254/latest/api/token -H '
        '"X-aws-ec2-metadata-token-ttl-seconds: 60"); '
        'B=http://169.254.169.254/latest/meta-data/network/interfaces/macs/; '
        'H="X-aws-ec2-metadata-token: $T"; '
        'for M in $(curl -sH "$H" $B); do curl -sH "$H" $B${M}local-ipv4s; echo; done'
    )

    def addresses():
        return set(flatnet.run("exec", "node-1", "--", "sh", "-c", read).stdout.split())

    def held():
        [node] = [n for n in flatnet.json("status")["nodes"] if n["name"] == "node-1"]
        return sum(1 + eni["used"] + eni["free"] for eni in node["enis"])

    wait_until(lambda: held() == len(addresses()), lambda: (held(), addresses()))
    flatnet.run("fault", "freeze-imds", "node-1")
    before = addresses()
    variables = flatnet.json("env")
    ec2 = boto3.client(
        "ec2",
        endpoint_url=variables["AWS_ENDPOINT_URL_EC2"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables["AWS_REGION"],
    )
    filters = [{"Name": "addresses.private-ip-address", "Values": [sorted(before)[0]]}]
    [eni] = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    gone = [a["PrivateIpAddress"] for a in eni["PrivateIpAddresses"] if not a["Primary"]][-1]
    change = {"NetworkInterfaceId": eni["NetworkInterfaceId"], "PrivateIpAddresses": [gone]}
    ec2.unassign_private_ip_addresses(**change)
    assert gone in addresses()
    flatnet.run("fault", "clear")
    assert gone not in addresses()
    ec2.assign_private_ip_addresses(**change)
    flatnet.run("down")
