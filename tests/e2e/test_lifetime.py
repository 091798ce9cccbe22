"""A lab ends with its processes, however they end, and leaves nothing."""

import json
import os
import signal
import subprocess
import time

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


@pytest.mark.parametrize("victim", ["command", "main"])
def test_kill_9_at_any_moment_of_the_start_leaves_nothing(flatnet, victim):
    """The moments before a process has asked to end with its parent are the dangerous ones."""
    path = flatnet.write("small.yaml", SMALL)
    for attempt in range(20):
        demo = flatnet.start("demo", "-f", path)
        time.sleep(attempt * 0.0015)
        victims = [demo.pid]
        if victim == "main":
            victims = [pid for pid, words in flatnet.processes().items() if "main" in words]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        if victim == "command" or victims:
            demo.wait(10)
        else:
            demo.send_signal(signal.SIGINT)
            demo.wait(10)
        flatnet.wait_gone()


def test_down_ends_a_lab_that_is_still_starting(flatnet):
    # Its agent never becomes ready.
    agent = flatnet.binaries / "flatnet-agent"
    agent.unlink()
    agent.write_text("#!/bin/sh\nexec sleep 1000\n")
    agent.chmod(0o755)
    starting = flatnet.start("up", "-f", flatnet.write("small.yaml", SMALL))
    deadline = time.monotonic() + 10
    while "still starting" not in flatnet.run("status", "--name", "small", check=False).stderr:
        assert time.monotonic() < deadline and starting.poll() is None, starting.stdout.read()
        time.sleep(0.02)
    flatnet.run("down", "--name", "small")
    assert starting.wait(10) == 1
    flatnet.wait_gone()


def test_directories_that_are_no_labs_are_left_alone(flatnet):
    precious = flatnet.labs / "precious" / "sub"
    precious.mkdir(parents=True)
    (precious / "thesis").write_text("years")
    os.chown(flatnet.labs / "precious", flatnet.uid, flatnet.uid)
    for command in (["down"], ["up", "-f", flatnet.write("small.yaml", SMALL)]):
        done = flatnet.run(*command, "--name", "precious", check=False)
        assert done.returncode == 1 and "no lab's directory" in done.stderr, done.stderr
    assert (precious / "thesis").read_text() == "years"


def test_of_two_ups_with_one_name_one_wins(flatnet):
    path = flatnet.write("small.yaml", SMALL)
    both = [flatnet.start("up", "-f", path) for _ in range(2)]
    assert sorted(started.wait(60) for started in both) == [0, 1]
    assert flatnet.json("status")["name"] == "small"
    flatnet.run("down")
    flatnet.wait_gone()


def test_a_topology_may_come_from_a_pipe(flatnet):
    flatnet.run("up", "-f", "/dev/stdin", input=SMALL)
    flatnet.run("down")


def test_a_reader_that_goes_away_is_no_success(flatnet):
    demo = flatnet.start("demo", "-f", flatnet.write("small.yaml", SMALL))
    demo.stdout.readline()
    demo.stdout.close()
    assert demo.wait(30) == 128 + signal.SIGPIPE
    flatnet.wait_gone()


def test_a_lab_with_one_pod_says_what_it_cannot_check(flatnet):
    text = SMALL.split("pods:")[0] + "pods:\n  - {node: node-1, count: 1}\n"
    flatnet.run("up", "-f", flatnet.write("one.yaml", text))
    events = flatnet.events("check")
    assert all(event["held"] for event in events if event["event"] == "check")
    notes = " ".join(event["text"] for event in events if event["event"] == "note")
    for unchecked in ("flat", "forged-address", "out-of-band-unassign"):
        assert unchecked in notes, notes
    flatnet.run("down")


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
