"""A lab ends with its processes, however they end, and leaves nothing."""

import json
import os
import signal
import subprocess

import pytest

from conftest import SMALL


def host_state():
    """Links, rules, routes, nft ruleset, mounts and named namespaces of the host."""
    commands = [
        ["ip", "-json", "link"],
        ["ip", "-json", "rule"],
        ["ip", "-json", "route", "show", "table", "all"],
        ["nft", "--stateless", "list", "ruleset"],
        ["cat", "/proc/self/mountinfo"],
        ["ip", "netns", "list"],
    ]
    return [subprocess.run(command, capture_output=True, text=True).stdout for command in commands]


@pytest.mark.parametrize("role", ["main", "holder", "daemon"])
def test_kill_9_of_any_part_leaves_nothing(flatnet, role):
    before = host_state()
    flatnet.run("up", "-f", flatnet.write("small.yaml", SMALL))
    assert flatnet.run("exec", "node-1", "--", "true").returncode == 0
    os.kill(flatnet.pid_of(role), signal.SIGKILL)
    flatnet.wait_gone()
    assert host_state() == before
    # The next command says so, and a new lab of that name can start.
    gone = flatnet.run("status", check=False)
    assert gone.returncode == 1 and "no lab is running" in gone.stderr
    flatnet.run("up", "-f", flatnet.directory / "small.yaml")
    flatnet.run("down")
    flatnet.wait_gone()
    assert host_state() == before


def test_a_command_left_running_inside_ends_with_the_lab(flatnet):
    flatnet.run("up", "-f", flatnet.write("small.yaml", SMALL))
    sleeper = flatnet.start("exec", "node-1", "--", "sleep", "1000")
    assert flatnet.run("exec", "node-1", "--", "pgrep", "-x", "sleep").stdout
    flatnet.run("down")
    assert sleeper.wait(5) == 128 + signal.SIGKILL


def test_two_labs_with_the_same_addresses_run_side_by_side(flatnet):
    path = flatnet.write("small.yaml", SMALL)
    flatnet.run("up", "-f", path, "--name", "one")
    flatnet.run("up", "-f", path, "--name", "two")
    for name in ("one", "two"):
        events = flatnet.events("check", "--name", name)
        assert all(event["held"] for event in events if event["event"] == "check")
    ambiguous = flatnet.run("status", check=False)
    assert ambiguous.returncode == 1
    assert "--name one" in ambiguous.stderr and "--name two" in ambiguous.stderr
    again = flatnet.run("up", "-f", path, "--name", "one", check=False)
    assert again.returncode == 1 and "is running" in again.stderr
    flatnet.run("down", "--name", "one")
    assert flatnet.json("status")["name"] == "two"
    flatnet.run("down", "--name", "two")
    flatnet.wait_gone()


def test_a_lab_without_user_namespaces_says_what_to_do(flatnet):
    """Inside a user namespace whose limit of further ones is 0, the lab cannot start."""
    command = (
        "echo 0 > /proc/sys/user/max_user_namespaces && exec "
        + " ".join(flatnet.arguments("up"))
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", command],
        env=flatnet.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert "user.max_user_namespaces=15000" in done.stderr, done.stderr


def test_a_wrong_topology_is_refused_with_lines(flatnet):
    text = SMALL.replace("t3.small", "t3.smal").replace("vpc:", "vcp:")
    done = flatnet.run("up", "-f", flatnet.write("wrong.yaml", text), check=False)
    assert done.returncode == 2
    assert "wrong.yaml:4" in done.stderr and "vcp" in done.stderr
    assert "t3.smal" in done.stderr and 't3.small' in done.stderr
    assert list(flatnet.labs.iterdir()) == []


def test_the_template_is_a_topology(flatnet):
    text = flatnet.run("template").stdout
    flatnet.run("up", "-f", flatnet.write("copy.yaml", text), "--name", "copy")
    status = json.loads(flatnet.run("status", "-o", "json").stdout)
    assert sum(len(node["pods"]) for node in status["nodes"]) == 28
    flatnet.run("down")
