"""Drives the `flatnet` command as a person would, and looks at what it prints and leaves behind."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ.get("FLATNET_BINARIES", ROOT / "target" / "release"))
NOBODY = 65534


class Flatnet:
    """The command, run by one user with a directory of its own for running labs."""

    def __init__(self, directory, uid):
        self.directory = pathlib.Path(directory)
        self.uid = uid
        self.binaries = self.directory / "bin"
        self.binaries.mkdir()
        for program in ("flatnet", "flatnet-agent", "flatnet-cni"):
            source = BINARIES / program
            if not source.is_file():
                pytest.fail(f"{source} is missing: build it first (make test does)")
            shutil.copy(source, self.binaries / program)
        self.labs = self.directory / "labs"
        self.labs.mkdir(mode=0o700)
        os.chmod(self.directory, 0o755)
        os.chown(self.labs, uid, uid)
        # XDG_RUNTIME_DIR is another user's when the tests switch users.
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "FLATNET_LAB_DIR": str(self.labs),
        }

    def arguments(self, *arguments):
        command = [str(self.binaries / "flatnet"), "lab", *map(str, arguments)]
        if self.uid == os.getuid():
            return command
        user = str(self.uid)
        return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--", *command]

    def run(self, *arguments, check=True, timeout=120, **options):
        done = subprocess.run(
            self.arguments(*arguments),
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout,
            **options,
        )
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments):
        return subprocess.Popen(
            self.arguments(*arguments),
            env=self.environment,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json").stdout)

    def events(self, *arguments, check=True):
        done = self.run(*arguments, "-o", "json", check=check)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def write(self, name, text):
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def processes(self):
        """The processes of this Flatnet's programs, as the host sees them: pid to command line."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                program = os.readlink(entry / "exe")
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if program.startswith(str(self.binaries)):
                found[int(entry.name)] = [argument.decode() for argument in arguments if argument]
        return found

    def pid_of(self, role):
        """The pid of a running lab's `main`, `holder` or `daemon`."""
        pids = [pid for pid, arguments in self.processes().items() if role in arguments]
        assert len(pids) == 1, f"{role}: {self.processes()}"
        return pids[0]

    def wait_gone(self, limit=5):
        deadline = time.monotonic() + limit
        while self.processes():
            assert time.monotonic() < deadline, f"still there: {self.processes()}"
            time.sleep(0.02)

    def end(self):
        """Whatever a test left running ends here."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.wait_gone()


def make(uid):
    directory = tempfile.mkdtemp(prefix=f"flatnet-{uuid.uuid4().hex[:8]}-")
    return Flatnet(directory, uid)


@pytest.fixture
def flatnet():
    """Flatnet as the user who runs the tests."""
    made = make(os.getuid())
    yield made
    made.end()
    shutil.rmtree(made.directory)


@pytest.fixture
def unprivileged():
    """Flatnet as a user without any privilege."""
    if os.getuid() != 0:
        yield from _own()
        return
    made = make(NOBODY)
    yield made
    made.end()
    shutil.rmtree(made.directory)


def _own():
    made = make(os.getuid())
    yield made
    made.end()
    shutil.rmtree(made.directory)


@pytest.fixture(scope="module")
def lab():
    """One lab of the default topology for the tests of a module; they leave it as they find it."""
    made = make(os.getuid())
    made.run("up", "--name", "shared")
    yield made
    made.run("down", check=False)
    made.end()
    shutil.rmtree(made.directory)


SMALL = """\
name: small
account: "111122223333"
region: us-west-2
vpc: {cidr: 10.10.0.0/16}
subnets:
  - {name: one, cidr: 10.10.1.0/24, availabilityZone: us-west-2a}
  - {name: two, cidr: 10.10.2.0/24, availabilityZone: us-west-2b}
endpoints:
  - {service: ec2, subnet: one}
agent:
  env: {IP_COOLDOWN_PERIOD: "1", FLATNET_ENI_MIN_AGE: "0"}
nodes:
  - {name: node-1, instanceType: t3.small, subnet: one}
  - {name: node-2, instanceType: t3.small, subnet: two}
pods:
  - {node: node-1, count: 2}
  - {node: node-2, count: 2}
"""
