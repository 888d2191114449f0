#!/usr/bin/env python3
"""Proves the verifier's operators on abstract numbers with z3.

The package `tests` runs the operators' own source on terms instead of numbers and writes, for each, a file in SMT-LIB 2
that asks for an operand whose outcome is lost. z3 must answer `unsat` to every part of every file, for registers of 64
bits. What it cannot do there in time is asked at the widest width where it can; the table says which and why.

Besides, every operator is put together with what surrounds it and asked about as a whole for registers of 8 bits, and
two questions about operators that are wrong on purpose must be answered `sat`.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

try:
    import z3
except ImportError:
    sys.exit("prove.py: needs z3's Python bindings: `python3 -m pip install z3-solver`")

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (64, 32, 16, 8)

MULTIPLIER = "a product of two unknown words; solvers have no better way than to multiply bit by bit"
DIVIDER = "a quotient is a product that the solver has to guess"

# The widest registers for which z3 answers in time, and why not for 64 bits.
EXCEPTIONS = {
    "mul64": (8, MULTIPLIER),
    "mul32": (16, MULTIPLIER),
    "div64": (8, DIVIDER),
    "div32": (16, DIVIDER),
    "sdiv64": (8, DIVIDER),
    "sdiv32": (16, DIVIDER),
    "mod64": (8, DIVIDER),
    "mod32": (16, DIVIDER),
    "smod64": (8, DIVIDER),
    "smod32": (16, DIVIDER),
}


NAME = re.compile(r"\b[tp]\d+\b")


@dataclass
class Proof:
    """What came of a file."""

    name: str
    width: int
    cases: int
    seconds: float
    slowest: float
    answers: dict

    @property
    def wanted(self):
        return "sat" if self.name.startswith("wrong_") else "unsat"

    @property
    def holds(self):
        return set(self.answers) == {self.wanted}

    def row(self):
        verdict = "proved" if self.holds and self.wanted == "unsat" else "refuted" if self.holds else "NOT PROVED"
        if verdict == "refuted":
            verdict = "refuted, as it must be"
        elif not self.holds:
            verdict += ": " + ", ".join(f"{answer} {parts}" for answer, parts in self.answers.items())
        reason = EXCEPTIONS.get(self.name, (64, ""))[1]
        note = f" ({reason})" if reason and self.width < 64 else ""
        name, bits = self.name, f"{self.width} bits"
        return f"{name:<18} {bits:>7} {self.cases:>5} {self.seconds:>8.1f} s {self.slowest:>7.1f} s  {verdict}{note}"


def main():
    """Asks everything, prints a row as each answer comes, and returns the exit status."""
    options = arguments()
    folder = options.folder or ROOT / "target" / "soundness"
    files = wanted_files(folder, options)
    if not files:
        sys.exit(f"prove.py: no operator is named {' or '.join(options.operators)}; see {folder}/64")
    print(f"{'operator':<18} {'width':>7} {'cases':>5} {'time':>10} {'slowest':>9}")
    begin, proofs = time.time(), []
    with ProcessPoolExecutor(options.jobs) as pool:
        for done in as_completed([pool.submit(prove, file, options.limit) for file in files]):
            proofs.append(done.result())
            print(proofs[-1].row(), flush=True)
    failed = [proof.name for proof in proofs if not proof.holds]
    narrow = sorted(proof.name for proof in proofs if proof.holds and proof.name in EXCEPTIONS and proof.width < 64)
    print(
        f"\n{len(proofs) - len(failed)} of {len(proofs)} hold, {sum(proof.cases for proof in proofs)} cases, "
        f"{sum(proof.seconds for proof in proofs):.0f} s of processor time in {time.time() - begin:.0f} s"
    )
    if narrow:
        print(f"not at 64 bits, but for shorter registers: {', '.join(narrow)}")
    if failed:
        print(f"NOT PROVED: {', '.join(failed)}")
    return 1 if failed else 0


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operators", nargs="*", help="names of files without .smt2, like `add64`; default: all")
    parser.add_argument("--limit", type=float, default=60, metavar="S", help="processor seconds a case may take (60)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="solvers at a time")
    parser.add_argument("--width", type=int, choices=WIDTHS, help="ask about registers of this width only")
    parser.add_argument("--folder", type=Path, help="where the questions are written (target/soundness)")
    return parser.parse_args()


def wanted_files(folder, options):
    """Writes the questions; the files to ask, those with the most to do first."""
    widths = [options.width] if options.width else WIDTHS
    for width in widths:
        write_questions(folder / str(width), width)
    files = []
    for width in widths:
        for file in (folder / str(width)).glob("*.smt2"):
            name = file.stem
            own_width = 8 if name.startswith("whole_") else EXCEPTIONS.get(name, (64,))[0]
            if options.width or own_width == width:
                files.append(file)
    files = [file for file in files if not options.operators or file.stem in options.operators]
    return sorted(files, key=lambda file: (-file.stat().st_size, file))


def write_questions(folder, width):
    """Has the operators write what is to be asked."""
    for old in folder.glob("*.smt2"):
        old.unlink()
    command = ["cargo", "run", "--quiet", "--package", "tests", "--bin", "operator_queries", "--"]
    subprocess.run([*command, str(folder), str(width)], cwd=ROOT, check=True)


def prove(file, limit):
    """Asks every case of a file."""
    head, *cases = file.read_text().split("(push 1)")
    question = Question(head)
    answers, slowest, begin = {}, 0, time.process_time()
    for case in cases:
        part, claim = case.split("\n", 1)
        case_begin = time.process_time()
        answer = ask(question.about(claim.split("(check-sat)")[0]), limit)
        slowest = max(slowest, time.process_time() - case_begin)
        answers.setdefault(answer, set()).add(part.strip(" ;"))
    # Nothing follows from assumptions that nothing satisfies.
    if ask(question.about(""), limit) != "sat":
        answers.setdefault("vacuous", set()).add("assumptions")
    seconds = time.process_time() - begin
    return Proof(file.stem, int(file.parent.name), len(cases), seconds, slowest, answers)


class Question:
    """The lines before the claims of a file: a case needs few of its definitions."""

    def __init__(self, head):
        self.definitions, rest = {}, []
        for line in head.splitlines():
            if line.startswith("(define-fun "):
                name, definition = line.split(" ", 2)[1:]
                self.definitions[name] = (line, set(NAME.findall(definition)))
            else:
                rest.append(line)
        self.assertions = "\n".join(line for line in rest if line.startswith("(assert "))
        self.others = "\n".join(line for line in rest if not line.startswith("(assert "))

    def about(self, claim):
        """Those lines that a claim needs, and the claim."""
        text = self.assertions + "\n" + claim
        needed, open_names = set(), NAME.findall(text)
        while open_names:
            name = open_names.pop()
            if name in self.definitions and name not in needed:
                needed.add(name)
                open_names.extend(self.definitions[name][1])
        # In the order of the file: each uses earlier ones only.
        lines = [line for name, (line, _) in self.definitions.items() if name in needed]
        return "\n".join([self.others, *lines, text])


def ask(text, limit):
    """z3's answer, `unknown` after so many seconds of processor time: others may be using the machine."""
    solver = z3.SolverFor("QF_BV")
    solver.from_string(text)
    done, begin = threading.Event(), time.process_time()

    def watch():
        while not done.wait(0.1):
            if time.process_time() - begin > limit:
                solver.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return str(solver.check())
    except z3.Z3Exception:
        return "unknown"
    finally:
        done.set()
        watcher.join()


if __name__ == "__main__":
    sys.exit(main())
