"""The command line: ``python -m debuggers list | run | scan | demo``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from debuggers.debugger import Severity, all_debuggers, plain
from debuggers.errors import BadParameter, FileProblem, InputError, UnknownDebugger, one_line
from debuggers.subject import Subject
from debuggers.task import Task

if TYPE_CHECKING:
    from debuggers.services.service_model import ServiceModel

DONE, FOUND, BAD_INPUT, FAILED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done; 1: findings at or above ``--fail-on``; 2: bad input, in one line; 3: our own fault, with a traceback.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except InputError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception:  # noqa: BLE001 - a fault of ours must not look like "findings" to a script
        traceback.print_exc()
        return FAILED
    else:
        return code
    return DONE


def _list(options: argparse.Namespace) -> int:
    found = [
        {
            "slug": d.slug,
            "title": d.title,
            "section": d.section,
            "question": d.question,
            "needs": sorted(d.needs),
            "tasks": sorted(d.tasks),
            "params": [
                {"name": p.name, "default": plain(p.default), "help": p.spec.help, "expected": p.spec.expected}
                for p in d.params.declared()
            ],
        }
        for d in all_debuggers().values()
    ]
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for d in found:
            print(f"{d['slug']:16} {d['question']}")
    return DONE


def _run(options: argparse.Namespace) -> int:
    debuggers = all_debuggers()
    if options.slug not in debuggers:
        raise UnknownDebugger(options.slug, tuple(debuggers))
    debugger = debuggers[options.slug]
    params = debugger.params.parse(_pairs(options.param))
    subject = _subject(options)
    started = time.perf_counter()
    result = debugger.run(subject, params)
    seconds = time.perf_counter() - started
    table = result.table()
    answer = {
        "debugger": debugger.slug,
        "params": plain(params.as_dict()),
        "rows": len(subject.test),
        "seconds": round(seconds, 3),
        "findings": [f.as_dict(debugger.slug) for f in result.findings],
        "table": [{str(k): plain(v) for k, v in record.items()} for record in table.to_dict("records")],
    }
    # What a debugger found beside its table, where it says so.
    if hasattr(result, "details"):
        answer["details"] = plain(result.details())
    if options.csv:
        _write(options.csv, lambda path: table.to_csv(path, index=False))
    _emit(answer, options.json, f"{len(table):,} rows, {len(result.findings)} findings in {seconds:.1f} s")
    return DONE


def _scan(options: argparse.Namespace) -> int:
    from debuggers.report import scan_html
    from debuggers.scan import scan

    done = scan(_subject(options))
    if options.html:
        _write(options.html, lambda path: path.write_text(scan_html(done), encoding="utf-8"))
    _emit(done.as_dict(), options.json, f"{len(done.findings)} findings in {done.seconds:.1f} s")
    if options.json:
        for _, finding in done.findings:
            print(f"{finding.severity:6} {finding.headline}")
    if options.fail_on is None:
        return DONE
    limit = Severity(options.fail_on).rank
    return FOUND if any(f.severity.rank >= limit and f.confirmed is not False for _, f in done.findings) else DONE


def _demo(options: argparse.Namespace) -> int:
    from debuggers.data.demos import write_demo

    def progress(share: float, text: str) -> None:
        print(f"{share:4.0%} {text}", file=sys.stderr)

    for path in write_demo(options.name, options.out, progress):
        print(path)
    return DONE


def _subject(options: argparse.Namespace) -> Subject:
    from debuggers.matching import Roles
    from debuggers.opening import read_files
    from debuggers.sandbox import trust

    for path in (options.model, options.data, options.train, options.benchmark):
        if path is not None and not path.is_file():
            raise FileProblem(str(path), "it is no file" if path.exists() else "there is no such file")
    roles = Roles(
        target=options.target,
        predictions=_names(options.predictions),
        task=None if options.task is None else Task(options.task),
        classes=_names(options.classes) or None,
        sensitive=_names(options.sensitive),
        ignore=_names(options.ignore),
        row_id=options.row_id,
        threshold=options.threshold,
    )
    trust.serving_on("127.0.0.1")  # nobody but the person at this command line
    files = read_files(
        options.model, options.data, options.train, options.benchmark, task=roles.task, consent=options.trust_model
    )
    if options.service:
        files = replace(files, model=_service(options, roles.task))
    understanding = files.understand(roles)
    for note in understanding.notes:
        print(f"note: {note}", file=sys.stderr)
    if understanding.problems:
        raise understanding.problems[0]
    assert understanding.subject is not None
    return understanding.subject


def _service(options: argparse.Namespace, task: Task | None) -> ServiceModel:
    """Ask a service, at any address: the person at this command line typed it."""
    from debuggers.services.service_model import PROTOCOLS, Secret, Service, connect

    protocol = PROTOCOLS[options.service_model is not None]
    name, colon, value = os.environ.get("FAULTLINE_SERVICE_HEADER", "").partition(":")
    secrets = {"header": Secret(options.service, name.strip(), value.strip())} if colon else {}
    service = Service(options.service, protocol, options.service_model or "", "header" if colon else "", task)
    return connect(service, allowed="private", secrets=secrets)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadParameter(name, "", "name=value")
        pairs[name] = value
    return pairs


def _emit(answer: dict[str, Any], out: Path | None, summary: str) -> None:
    """Write JSON to a file and say so, or to standard output."""
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False)
    if out is None:
        print(text)
    else:
        _write(out, lambda path: path.write_text(text + "\n", encoding="utf-8"))
        print(f"{out}: {summary}")


def _write(path: Path, write: Any) -> None:
    try:
        write(path)
    except OSError as problem:
        raise FileProblem(str(path), problem.strerror or one_line(problem)) from None


class _Parser(argparse.ArgumentParser):
    """Say what is wrong in one line, without the usage above it."""

    def error(self, message: str) -> Any:
        self.exit(BAD_INPUT, f"error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m debuggers", description="Find where a model breaks.")
    commands = parser.add_subparsers(required=True, metavar="command", parser_class=_Parser)
    listing = commands.add_parser("list", help="name every debugger")
    listing.add_argument("--json", action="store_true", help="in full, as JSON")
    listing.set_defaults(command=_list)

    run = commands.add_parser("run", help="ask one question")
    run.add_argument("slug", help="a debugger's name, as `list` gives it")
    run.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--csv", type=Path, metavar="OUT")
    run.set_defaults(command=_run)

    scan = commands.add_parser("scan", help="ask every question that applies")
    scan.add_argument("--html", type=Path, metavar="OUT")
    scan.add_argument("--fail-on", choices=[str(s) for s in Severity], help="exit with 1 from this severity on")
    scan.set_defaults(command=_scan)
    for command in (run, scan):
        _add_inputs(command)

    demo = commands.add_parser("demo", help="write a demo's model and tables")
    demo.add_argument("name")
    demo.add_argument("--out", type=Path, required=True, metavar="DIR")
    demo.set_defaults(command=_demo)
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    inputs = parser.add_argument_group("inputs")
    inputs.add_argument("--model", type=Path, help="model file; leave out where --predictions names a column")
    inputs.add_argument("--data", type=Path, required=True, help="test table")
    inputs.add_argument(
        "--trust-model",
        action="store_true",
        help="run model files that are programs (pickle, joblib, cloudpickle, skops with unknown types) in the jail: "
        "without network, files of yours, or other programs, and with bounded memory and time",
    )
    inputs.add_argument(
        "--service",
        metavar="URL",
        help="ask a prediction service, not a model file: MLflow scoring, or with --service-model Open Inference; "
        "FAULTLINE_SERVICE_HEADER='Name: value' goes along",
    )
    inputs.add_argument("--service-model", metavar="NAME", help="the model's name on an Open Inference service")
    inputs.add_argument("--target", help="column of the truth")
    inputs.add_argument("--train", type=Path, help="training table")
    inputs.add_argument("--benchmark", type=Path, help="model to compare with")
    inputs.add_argument("--sensitive", metavar="A,B", help="columns whose groups are compared")
    inputs.add_argument("--predictions", metavar="A,B", help="columns that hold predictions")
    inputs.add_argument("--ignore", metavar="A,B", help="columns that are no inputs")
    inputs.add_argument("--row-id", metavar="COLUMN")
    inputs.add_argument("--task", choices=["binary", "multiclass", "regression"], help="where the file does not say")
    inputs.add_argument("--classes", metavar="A,B", help="labels in the order of the model's outputs")
    inputs.add_argument("--threshold", type=float, default=0.5, help="a binary model says positive above it")
    inputs.add_argument("--json", type=Path, metavar="OUT", help="write JSON here instead of to standard output")


if __name__ == "__main__":
    sys.exit(main())
