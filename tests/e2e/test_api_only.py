"""`flatnet lab api`: the control plane without namespaces, for a user without any privilege."""

import json
import os
import statistics
import threading
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"max_attempts": 1, "mode": "standard"})


class Api:
    def __init__(self, flatnet, *arguments):
        started = time.monotonic()
        # `start` merges standard error, where a line for people follows the variables.
        self.process = flatnet.start("api", "--listen", "127.0.0.1:0", "-o", "json", *arguments)
        self.variables = json.loads(self.process.stdout.readline())
        self.seconds = time.monotonic() - started

    def client(self, service, **overrides):
        told = {
            "endpoint_url": self.variables[f"AWS_ENDPOINT_URL_{service.upper()}"],
            "aws_access_key_id": self.variables["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.variables["AWS_SECRET_ACCESS_KEY"],
            "region_name": self.variables["AWS_DEFAULT_REGION"],
            "config": ONCE,
            **overrides,
        }
        return boto3.Session().client(service, **told)

    def end(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def api(unprivileged):
    started = []

    def start(*arguments):
        started.append(Api(unprivileged, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.end()


TOPOLOGY = os.path.join(os.path.dirname(__file__), "..", "..", "data", "lab.yaml")


def test_it_starts_at_once_and_empty(api):
    times = [api().seconds for _ in range(5)]
    # Most of what is left beyond 50 ms is the test's own: making the process, and a busy machine.
    assert statistics.median(times) < 0.25, times
    one = api()
    assert one.client("ec2").describe_vpcs()["Vpcs"] == []
    assert one.client("eks").list_clusters()["clusters"] == []


def test_a_topology_is_there_from_the_start(api, unprivileged):
    with open(TOPOLOGY) as file:
        path = unprivileged.write("lab.yaml", file.read())
    one = api("-f", path)
    ec2 = one.client("ec2")
    assert len(ec2.describe_subnets()["Subnets"]) == 3
    enis = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert len([e for e in enis if e["Description"] == "Amazon EKS demo"]) == 2
    nodes = ec2.describe_instances()["Reservations"]
    assert len(nodes) == 3
    assert one.client("eks").describe_cluster(name="demo")["cluster"]["status"] == "ACTIVE"
    # The limits are EC2's: an m5.large's primary ENI holds nine secondary addresses.
    node = next(i for r in nodes for i in r["Instances"] if i["InstanceType"] == "m5.large")
    eni = node["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assign = {"NetworkInterfaceId": eni, "SecondaryPrivateIpAddressCount": 9}
    made = ec2.assign_private_ip_addresses(**assign)["AssignedPrivateIpAddresses"]
    assert len({a["PrivateIpAddress"] for a in made}) == 9
    with pytest.raises(ClientError) as caught:
        ec2.assign_private_ip_addresses(**{**assign, "SecondaryPrivateIpAddressCount": 1})
    assert caught.value.response["Error"]["Code"] == "PrivateIpAddressLimitExceeded"


def test_parallel_callers_get_distinct_addresses(api, unprivileged):
    with open(TOPOLOGY) as file:
        path = unprivileged.write("lab.yaml", file.read())
    one = api("-f", path)
    ec2 = one.client("ec2", config=Config(retries=ONCE.retries, max_pool_connections=20))
    subnets = ec2.describe_subnets()["Subnets"]
    subnet = next(s for s in subnets if s["CidrBlock"] == "10.10.2.0/24")
    made, lock = [], threading.Lock()

    def create():
        for _ in range(10):
            eni = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]
            with lock:
                made.append(eni["PrivateIpAddress"])

    threads = [threading.Thread(target=create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(set(made)) == 200
    after = ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"][0]
    assert after["AvailableIpAddressCount"] == subnet["AvailableIpAddressCount"] - 200


def test_only_its_own_key_unless_told_otherwise(api):
    foreign = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    with pytest.raises(ClientError) as caught:
        api().client("ec2", **foreign).describe_vpcs()
    assert caught.value.response["Error"]["Code"] == "AuthFailure"
    anybody = api("--any-credentials")
    me = anybody.client("sts", **foreign).get_caller_identity()
    assert me["Arn"] == "arn:aws:iam::111122223333:user/admin"
    with pytest.raises(ClientError) as caught:
        # The printed key is still checked.
        anybody.client("ec2", aws_secret_access_key="wrong").describe_vpcs()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
