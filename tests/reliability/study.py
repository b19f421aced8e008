"""A batch in a home of its own: started, killed, resumed, and looked at from outside.

What the checks here believe are the files that gage leaves and the marks that the programs leave themselves, never
what gage says of itself.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

# The program of a trial: says that it was started, takes a while, and says that it came to its end. The marks are
# made outside of the runs home and are the programs' own testimony.
PROGRAM = """\
echo "$RUN_ID" >> "$MARKS/started.$RUN_ID"
sleep ${FLAG_NAP}
echo "loss: $FLAG_X"
echo "$RUN_ID" >> "$MARKS/ended.$RUN_ID"
"""

OPERATION = """\
[op]
exec = "sh trial.sh"
objective = "loss"
[op.flags]
x = 1
nap = 0.1
"""


class Wrong(Exception):
    """A promise that was broken."""


class Study:
    """A project, its runs home, and the marks of its programs."""

    def __init__(self, gage, place, home=None):
        self.gage = str(Path(gage).resolve())
        self.place = Path(place)
        self.project = self.place / "project"
        self.marks = self.place / "marks"
        self.home = Path(home) if home else self.place / "home"
        self.runs = self.home / "runs"
        for directory in (self.project, self.marks, self.home):
            directory.mkdir(parents=True, exist_ok=True)
        (self.project / "gage.toml").write_text(OPERATION)
        (self.project / "trial.sh").write_text(PROGRAM)
        self.environment = dict(os.environ, GAGE_HOME=str(self.home), MARKS=str(self.marks), NO_COLOR="1")
        self.environment.pop("RUN_ID", None)

    # Commands

    def start(self, words, before=(), **options):
        """Starts a gage command; what it says goes to a file."""
        said = open(self.place / "said", "ab")
        process = subprocess.Popen(
            [*before, self.gage, *words],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            **options,
        )
        said.close()
        return process

    def run(self, *words, timeout=120):
        """A gage command to its end: exit code and everything that it said."""
        try:
            done = subprocess.run(
                [self.gage, *words],
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            raise Wrong(f"gage {' '.join(words)} did not end within {timeout} s: {late.output}") from None
        with open(self.place / "said", "a") as said:
            said.write(done.stdout)
        return done.returncode, done.stdout

    # Processes

    def processes(self):
        """Every living process that has this home in its environment: pid -> (words, environment)."""
        found = {}
        wanted = f"GAGE_HOME={self.home}".encode()
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                environment = Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
                if wanted not in environment:
                    continue
                state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if state not in "ZX":
                found[int(entry)] = (words, environment)
        return found

    def workers(self):
        return [pid for pid, (words, _) in self.processes().items() if b"worker" in words[1:2]]

    def programs(self):
        """The programs of trials, without the processes that they have started: pid -> run id."""
        workers = set(self.workers())
        programs = {}
        for pid, (_, environment) in self.processes().items():
            run = next((e[7:].decode() for e in environment if e.startswith(b"RUN_ID=")), None)
            try:
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if run and (parent in workers or parent == 1):
                programs[pid] = run
        return programs

    # Files

    def batches(self):
        return sorted(path.parent.name[: -len(".meta")] for path in self.runs.glob("[!.]*.meta/study.jsonl"))

    def events(self, batch):
        """The events of a batch's journal. A last line without an end is not one."""
        text = (self.runs / f"{batch}.meta" / "study.jsonl").read_bytes()
        lines = text.split(b"\n")
        return [json.loads(line)["event"] for line in lines[:-1]]

    def kind_of(self, event):
        return event if isinstance(event, str) else next(iter(event))

    def meta(self, run, name):
        try:
            return (self.runs / f"{run}.meta" / name).read_text().strip()
        except FileNotFoundError:
            return None

    def trials(self, batch):
        """Run ids of a batch's trials, by trial number."""
        found = {}
        for path in self.runs.glob("[!.]*.meta"):
            run = path.name[: -len(".meta")]
            if self.meta(run, "sys/batch.json") == json.dumps(batch):
                found.setdefault(int(self.meta(run, "sys/trial.json")) - 1, []).append(run)
        return found

    # Promises

    def check(self, batch, planned, terminated=()):
        """Checks what must hold of a batch that came to its end. `terminated` are the runs whose programs were
        killed from outside. Gives the values of each trial."""
        events = self.events(batch)
        proposed, ended, last = {}, {}, {}
        for event in events:
            kind = self.kind_of(event)
            body = event[kind] if isinstance(event, dict) else None
            if kind == "proposed":
                if body["trial"] in proposed:
                    raise Wrong(f"trial {body['trial']} was proposed twice")
                proposed[body["trial"]] = body
                last[body["trial"]] = (0, body["run"])
            elif kind == "again":
                last[body["trial"]] = (body["attempt"], body["run"])
            elif kind == "ended":
                if body["trial"] in ended:
                    raise Wrong(f"trial {body['trial']} ended twice")
                if body["attempt"] != last[body["trial"]][0]:
                    raise Wrong(f"trial {body['trial']} ended as an attempt that was given up")
                ended[body["trial"]] = body
        if events[-1] != {"closed": {"reason": "done"}}:
            raise Wrong(f"the journal ends with {events[-1]}")
        if sorted(ended) != list(range(planned)):
            raise Wrong(f"trials {sorted(ended)} ended, {planned} were planned")
        runs = self.trials(batch)
        if sorted(runs) != list(range(planned)):
            raise Wrong(f"there are runs of the trials {sorted(runs)}, {planned} were planned")
        for number, end in ended.items():
            run = last[number][1]
            completed = [r for r in runs[number] if self.meta(r, "proc/exit") == "0"]
            if len(completed) > 1:
                raise Wrong(f"trial {number} completed as {completed}")
            if end["status"] == "completed":
                if completed != [run]:
                    raise Wrong(f"trial {number} is recorded as {run}, completed is {completed}")
                if not (self.marks / f"ended.{run}").exists():
                    raise Wrong(f"trial {number} counts as completed, but its program did not end")
                if end["objective"] != float(proposed[number]["values"]["x"]):
                    raise Wrong(f"the result of trial {number} is {end['objective']}")
            elif end["status"] == "terminated":
                if run not in terminated:
                    raise Wrong(f"trial {number} counts as terminated, but nobody killed its program: {end}")
            else:
                raise Wrong(f"trial {number} ended as {end}")
        for mark in self.marks.glob("started.*"):
            if len(mark.read_text().split()) != 1:
                raise Wrong(f"run {mark.name[8:]} was started twice")
        for path in self.runs.glob("*.lease"):
            # That of a batch run may stay when its driver is killed after the end: nobody holds it then.
            if path.name != f"{batch}.lease":
                raise Wrong(f"{path.name} was left behind")
        return {number: body["values"] for number, body in proposed.items()}

    def check_alone(self, timeout=20):
        """Nobody is left running."""
        deadline = time.monotonic() + timeout
        while left := self.processes():
            if time.monotonic() > deadline:
                raise Wrong(f"left running: { {pid: b' '.join(words).decode() for pid, (words, _) in left.items()} }")
            time.sleep(0.02)


def kill(pid):
    """SIGKILL; gone already is as good."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
