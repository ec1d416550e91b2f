"""Faults of webhooks: what is signed, where it goes, who is told, and what becomes of what was not taken."""

from typing import Final

from tests.mutants.fault import Fault

WEBHOOKS: Final = (
    Fault(
        "a signature says nothing of when it was made",
        'b".".join((delivery_id.encode("ascii"), str(now).encode("ascii"), body))',
        'b".".join((delivery_id.encode("ascii"), body))',
        ("webhook rules",),
    ),
    Fault(
        "an address of IPv4 is hidden in one of IPv6",
        "return address.ipv4_mapped or address.sixtofour or address",
        "return address",
        ("webhook rules",),
    ),
    Fault(
        "plain http goes out of this machine",
        'parts.scheme == "http" and to_loopback and host in _LOOPBACK_NAMES',
        'parts.scheme == "http" and to_loopback',
        ("webhook rules",),
    ),
    Fault(
        "a redirect counts as delivered",
        'return "delivered" if 200 <= http_status < 300 else "failed"',
        'return "delivered" if 200 <= http_status < 400 else "failed"',
        ("webhook rules",),
    ),
    Fault(
        "an inner address is called",
        "        if not addresses or any(is_inside(each, to_loopback=self._to_loopback) for each in addresses):\n",
        "        if not addresses:\n",
        ("webhook calls",),
    ),
    Fault(
        "a name that leads inside as well is called",
        "any(is_inside(each, to_loopback=self._to_loopback) for each in addresses)",
        "all(is_inside(each, to_loopback=self._to_loopback) for each in addresses)",
        ("webhook calls",),
    ),
    Fault(
        "a name is looked up once more for the connection",
        "return await self._connecting.connect_tcp(addresses[-1], port,",
        "return await self._connecting.connect_tcp(host, port,",
        ("webhook calls",),
    ),
    Fault(
        "anybody's certificate is trusted",
        "field(default_factory=httpcore.default_ssl_context)",
        "field(default_factory=ssl._create_unverified_context)",
        ("webhook calls",),
    ),
    Fault(
        "a redirect is followed",
        "                return int(answer.status)\n",
        "                if 300 <= answer.status < 400:\n"
        '                    return await self.send(dict(answer.headers)[b"Location"].decode(), headers, body)\n'
        "                return int(answer.status)\n",
        ("webhook calls",),
    ),
    Fault(
        "what was not taken is not tried again",
        'if verdict == "failed" else None',
        "if False else None",
        ("webhook calls",),
    ),
    Fault(
        "the secret before signs no more at once",
        "sealed = filter(None, (delivery.secret, delivery.secret_before))",
        "sealed = filter(None, (delivery.secret,))",
        ("webhook calls",),
    ),
    Fault(
        "the secret before signs for ever",
        "CASE WHEN secret_before_until > clock_timestamp() THEN secret_before END AS secret_before",
        "secret_before",
        ("deliveries",),
    ),
    Fault(
        "an endpoint that has gone is called on",
        'if settled.rowcount and verdict == "gone":',
        "if False:",
        ("deliveries",),
    ),
    Fault(
        "two processes deliver the same",
        "                AND (one.leased_until IS NULL OR one.leased_until <= clock_timestamp())\n",
        "",
        ("deliveries",),
    ),
    Fault(
        "a try is written by whoever had it",
        "WHERE id = :id AND claim = :claim AND leased_until IS NOT NULL",
        "WHERE id = :id AND leased_until IS NOT NULL",
        ("deliveries",),
    ),
    Fault(
        "an endpoint takes the places of all",
        "WHERE webhook.enabled AND webhook.id <> ALL (CAST(:full AS uuid[]))",
        "WHERE webhook.enabled",
        ("deliveries",),
    ),
    Fault(
        "another organisation's endpoint is told",
        "organisation_id = NEW.organisation_id AND enabled AND type_ = ANY (types)\n        FOR KEY SHARE",
        "enabled AND type_ = ANY (types)\n        FOR KEY SHARE",
        ("deliveries",),
    ),
    Fault(
        "how a job fails is told nobody",
        "WHEN (NEW.status = 'failed' AND NEW.status <> OLD.status) EXECUTE FUNCTION note_webhooks();",
        "WHEN (false) EXECUTE FUNCTION note_webhooks();",
        ("deliveries",),
    ),
    Fault(
        "an organisation deletes another one's endpoint",
        "return webhook.c.organisation_id == organisation_id, webhook.c.id == webhook_id",
        "return (webhook.c.id == webhook_id,)",
        ("deliveries",),
    ),
)
