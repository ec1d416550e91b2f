"""The authorisation server's endpoints: `/transaction` and the key set that its tokens are checked with."""

from functools import partial

from app.simulator.answers import Answer, read_json
from app.simulator.provisioning import Incoming
from app.simulator.refusals import gnap_error
from app.simulator.tokens import BadTransaction, NoCertificate, number_itself, read_transaction
from app.simulator.world import World


def answer_transaction(world: World, incoming: Incoming) -> Answer:
    """Answers a transaction with a bearer token, or with an error object of GNAP's kind.

    Over TLS the organisation is that of the connection's certificate, which has to fit client.key.
    """
    if incoming.call.method != "POST":
        return Answer(405, {"error": {"code": "invalid_request", "description": "only POST"}}, {"Allow": "POST"})
    try:
        if world.members is None:
            whose = number_itself
        elif incoming.certificate is None:
            raise NoCertificate("the connection has no client certificate")
        else:
            whose = partial(world.members.organisation_of, incoming.certificate)
        organisation, access = read_transaction(None if incoming.body is None else read_json(incoming.body), whose)
    except BadTransaction as error:
        return gnap_error(error.status, error.code, str(error))
    incoming.call.organisation = organisation
    return Answer(200, world.issuer.grant(organisation, access))


def answer_key_set(world: World, incoming: Incoming) -> Answer:
    """Answers with the public key as a JSON Web Key Set."""
    if incoming.call.method not in ("GET", "HEAD"):
        return Answer(405, {"error": {"code": "invalid_request", "description": "only GET"}}, {"Allow": "GET"})
    return Answer(200, world.issuer.key_set)
