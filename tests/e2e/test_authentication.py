"""STS, EKS and the control plane's tokens, with the unmodified aws CLI on the host and on a node."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

AWS = pathlib.Path(sys.executable).with_name("aws")
REVIEW = r"""
import http.client, json, socket, ssl, sys
address, name, authority, token, method, path = json.loads(sys.argv[1])
context = ssl.create_default_context(cadata=authority)
with context.wrap_socket(socket.create_connection((address, 443), 5), server_hostname=name) as tls:
    connection = http.client.HTTPConnection(name)
    connection.sock = tls
    body = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
    headers = {"Authorization": "Bearer " + token} if token else {}
    connection.request(method, path, json.dumps(body) if method == "POST" else None, headers)
    answer = connection.getresponse()
    print(json.dumps([answer.status, answer.read().decode()]))
"""
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@pytest.fixture(scope="module")
def variables(lab):
    return lab.json("env")


@pytest.fixture(scope="module")
def cluster(lab, variables):
    return aws(variables, "eks", "describe-cluster", "--name", "demo")["cluster"]


def aws(variables, *arguments):
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    done = subprocess.run(
        [AWS, *arguments, "--output", "json"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def aws_on_node(lab, node, *arguments):
    """The CLI on a node, with the credentials of the node's role from the metadata service."""
    endpoint = lab.json("status")["ec2EndpointInVpc"]
    settings = [f"AWS_ENDPOINT_URL_STS={endpoint}", f"AWS_ENDPOINT_URL_EKS={endpoint}"]
    settings += ["AWS_DEFAULT_REGION=us-west-2", "HOME=/nonexistent"]
    done = lab.run(
        "exec", node, "--", "env", *settings, AWS, *arguments, "--output", "json", timeout=60
    )
    return json.loads(done.stdout)


def ask(lab, cluster, token, method="POST", path=REVIEWS):
    """What the control plane answers a node: status and body."""
    import base64

    authority = base64.b64decode(cluster["certificateAuthority"]["data"]).decode()
    name = cluster["endpoint"].removeprefix("https://")
    address = lab.json("status")["controlPlane"]["addresses"][0]
    told = json.dumps([address, name, authority, token, method, path])
    done = lab.run("exec", "node-1", "--", sys.executable, "-c", REVIEW, told, timeout=60)
    status, body = json.loads(done.stdout)
    return status, json.loads(body) if body.startswith("{") else body


def token(variables, name="demo"):
    return aws(variables, "eks", "get-token", "--cluster-name", name)["status"]["token"]


def test_the_administrator(lab, variables, cluster):
    me = aws(variables, "sts", "get-caller-identity")
    assert me["Arn"] == "arn:aws:iam::111122223333:user/admin"
    status, review = ask(lab, cluster, token(variables))
    user = review["status"]["userInfo"]
    assert (status, user["username"]) == (201, "kubernetes-admin")
    assert user["groups"] == ["system:masters", "system:authenticated"]


def test_a_node_is_the_node_that_ec2_knows(lab, variables, cluster):
    me = aws_on_node(lab, "node-2", "sts", "get-caller-identity")
    instance = me["UserId"].split(":")[1]
    assert me["Arn"].endswith(f":assumed-role/AmazonEKSNodeRole/{instance}")
    made = aws_on_node(lab, "node-2", "eks", "get-token", "--cluster-name", "demo")
    status, review = ask(lab, cluster, made["status"]["token"])
    found = aws(variables, "ec2", "describe-instances", "--instance-ids", instance)
    name = found["Reservations"][0]["Instances"][0]["PrivateDnsName"]
    user = review["status"]["userInfo"]
    assert (status, user["username"]) == (201, f"system:node:{name}")
    assert {"system:bootstrappers", "system:nodes"} <= set(user["groups"])


def assumed(variables, arn):
    made = aws(
        variables, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "tester"
    )["Credentials"]
    return {
        **variables,
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        "AWS_SESSION_TOKEN": made["SessionToken"],
    }


def test_everybody_else_gets_401_and_the_log_says_why(lab, variables, cluster):
    foreign = assumed(variables, "arn:aws:iam::999988887777:role/AmazonEKSNodeRole")
    stranger = assumed(variables, "arn:aws:iam::111122223333:role/dev")
    elsewhere = {**variables, "AWS_ENDPOINT_URL_STS": "https://sts.example.com"}
    wrong_key = {**variables, "AWS_SECRET_ACCESS_KEY": "x"}
    reasons = {
        "there is no bearer token": "",
        "the token is malformed": "k8s-aws-v1.AAAA",
        "made for another cluster, or changed": token(variables, "other"),
        "cluster demo: the signature does not match": token(wrong_key),
        "of another account": token(foreign),
        "has no access entry": token(stranger),
        "not for an STS endpoint of this lab": token(elsewhere),
    }
    log = lab.labs / "shared" / "log"
    for reason, bad in reasons.items():
        before = len(log.read_text())
        status, answer = ask(lab, cluster, bad)
        assert (status, answer["kind"], answer["reason"]) == (401, "Status", "Unauthorized"), reason
        assert reason in log.read_text()[before:], reason


def test_no_node_can_become_another(lab, variables):
    """The nodes' role trusts EC2 alone: nobody names a session of it after an instance."""
    role = "arn:aws:iam::111122223333:role/AmazonEKSNodeRole"
    instance = lab.json("status")["nodes"][1]["instance"]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    done = subprocess.run(
        [AWS, "sts", "assume-role", "--role-arn", role, "--role-session-name", instance],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode != 0 and "AccessDenied" in done.stderr, done.stderr


def test_what_needs_no_token(lab, cluster):
    for path in ("/version", "/healthz", "/livez", "/readyz"):
        assert ask(lab, cluster, "", "GET", path)[0] == 200, path
    assert ask(lab, cluster, "", "GET", "/api/v1/pods")[0] == 401


def test_clusters_and_their_x_enis(variables, cluster):
    assert aws(variables, "eks", "list-clusters") == {"clusters": ["demo"]}
    config = cluster["resourcesVpcConfig"]
    group = config["clusterSecurityGroupId"]
    enis = aws(
        variables, "ec2", "describe-network-interfaces",
        "--filters", "Name=description,Values=Amazon EKS demo", f"Name=group-id,Values={group}",
    )["NetworkInterfaces"]
    assert sorted(eni["SubnetId"] for eni in enis) == sorted(config["subnetIds"])
    assert cluster["status"] == "ACTIVE" and config["endpointPrivateAccess"]
