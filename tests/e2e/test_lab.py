"""A lab of the default topology: what commands show, and that its checks can fail."""

import json
import subprocess
import time

import pytest


def checks(lab, check=True):
    events = lab.events("check", check=check)
    return {event["name"]: event for event in events if event["event"] == "check"}


def pods(lab):
    return [pod for node in lab.json("status")["nodes"] for pod in node["pods"]]


def test_status_agrees_with_the_topology(lab):
    status = lab.json("status")
    assert [subnet["name"] for subnet in status["subnets"]] == ["nodes-a", "nodes-b", "tight-b"]
    tight = status["subnets"][2]
    assert (tight["usable"], tight["free"]) == (11, 0)
    assert (tight["usedBy"]["eniPrimaries"], tight["usedBy"]["pods"]) == (3, 8)
    assert [len(node["pods"]) for node in status["nodes"]] == [12, 8, 8]
    [refused] = status["refusedPods"]
    assert refused["node"] == "node-3" and refused["code"] == 11
    for fact in ("tight-b", "10.10.3.0/28", "11", "3 ENI", "8 "):
        assert fact in refused["message"], refused
    assert refused["details"]
    for node in status["nodes"]:
        assert node["ready"] and node["agentRestarts"] == 0
        for eni in node["enis"]:
            assert eni["used"] + eni["free"] <= eni["limit"]
    assert all(pod["eni"] for node in status["nodes"] for pod in node["pods"])


