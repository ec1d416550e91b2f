"""Where the service's code speaks of codes: the literals in the places that take one, found in its syntax trees."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

# Who takes a code, and which of the arguments it is; by what the code is a code of.
_ISSUES = {
    **dict.fromkeys(
        ["Issue", "TryAgain", "NotTried", "SlowDown", "TokenRefused", "Refusal", "TargetError", "Fault"], 0
    ),
    **dict.fromkeys(["job_problem", "issue", "_error"], 0),
    "Finish": 1,
    "Cause": 2,
    "Breach": 1,
    "LeftOut": 0,
    "_message": 1,
    "MarkLost": 1,
    "mark_lost": 4,
}
_REFUSALS = {"_refuse": 1, "_note": 1, "_open": 2}
_TROUBLES = {"_found": 1, "OurFault": 0, "DatabaseUnusable": 0, "_unusable": 0}
_FILES_OF_TROUBLES = {"diagnosis.py", "outages.py"}
# Names that hold codes, and functions that give them.
_NAMES = {"code", "CIRCUIT_OPEN", "_CODE_OF_KEYWORD", "faults", "_FAULTS", "_SQLSTATES", "_TEXTS", "_INSTEAD"}
# What is made in SQL begins with its code and its severity.
_IN_SQL = re.compile(r"(?<!IN )\('([a-z_]+)', '(error|warning)'")
_GIVERS = {"tls_fault", "outage_code"}


def code_literals() -> dict[str, set[str]]:
    """Gives the literals by what they are codes of: issues, refusals, troubles, checks."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, tree in _trees():
        refusals = {"BodyError": 1, "_error_at": 1, "_said": 0, **(_REFUSALS if path.parts[0] == "sources" else {})}
        takers = {"troubles": _TROUBLES, "refusals": refusals, "issues": _ISSUES}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                if path.name == "credential_check.py" and _name(node.func) == "_found":
                    found["checks"] |= _texts(node.args[0])
                if _name(node.func) == "get" and path == Path("api/http/refusals.py") and len(node.args) > 1:
                    found["refusals"] |= _texts(getattr(node.args[1], "elts", [None])[0])
                for kind, names in takers.items():
                    place = names.get(_name(node.func))
                    if place is not None and len(node.args) > place:
                        found[kind] |= _texts(node.args[place])
            elif isinstance(node, ast.FunctionDef) and node.name == "url_fault":
                found["refusals"] |= {
                    text for each in ast.walk(node) if isinstance(each, ast.Return) for text in _texts(each.value)
                }
            elif isinstance(node, ast.AnnAssign) and _name(node.target) == "_REFUSALS" and path.name == "refusals.py":
                found["refusals"] |= {
                    text for each in getattr(node.value, "values", ()) for text in _texts(each.elts[0])
                }
            else:
                found["troubles" if path.name in _FILES_OF_TROUBLES else "issues"] |= _of_names(node)
    found["issues"] |= {code for code, _ in _of_statements()}
    return found


def severities() -> Iterator[tuple[str, str]]:
    """Gives the code and the severity of each issue that the code makes of literals."""
    for _, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) == "Issue":
                given = _texts(node.args[1]) if len(node.args) > 1 else {"error"}
                yield from ((code, severity) for code in _texts(node.args[0]) for severity in given)
    yield from _of_statements()


def _of_statements() -> Iterator[tuple[str, str]]:
    """Gives the code and the severity of each issue that a function of the database makes."""
    for file in sorted((ROOT / "app/db/sql").glob("*.sql")):
        yield from _IN_SQL.findall(file.read_text(encoding="utf-8"))


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted((ROOT / "app").rglob("*.py")):
        path = file.relative_to(ROOT / "app")
        if path.parts[0] not in {"simulator", "catalogue", "demo", "local"}:
            yield path, ast.parse(file.read_text(encoding="utf-8"))


def _of_names(node: ast.AST) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) if name in _GIVERS:
            return {text for each in ast.walk(node) if isinstance(each, ast.Return) for text in _texts(each.value)}
        case ast.keyword(arg=name, value=value) if name in _NAMES:
            return _texts(value)
        case ast.Assign(targets=[target], value=value):
            pass
        case ast.AnnAssign(target=target, value=value):
            pass
        case _:
            return set()
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        return {text for one, given in pairs if _name(one) in _NAMES for text in _texts(given)}
    if isinstance(target, ast.Tuple):
        # `code, rest = ("a", 1) if … else ("b", 2)`: the code comes first.
        given = [value.body, value.orelse] if isinstance(value, ast.IfExp) else []
        firsts = [each.elts[0] for each in given if isinstance(each, ast.Tuple)]
        return {text for each in firsts if _name(target.elts[0]) in _NAMES for text in _texts(each)}
    return _texts(value) if _name(target) in _NAMES else set()


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _texts(node: ast.AST | None) -> set[str]:
    """Gives the texts that an expression may have as its value, without those that it only compares or looks up."""
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return _texts(one) | _texts(other)
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.Dict(values=parts):
            return {text for part in parts for text in _texts(part)}
        case ast.Starred(value=inner) | ast.Subscript(value=inner):
            return _texts(inner)
    return set()
