"""The real plugin, executed on a node as a container runtime would."""

import json

import pytest

VERSIONS = ["0.4.0", "1.0.0", "1.1.0"]


@pytest.fixture(scope="module")
def plugin(lab):
    """Executes the plugin on node-1; answers its exit status and what it printed."""

    def call(command, version="1.1.0", container=None, netns=None, **config):
        environment = {"CNI_COMMAND": command, "CNI_PATH": str(lab.binaries)}
        if container:
            environment |= {"CNI_CONTAINERID": container, "CNI_IFNAME": "eth0"}
        if netns:
            environment["CNI_NETNS"] = netns
        document = {"cniVersion": version, "name": "flatnet", "type": "flatnet-cni"}
        document |= {"agentSocket": agent_socket(lab)} | config
        variables = [f"{name}={value}" for name, value in environment.items()]
        done = lab.run(
            "exec", "node-1", "--", "env", *variables, str(lab.binaries / "flatnet-cni"),
            input=json.dumps(document), check=False,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None

    return call


def conflist(lab):
    text = lab.run("exec", "node-1", "--", "sh", "-c", "cat /etc/cni/net.d/*.conflist").stdout
    return json.loads(text)


def agent_socket(lab):
    return conflist(lab)["plugins"][0]["agentSocket"]


def status(lab):
    """The agent's own answer to `status`."""
    ask = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        " s.sendall(b'{\"version\":1,\"op\":\"status\"}\\n'); print(s.makefile().readline())"
    )
    done = lab.run("exec", "node-1", "--", "/usr/bin/python3", "-c", ask, agent_socket(lab))
    return json.loads(done.stdout)["result"]


def attachments(lab):
    return [
        {"containerID": pod["containerID"], "ifname": pod["ifname"]} for pod in status(lab)["pods"]
    ]


def objects(lab):
    """Routes, rules and links of the node."""
    return [
        sorted(lab.run("exec", "node-1", "--", "ip", *what).stdout.splitlines())
        for what in (["route", "show", "table", "all"], ["rule"], ["-o", "-br", "link"])
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_version_names_all_that_the_conflist_offers(lab, plugin, version):
    code, answer = plugin("VERSION", version)
    assert code == 0 and answer["cniVersion"] == version
    assert answer["supportedVersions"] == VERSIONS == conflist(lab)["cniVersions"]


def test_status_says_that_the_node_is_ready(plugin):
    assert plugin("STATUS") == (0, None)


@pytest.mark.parametrize("command", ["STATUS", "GC"])
@pytest.mark.parametrize("version", ["0.4.0", "1.0.0"])
def test_what_a_version_does_not_have_is_refused(plugin, command, version):
    code, answer = plugin(command, version)
    assert code == 1 and answer["code"] == 7 and answer["cniVersion"] == version
    assert command in answer["msg"] and version in answer["msg"]


def test_gc_with_all_valid_attachments_changes_nothing(lab, plugin):
    before, pods = objects(lab), status(lab)["pods"]
    assert len(pods) == 12
    valid = attachments(lab) + [{"containerID": "gone", "ifname": "eth0"}]
    assert plugin("GC", **{"cni.dev/valid-attachments": valid}) == (0, None)
    assert objects(lab) == before and status(lab)["pods"] == pods


def test_gc_without_its_list_frees_nothing(lab, plugin):
    pods = status(lab)["pods"]
    code, answer = plugin("GC")
    assert code == 1 and answer["code"] == 7 and "cni.dev/valid-attachments" in answer["msg"]
    assert status(lab)["pods"] == pods


def test_gc_frees_what_the_runtime_forgot(lab, plugin):
    valid, before, netns = attachments(lab), objects(lab), "/run/netns-forgotten"
    # A namespace of its own, which ends with the test.
    made = f"touch {netns} && unshare --net={netns} true"
    lab.run("exec", "node-1", "--", "sh", "-c", made)
    try:
        code, result = plugin("ADD", container="forgotten", netns=netns)
        assert code == 0, result
        address = result["ips"][0]["address"].split("/")[0]
        assert any(address in line for line in objects(lab)[1])
        assert plugin("CHECK", container="forgotten", netns=netns, prevResult=result) == (0, None)
        assert plugin("GC", **{"cni.dev/valid-attachments": valid}) == (0, None)
        assert attachments(lab) == valid and objects(lab) == before
        code, answer = plugin("CHECK", container="forgotten", netns=netns, prevResult=result)
        assert code == 1 and answer["code"] == 3
    finally:
        plugin("DEL", container="forgotten")
        lab.run("exec", "node-1", "--", "sh", "-c", f"umount {netns}; rm {netns}")


@pytest.mark.parametrize("version", VERSIONS)
def test_check_of_an_unknown_container_says_so(plugin, version):
    code, answer = plugin(
        "CHECK", version, container="nobody", netns="/proc/self/ns/net", prevResult={}
    )
    assert code == 1 and (answer["code"], answer["cniVersion"]) == (3, version)


def test_an_unknown_command_and_version_are_refused(plugin):
    assert plugin("UPDATE")[1]["code"] == 4
    assert plugin("STATUS", "1.2.0")[1]["code"] == 1
