"""Plants faults one at a time, and shows which proof sees which: what nobody sees, nobody proves.

A proof counts when it passes on the copy without a fault. Ends with 1 when a fault lives, or its proof could not run.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.mutants.proofs import PROOFS
from tests.mutants.scratch import Outcome, Scratch, scratch

_SEEN = {"failed", "stuck"}
_MARK = {"passed": "·", "failed": "killed", "stuck": "stuck", "unclear": "?"}


@dataclass
class Trial:
    """A fault and what the proofs said of it, in the order in which they were asked."""

    fault: Fault
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def killer(self) -> str | None:
        """Gives the first proof that saw it."""
        return next((proof for proof, outcome in self.outcomes.items() if outcome.verdict in _SEEN), None)


class Mutants:
    """The trials, in one copy."""

    def __init__(self, copy: Scratch, say: Console, asked: Sequence[str]) -> None:
        self._copy, self._say, self._asked = copy, say, asked
        # What each proof says of the copy without a fault.
        self.controls: dict[str, Outcome] = {}

    def try_out(self, fault: Fault, *, all_proofs: bool) -> Trial:
        """Asks the proofs that are expected to see a fault, then the others from cheap to dear, until one does."""
        trial = Trial(fault)
        expected = [name for name in fault.seen_by if name in self._asked]
        for name in self._asked if all_proofs else [*expected, *(each for each in self._asked if each not in expected)]:
            if not self._counts(name):
                continue
            with self._copy.holding(fault):
                trial.outcomes[name] = self._copy.run(PROOFS[name])
            if trial.killer is not None and not all_proofs:
                break
        return trial

    def _counts(self, name: str) -> bool:
        if name not in self.controls:
            with self._copy.holding(None):
                self.controls[name] = outcome = self._copy.run(PROOFS[name])
            well = outcome.verdict == "passed"
            self._say.print(
                f"{'holds' if well else 'DOES NOT HOLD'}  {name} without a fault, {outcome.seconds:.0f} s  {outcome.by}"
            )
        return self.controls[name].verdict == "passed"


def lines(trials: Sequence[Trial], controls: Mapping[str, Outcome]) -> Iterator[str]:
    """Says what is wrong: faults that live, and proofs that say nothing."""
    for trial in trials:
        if trial.killer is None:
            yield f"LIVES  {trial.fault.name}"
        for name, outcome in trial.outcomes.items():
            if outcome.verdict == "unclear":
                yield f"UNCLEAR  {name} could not run with: {trial.fault.name}"
    for name, outcome in controls.items():
        if outcome.verdict != "passed":
            yield f"DOES NOT COUNT  {name} fails without any fault: {outcome.by or outcome.said[-400:]}"


def matrix(trials: Sequence[Trial], asked: Sequence[str]) -> Table:
    """Shows what each proof said of each fault."""
    table = Table("fault", *asked, box=None, pad_edge=False)
    for trial in trials:
        said = (trial.outcomes.get(name) for name in asked)
        table.add_row(trial.fault.name, *(_MARK[each.verdict] if each else "" for each in said))
    return table


def part(text: str) -> slice:
    """Reads which faults are meant: `2/3` is the second of three shares. Raises ArgumentTypeError for what is none."""
    nth, _, of = text.partition("/")
    if not (nth.isdecimal() and of.isdecimal() and 1 <= int(nth) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no part: of two 1/2 and 2/2 are")
    return slice(int(nth) - 1, None, int(of))


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="faults with this in their name")
    parser.add_argument(
        "--part", type=part, default="1/1", metavar="N/M", help="every M-th of them alone, beside others' parts"
    )
    parser.add_argument("--proof", action="append", default=[], choices=list(PROOFS), help="only this proof")
    parser.add_argument("--all", action="store_true", help="ask every proof about every fault, and show the matrix")
    parser.add_argument("--list", action="store_true", help="show the faults, and do nothing")
    return parser.parse_args()


def main() -> int:
    """Tries the chosen faults out, one after the other."""
    # Told to end, it ends what it has started; in the background of a shell neither would be heard, nor by the proofs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given, say = read_arguments(), Console(highlight=False, markup=False, soft_wrap=True, width=200)
    named = [each for each in FAULTS if not given.only or any(text in each.name for text in given.only)]
    chosen = named[given.part]
    asked = [name for name in PROOFS if not given.proof or name in given.proof]
    if given.list:
        for each in chosen:
            say.print(f"{each.name:<52} {', '.join(each.seen_by)}")
        return 0
    trials: list[Trial] = []
    with scratch() as copy:
        mutants = Mutants(copy, say, asked)
        for each in chosen:
            trial = mutants.try_out(each, all_proofs=given.all)
            trials.append(trial)
            seconds = sum(outcome.seconds for outcome in trial.outcomes.values())
            killer = trial.killer
            told = f"{killer}: {trial.outcomes[killer].by}" if killer else "LIVES"
            say.print(f"{'killed' if killer else 'LIVES '}  {each.name:<52} {seconds:4.0f} s  {told}")
    if given.all:
        say.print(matrix(trials, asked))
    wrong = list(lines(trials, mutants.controls))
    for line in wrong:
        say.print(line)
    killed = sum(trial.killer is not None for trial in trials)
    by = sorted({trial.killer for trial in trials if trial.killer is not None}, key=list(PROOFS).index)
    say.print(f"{killed} of {len(trials)} faults killed, by {len(by)} of {len(asked)} proofs: {', '.join(by)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
