"""`flatnet lab demo`: everything it promises holds, for root and for a user without privilege."""

import signal
import subprocess
import time

import pytest


def summary(events):
    checks = {event["name"]: event for event in events if event["event"] == "check"}
    return checks, events[-1]


def assert_whole_demo(flatnet):
    checks, last = summary(flatnet.events("demo"))
    broken = [check for check in checks.values() if not check["held"]]
    assert not broken
    assert last["event"] == "summary" and last["held"] == last["checks"]
    # 28 pods run, so 28 × 27 ordered pairs.
    assert checks["flat"]["text"] == (
        "756 of 756 pod pairs connect, source address kept in 756"
    )
    expected = {
        "flat", "pod-to-node", "node-to-pod", "bulk", "api-endpoint", "tls-control",
        "forged-address", "out-of-band-unassign", "refused-pods", "cni-check", "killed-lab",
        "delete", "addresses-back", "terminate",
        "host-links", "host-rules", "host-nft", "host-mounts", "host-netns", "host-processes",
    }
    assert expected <= checks.keys()
    flatnet.wait_gone()
    assert list(flatnet.labs.iterdir()) == []


def test_the_demo_holds(flatnet):
    assert_whole_demo(flatnet)


def test_the_demo_holds_without_privilege(unprivileged):
    assert_whole_demo(unprivileged)


def test_the_demo_prints_tables_that_fit_100_columns(flatnet):
    text = flatnet.run("demo").stdout
    too_long = [line for line in text.splitlines() if len(line) > 100]
    assert too_long == []
    assert "checks held" in text.splitlines()[-1]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_demo_leaves_nothing(flatnet, sent):
    demo = flatnet.start("demo")
    # Far enough that there are nodes: agents run.
    deadline = time.monotonic() + 20
    while not any(path.endswith("flatnet-agent") for path in _programs(flatnet)):
        assert time.monotonic() < deadline and demo.poll() is None, demo.stdout.read()
        time.sleep(0.01)
    demo.send_signal(sent)
    try:
        demo.wait(10)
    except subprocess.TimeoutExpired:
        pytest.fail("the demo did not end")
    flatnet.wait_gone()
    if sent != signal.SIGKILL:
        assert list(flatnet.labs.iterdir()) == []


def _programs(flatnet):
    return [arguments[0] for arguments in flatnet.processes().values() if arguments]
