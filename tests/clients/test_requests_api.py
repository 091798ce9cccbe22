"""Throttles, failures and missing permissions as unmodified AWS clients see them, retries and all.

Besides the AWS_* variables, needs the lab's own commands: FLATNET_BINARIES is the directory of
`flatnet`, FLATNET_LAB_DIR that of the lab, which is called `clients`. Faults concern actions that
nodes do not use, and are cleared again.
"""

import datetime
import json
import os
import subprocess
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def lab(*arguments):
    program = os.path.join(os.environ["FLATNET_BINARIES"], "flatnet")
    done = subprocess.run(
        [program, "lab", "--name", "clients", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stdout


@pytest.fixture
def fault():
    """Puts faults into force that end with the test."""
    yield lambda *arguments: lab("fault", *arguments)
    lab("fault", "clear")


def client(attempts):
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
    return boto3.client("ec2", config=config)


def refused(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    metadata = answer["ResponseMetadata"]
    return answer["Error"]["Code"], answer["Error"]["Message"], metadata


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def counts(since):
    calls = json.loads(lab("calls", "--since", since, "-o", "json"))
    return {
        (call["action"], call["outcome"]): call["calls"]
        for call in calls
        if call["caller"].endswith(":user/admin")
    }


def test_a_throttle_is_503_and_boto3_retries_it(fault):
    began = now()
    fault("throttle", "DescribeVpcs")
    code, message, metadata = refused(client(3).describe_vpcs)
    assert (code, metadata["HTTPStatusCode"]) == ("RequestLimitExceeded", 503)
    assert message == "Request limit exceeded."
    assert metadata["RetryAttempts"] == 2
    assert counts(began) == {("DescribeVpcs", "RequestLimitExceeded"): 3}
    lab("fault", "clear")
    assert client(1).describe_vpcs()["Vpcs"]


def test_boto3_gets_through_when_the_throttle_ends(fault):
    fault("fail", "DescribeVpcs", "--code", "RequestLimitExceeded",
          "--message", "Request limit exceeded.", "--times", 2)
    answer = client(5).describe_vpcs()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert "no fault" in subprocess_stderr("fault", "list")


def subprocess_stderr(*arguments):
    program = os.path.join(os.environ["FLATNET_BINARIES"], "flatnet")
    command = [program, "lab", "--name", "clients", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def test_failures_have_the_code_and_message_told(fault):
    fault("fail", "DescribeVpcs", "--code", "Unavailable", "--message", "The server is overloaded.")
    code, message, metadata = refused(client(1).describe_vpcs)
    assert (code, message) == ("Unavailable", "The server is overloaded.")
    assert metadata["HTTPStatusCode"] == 503
    client(1).describe_vpcs()


def test_a_denied_action_is_unauthorized_also_in_a_dry_run(fault):
    vpc = client(1).describe_vpcs()["Vpcs"][0]["VpcId"]
    tags = {"Resources": [vpc], "Tags": [{"Key": "denied", "Value": "1"}]}
    fault("deny", "DeleteTags")
    for dry in (False, True):
        code, message, metadata = refused(client(1).delete_tags, DryRun=dry, **tags)
        assert (code, metadata["HTTPStatusCode"]) == ("UnauthorizedOperation", 403)
        assert "ec2:DeleteTags" in message and ":user/admin" in message
    lab("fault", "clear")
    code, _, _ = refused(client(1).delete_tags, DryRun=True, **tags)
    assert code == "DryRunOperation"


def test_delays_pass_before_the_answer(fault):
    fault("delay", "DescribeVpcs", "--milliseconds", 700)
    began = time.monotonic()
    client(1).describe_vpcs()
    assert 0.7 <= time.monotonic() - began < 3


def test_the_audit_trail_has_the_calls(fault):
    began = now()
    fault("deny", "DescribeVpcs")
    refused(client(1).describe_vpcs, Filters=[{"Name": "cidr", "Values": ["10.10.0.0/16"]}])
    lines = lab("calls", "--events", "--since", began).splitlines()
    [event] = [e for e in map(json.loads, lines) if e["eventName"] == "DescribeVpcs"]
    assert event["eventSource"] == "ec2.amazonaws.com"
    assert event["errorCode"] == "Client.UnauthorizedOperation"
    assert event["sourceIPAddress"] == "127.0.0.1"
    assert event["awsRegion"] == os.environ["AWS_DEFAULT_REGION"]
    assert event["userIdentity"]["arn"].endswith(":user/admin")
    assert event["requestParameters"]["filter.1.Value.1"] == "10.10.0.0/16"
    assert len(event["requestID"]) == 36 and event["eventTime"].endswith("Z")
