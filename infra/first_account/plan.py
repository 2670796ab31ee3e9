"""All checks in order, and a run of them in parallel lanes, with the results and the removal of everything at the end.
"""

import threading

from botocore.exceptions import BotoCoreError, ClientError

from first_account import network, probes, reads, results, sale
from first_account.account import run_prefix
from first_account.run import CannotTry, Stopped
from first_account.state import Thing

CHECKS = (*reads.CHECKS, *probes.CHECKS, *sale.CHECKS, *network.CHECKS)
# The first lane ends before the others start in parallel, because it decides how their stacks are made.
FIRST, LANES = "first", ("probes", "sale", "network")
NEED_BUILD = {"rules-refuse", *(check.name for check in CHECKS if check.lane in ("sale", "network"))}
REMOVAL_MINUTES = 5
STACKS = (
    "rule-a", "rule-b", "rule-c", "refused", "echo", "ready", "users", "hidden", "warm", "ttl", "zones", "bus", "sale", "net",
)
APIS = ("open", "signed", "tokens")


def everything(run, account):
    """Returns everything that a run of this name may have made, in case its state file is lost."""
    prefix = run_prefix(run)
    things = [Thing("stack", f"{prefix}-{part}") for part in STACKS] + [Thing("api", f"{prefix}-{part}") for part in APIS]
    return [*things, Thing("policy", f"{prefix}-sale"), Thing("table", f"{prefix}-restored"), Thing("bucket", f"{prefix}-code-{account}")]


def select(names):
    """Returns the named checks and the checks that they build on, in order. Returns all checks without a name."""
    by_name = {check.name: check for check in CHECKS}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ValueError(f"--only: no check is called {', '.join(unknown)}. --list shows the names")
    wanted, more = set(names or by_name), list(names)
    while more:
        more = [name for name in by_name[more.pop()].after if name not in wanted] + more
        wanted |= set(more)
    return [check for check in CHECKS if check.name in wanted]


def minutes(checks):
    """Returns the minutes of the longest lane and of the removal."""
    first, *lanes = [sum(check.minutes for check in checks if check.lane == lane) for lane in (FIRST, *LANES)]
    return first + max(lanes) + REMOVAL_MINUTES


def dollars(checks):
    """Returns the maximum cost."""
    return sum(check.dollars for check in checks)


def run_lane(run, lane, checks, done):
    """Runs the checks of a lane one after the other."""
    run.lane.name = lane
    outcomes = {}
    try:
        for check in checks:
            if check.begin:
                begin(run, check)
        for check in checks:
            result = attempt(run, check, outcomes)
            outcomes[check.name] = result.outcome
            done(result)
    except Stopped:
        return
    finally:
        del run.lane.name


def begin(run, check):
    """Starts the slow work of checks. The check itself reports a failure."""
    try:
        check.begin(run)
    except Exception as problem:  # as in attempt
        run.say(f"{check.name} did not begin: {problem}")


def attempt(run, check, outcomes):
    """Runs one check. An error becomes the check's result, and the other checks go on."""
    started = run.clock.now()
    missing = [name for name in check.needs if not getattr(run.options, name)]
    blocked = [name for name in check.after if outcomes.get(name) == results.NOT_TRIED]
    run.say(f"{check.name}: {check.question}")
    try:
        if missing:
            raise CannotTry("it needs " + " and ".join(f"--{name}" for name in missing))
        if blocked:
            raise CannotTry(f"{' and '.join(blocked)} could not be tried")
        seen = check.run(run)
        outcome, text = (results.AS_EXPECTED if seen.agrees else results.DIFFERS), seen.text
    except CannotTry as problem:
        outcome, text = results.NOT_TRIED, str(problem)
    except (ClientError, BotoCoreError) as problem:
        outcome, text = results.NOT_TRIED, f"AWS answered: {problem}"
    except Exception as problem:  # a bug in one check must not keep the others from being tried
        outcome, text = results.NOT_TRIED, f"the check itself failed: {type(problem).__name__}: {problem}"
    return results.of(check, outcome, text, run.clock.now() - started)


def run_all(run, checks, done, side_by_side=True):
    """Runs all lanes. An interruption ends them early, and is raised again after their end."""
    run_lane(run, FIRST, [check for check in checks if check.lane == FIRST], done)
    lanes = [(lane, [check for check in checks if check.lane == lane]) for lane in LANES]
    if not side_by_side:
        for lane, part in lanes:
            run_lane(run, lane, part, done)
        return
    threads = [threading.Thread(target=run_lane, args=(run, lane, part, done)) for lane, part in lanes if part]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
    except KeyboardInterrupt:
        run.say("interrupted: lets calls under way end, then removes everything")
        run.clock.stop.set()
        for thread in threads:
            thread.join()
        raise
