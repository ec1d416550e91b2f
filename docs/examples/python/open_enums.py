"""Opens the enumerations of answers in a description, so that a client made of it takes values that come later.

    curl -sS "$PROVKEDJA_URL/openapi.json" | python open_enums.py > openapi.json

What is sent keeps its enumerations: a value that the service does not take is better seen before it leaves.
"""

import json
import sys
from typing import Any


def main() -> None:
    """Reads a description, and writes it with strings in place of the enumerations of answers."""
    document = json.load(sys.stdin)
    schemas = document["components"]["schemas"]
    sent = set[str]()
    to_do = names([operation.get("requestBody") for path in document["paths"].values() for operation in path.values()])
    while to_do:
        sent |= to_do
        to_do = names([schemas[name] for name in to_do]) - sent
    document["components"]["schemas"] = {
        name: schema if name in sent else opened(schema) for name, schema in schemas.items()
    }
    json.dump(document, sys.stdout)


def names(part: Any) -> set[str]:
    """Gives the names of the schemas that a part refers to."""
    if isinstance(part, dict):
        own = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set[str]()
        return own.union(*map(names, part.values()))
    return set[str]().union(*map(names, part)) if isinstance(part, list) else set()


def opened(part: Any) -> Any:
    """Gives a part with `x-extensible-enum` where it had a string's `enum`."""
    if isinstance(part, dict):
        is_enum = part.get("type") == "string" and "enum" in part
        return {"x-extensible-enum" if is_enum and key == "enum" else key: opened(each) for key, each in part.items()}
    return [opened(each) for each in part] if isinstance(part, list) else part


if __name__ == "__main__":
    main()
