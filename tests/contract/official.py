"""Judges exchanges against Skolverket's two published documents, with openapi-core and jsonschema-rs.

Which rules there are beyond the documents' letter stands in `official_rules`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from jsonschema_path import SchemaPath
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.contract.official_rules import Found, amended, in_words, strict_json, unannounced, unasked
from tests.contract.official_schemas import CompiledSchemas, Published, Side
from tests.exchanges import Exchange

# Under which path the simulator has what which document describes.
DOCUMENTS: Final = {"/provisioning/v1": "provisioning-api-1.3.2.yaml", "/open-data/v1": "open-data-api-1.0.0.yaml"}


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that one side broke in one place."""

    side: Side
    operation: str
    status: int | None
    place: str
    rule: str

    def __str__(self) -> str:
        answered = "" if self.status is None else f" {self.status}"
        return f"{self.side}, {self.operation}{answered}, {self.place}: {self.rule}"


@dataclass(slots=True)
class Verdict:
    """What was checked of an exchange and what was found; without a document it stood outside of both."""

    document: str | None = None
    operation: str = ""
    request_checked: bool = False
    answer_checked: bool = False
    breaches: Counter[Breach] = field(default_factory=Counter)


class Official:
    """Both documents, ready to judge by; `compiled` schemas are ten times as fast as openapi-core's own."""

    def __init__(self, folder: Path, *, compiled: bool = True) -> None:
        self._documents = {prefix: _Document(folder / name, compiled) for prefix, name in DOCUMENTS.items()}

    def judge(self, exchange: Exchange) -> Verdict:
        """Checks the request, if it is our client's, and the answer, if there was one."""
        path = urlsplit(exchange.url).path
        for prefix, document in self._documents.items():
            if path.startswith(f"{prefix}/"):
                return document.judge(exchange, path.removeprefix(prefix))
        return Verdict()


class _Document:
    def __init__(self, file: Path, compiled: bool) -> None:
        self._name = file.name
        contents: dict[str, Any] = amended(SchemaPath.from_path(file).read_value())
        server = urlsplit(contents["servers"][0]["url"])
        self._host, self._base = f"{server.scheme}://{server.netloc}", server.path
        self._spec = SchemaPath.from_dict(contents)
        self._asked, self._answered = (
            OpenAPI(
                self._spec,
                Config(
                    schema_validators_factory=CompiledSchemas(contents, side) if compiled else None,
                    extra_media_type_deserializers={"application/json": strict_json},
                ),
            )
            for side in _SIDES
        )
        self._bodies = dict(_bodies(contents))

    def judge(self, exchange: Exchange, path: str) -> Verdict:
        asked = self._request(exchange, path)
        try:
            operation = APICallPathFinder(self._spec).find(asked.method, f"{asked.host_url}{asked.path}").operation
        except PathError:
            return self._elsewhere(exchange)
        verdict = Verdict(self._name, (operation / "operationId").read_str())
        if exchange.is_ours:
            verdict.request_checked = True
            errors = in_words(self._asked.request_validator.iter_errors(asked), "request body")
            _add(verdict, "client", None, [*errors, *unasked(exchange, operation, self._bodies.get(verdict.operation))])
        if exchange.status is not None:
            verdict.answer_checked = True
            errors = in_words(self._answered.response_validator.iter_errors(asked, _answer(exchange)), "answer body")
            _add(verdict, "simulator", exchange.status, [*errors, *unannounced(exchange, operation)])
        return verdict

    def _elsewhere(self, exchange: Exchange) -> Verdict:
        if not exchange.is_ours:
            return Verdict()
        verdict = Verdict(self._name, "no operation", request_checked=True)
        _add(verdict, "client", None, [("method and path", "not in the document")])
        return verdict

    def _request(self, exchange: Exchange, path: str) -> "_Asked":
        query = ImmutableMultiDict(parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True))
        headers = Headers(dict(exchange.request_headers))
        return _Asked(
            self._host,
            self._base + path,
            exchange.method.lower(),
            RequestParameters(query=query, header=headers),
            exchange.request_body,
            headers.get("Content-Type", ""),
        )


def _bodies(contents: dict[str, Any]) -> Iterator[tuple[str, Published]]:
    """Yields by operation what is published of its request's body."""
    for operations in contents["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                yield operation["operationId"], Published.of(schema, contents["components"]["schemas"])


_SIDES: Final[tuple[Side, Side]] = ("client", "simulator")


@dataclass
class _Asked:
    """A request as openapi-core wants it; it writes the path's parameters into it."""

    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    body: bytes
    content_type: str


@dataclass(frozen=True)
class _Answered:
    """An answer as openapi-core wants it."""

    status_code: int
    content_type: str
    headers: Headers
    data: bytes


def _answer(exchange: Exchange) -> _Answered:
    headers = Headers(dict(exchange.response_headers))
    return _Answered(exchange.status or 0, headers.get("Content-Type", ""), headers, exchange.response_body)


def _add(verdict: Verdict, side: Side, status: int | None, found: list[Found]) -> None:
    verdict.breaches.update(Breach(side, verdict.operation, status, *one) for one in found)