def test_exec_runs_in_nodes_pods_and_the_router(lab):
    rules = lab.run("exec", "node-1", "--", "ip", "-json", "rule").stdout
    priorities = {rule["priority"] for rule in json.loads(rules)}
    assert {512, 1536, 32765} <= priorities
    pod = pods(lab)[0]
    for target in (pod["name"], f"{pod['namespace']}/{pod['name']}"):
        addresses = json.loads(
            lab.run("exec", target, "--", "ip", "-json", "address", "show", "eth0").stdout
        )
        [address] = [found for found in addresses[0]["addr_info"] if found["family"] == "inet"]
        assert (address["local"], address["prefixlen"]) == (pod["address"], 32)
        assert addresses[0]["mtu"] == 9001
    assert "flatnet-fabric" in lab.run("exec", "router", "--", "nft", "list", "ruleset").stdout
    conflist = lab.run("exec", "node-2", "--", "sh", "-c", "cat /etc/cni/net.d/*.conflist").stdout
    assert json.loads(conflist)["plugins"][0]["type"] == "flatnet-cni"
    assert lab.run("exec", "node-1", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    unknown = lab.run("exec", "node-9", "--", "true", check=False)
    assert unknown.returncode == 1 and "node-1, node-2, node-3" in unknown.stderr


def test_env_speaks_shell_and_is_verified(lab):
    script = lab.run("env").stdout
    done = subprocess.run(
        ["sh", "-c", f"{script}\nprintf %s \"$AWS_ENDPOINT_URL_EC2\""], capture_output=True, text=True
    )
    assert done.stdout == lab.json("status")["ec2Endpoint"]


def test_metadata_reaches_the_node_but_no_pod(lab):
    """The token is required, and the answer travels one hop only."""
    ask = "import urllib.request as u; print(u.urlopen(u.Request('http://169.254.169.254/latest/{path}', method='{method}', headers={headers}), timeout=2).read().decode())"
    token = ask.format(
        path="api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    )
    got = lab.run("exec", "node-1", "--", "/usr/bin/python3", "-c", token).stdout.strip()
    identity = ask.format(
        path="meta-data/instance-id", method="GET", headers={"X-aws-ec2-metadata-token": got}
    )
    instance = lab.run("exec", "node-1", "--", "/usr/bin/python3", "-c", identity).stdout.strip()
    assert instance == lab.json("status")["nodes"][0]["instance"]
    without = lab.run(
        "exec", "node-1", "--", "/usr/bin/python3", "-c",
        ask.format(path="meta-data/instance-id", method="GET", headers={}), check=False,
    )
    assert without.returncode != 0 and "401" in without.stderr
    pod = next(pod for pod in pods(lab) if pod["name"].startswith("node-1"))
    from_pod = lab.run("exec", pod["name"], "--", "/usr/bin/python3", "-c", token, check=False)
    assert from_pod.returncode != 0 and "timed out" in from_pod.stderr


def test_calls_are_counted(lab):
    calls = lab.json("calls")
    made = {call["action"] for call in calls}
    assert {"CreateNetworkInterface", "AttachNetworkInterface"} <= made
    assert all("assumed-role" in call["caller"] or "user/admin" in call["caller"] for call in calls)


# ---- The checks can fail: each is broken once, by hand, and must say so.


def router(lab, *command):
    return lab.run("exec", "router", "--", *command).stdout


def test_a_missing_source_check_is_noticed(lab):
    chain = ["ip", "flatnet-fabric", "prerouting"]
    listing = router(lab, "nft", "-a", "list", "chain", *chain)
    [line] = [line for line in listing.splitlines() if "fib saddr" in line and "drop" in line]
    router(lab, "nft", "delete", "rule", *chain, "handle", line.rsplit("handle ", 1)[1])
    try:
        # The answers still find no way back, but nothing stops what the pod sends.
        assert not checks(lab, check=False)["forged-address"]["held"]
    finally:
        rule = "fib saddr . iif oif missing counter name anti_spoof drop"
        router(lab, "nft", "add", "rule", *chain, *rule.split())
    assert checks(lab)["forged-address"]["held"]


def test_a_missing_route_is_noticed(lab):
    pod = pods(lab)[0]
    route = router(lab, "ip", "route", "show", f"{pod['address']}/32").strip()
    router(lab, "ip", "route", "del", *route.split())
    try:
        seen = checks(lab, check=False)
        assert not seen["flat"]["held"] and pod["address"] not in seen["flat"]["text"].split(";")[0]
    finally:
        router(lab, "ip", "route", "add", *route.split())
    assert checks(lab)["flat"]["held"]


def test_another_server_in_a_pods_place_is_noticed(lab):
    """Everyone who connects to one pod lands at another: connections work, and are wrong."""
    one, two = pods(lab)[:2]
    rule = f"ip daddr {one['address']} tcp dport 7 ip saddr != {two['address']} dnat to {two['address']}"
    nft = ["exec", "node-1", "--", "nft"]
    lab.run(
        *nft,
        "add table ip broken; add chain ip broken pre { type nat hook prerouting priority -100; };"
        f" add rule ip broken pre {rule}",
    )
    try:
        seen = checks(lab, check=False)["flat"]
        assert not seen["held"] and f"and got {two['namespace']}/{two['name']}" in seen["text"]
    finally:
        lab.run(*nft, "delete table ip broken")
    assert checks(lab)["flat"]["held"]


def test_a_pod_that_may_send_as_its_sibling_is_noticed(lab):
    links = json.loads(lab.run("exec", "node-1", "--", "ip", "-json", "link").stdout)
    veths = [link["ifname"] for link in links if link["ifname"].startswith("eni")]

    def rp_filter(value):
        script = "; ".join(
            f"echo {value} > /proc/sys/net/ipv4/conf/{veth}/rp_filter" for veth in veths
        )
        lab.run("exec", "node-1", "--", "sh", "-c", script)

    rp_filter(0)
    try:
        seen = checks(lab, check=False)["forged-address"]
        assert not seen["held"] and "heard it" in seen["text"], seen
    finally:
        rp_filter(1)
    assert checks(lab)["forged-address"]["held"]


def test_two_checks_at_once_do_not_spoil_each_other(lab):
    both = [lab.start("check") for _ in range(2)]
    outputs = [started.communicate(timeout=60)[0] for started in both]
    assert "FAIL" not in "".join(outputs)
    assert sorted(started.returncode for started in both) == [0, 1]
    assert "a check of this lab is running" in "".join(outputs)


def test_a_command_ends_with_the_exec_that_runs_it(lab):
    running = lab.start("exec", "node-1", "--", "sleep", "7777")
    find = ["exec", "node-1", "--", "pgrep", "-f", "sleep 7777"]
    deadline = time.monotonic() + 5
    while lab.run(*find, check=False).returncode != 0:
        assert time.monotonic() < deadline
    running.terminate()
    assert running.wait(5) == 128 + 15
    assert lab.run(*find, check=False).returncode == 1


def test_masquerading_is_noticed(lab):
    node = "node-1"
    nft = ["exec", node, "--", "nft"]
    lab.run(*nft, "add table ip broken; add chain ip broken post { type nat hook postrouting priority 100; }; add rule ip broken post oifname eth0 masquerade")
    try:
        assert not checks(lab, check=False)["flat"]["held"]
    finally:
        lab.run(*nft, "delete table ip broken")
    assert checks(lab)["flat"]["held"]


def test_a_small_mtu_on_the_way_is_noticed(lab):
    lab.run("exec", "node-2", "--", "ip", "link", "set", "eth0", "mtu", "1500")
    try:
        assert not checks(lab, check=False)["bulk"]["held"]
    finally:
        lab.run("exec", "node-2", "--", "ip", "link", "set", "eth0", "mtu", "9001")
    assert checks(lab)["bulk"]["held"]


@pytest.mark.parametrize("damage", [["rule", "del", "priority", "512", "to"], ["route", "del"]])
def test_cni_check_notices_a_missing_rule_and_route(lab, damage):
    status = lab.json("status")
    node = status["nodes"][0]
    address = node["pods"][0]["address"]
    if damage[0] == "rule":
        undo = ["rule", "add", "priority", "512", "to", address, "lookup", "main", "protocol", "77"]
    else:
        route = lab.run("exec", node["name"], "--", "ip", "route", "show", address).stdout.split()
        undo = ["route", "add", *route]
    lab.run("exec", node["name"], "--", "ip", *damage, address)
    try:
        seen = checks(lab, check=False)["cni-check"]
        assert not seen["held"] and address in seen["text"], seen
    finally:
        lab.run("exec", node["name"], "--", "ip", *undo)
    assert checks(lab)["cni-check"]["held"]


def test_a_killed_agent_comes_back_and_its_pods_never_notice(lab):
    before = pods(lab)
    agent = lab.json("status")["nodes"][0]["agentPid"]
    lab.run("exec", "lab", "--", "kill", "-9", str(agent))
    # While it is down, the pods' traffic flows.
    assert checks(lab, check=False)["flat"]["held"]
    deadline = time.monotonic() + 15
    while not checks(lab, check=False)["cni-check"]["held"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    node = lab.json("status")["nodes"][0]
    assert node["agentRestarts"] == 1 and node["ready"]
    assert pods(lab) == before
