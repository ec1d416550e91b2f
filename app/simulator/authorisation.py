"""The authorisation server's endpoints: `/transaction` and the key set that its tokens are checked with."""

from app.simulator.answers import Answer, read_json
from app.simulator.provisioning import Incoming
from app.simulator.tokens import BadTransaction, read_transaction
from app.simulator.world import World


def answer_transaction(world: World, incoming: Incoming) -> Answer:
    """Answers a transaction with a bearer token, or 400 with an error object of GNAP's kind."""
    if incoming.call.method != "POST":
        return Answer(405, {"error": {"code": "invalid_request", "description": "only POST"}}, {"Allow": "POST"})
    try:
        organisation, access = read_transaction(None if incoming.body is None else read_json(incoming.body))
    except BadTransaction as error:
        return Answer(400, {"error": {"code": "invalid_request", "description": str(error)}})
    incoming.call.organisation = organisation
    return Answer(200, world.issuer.grant(organisation, access))


def answer_key_set(world: World, incoming: Incoming) -> Answer:
    """Answers with the public key as a JSON Web Key Set."""
    if incoming.call.method not in ("GET", "HEAD"):
        return Answer(405, {"error": {"code": "invalid_request", "description": "only GET"}}, {"Allow": "GET"})
    return Answer(200, world.issuer.key_set)
