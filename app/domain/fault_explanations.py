"""What each fault of a call to Skolverket means to a school administrator: Swedish, then English.

It owns the table of faults alone; what is wrong with records, and Skolverket's message ids, is `explanations`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

Texts = tuple[str, str]

# What the table says of HTTP statuses that it does not name, from 500 on and below.
SERVER_ERROR: Final = "http_500"
OTHER_STATUS: Final = "http_other"

# Faults of one kind share their texts: what tells them apart concerns whoever runs the service, and is in its log.
_OF_KINDS: Final[Mapping[tuple[str, ...], Texts]] = {
    ("no_connection",): (
        "Vi fick ingen förbindelse med Skolverket. Det är inget fel på underlaget. Kontrollera Skolverkets "
        "driftinformation, och kontakta den som sköter tjänsten om Skolverkets tjänster är i gång.",
        "We got no connection to Skolverket. Nothing is wrong with the roster. Look at Skolverket's service status, "
        "and contact whoever runs this service if Skolverket's services are up.",
    ),
    ("connection_lost", "timeout"): (
        "Skolverket svarade inte i tid, eller så bröts förbindelsen under ett anrop. Det är inget fel på underlaget. "
        "Kontrollera Skolverkets driftinformation om det håller i sig.",
        "Skolverket did not answer in time, or the connection broke during a call. Nothing is wrong with the roster. "
        "Look at Skolverket's service status if it goes on.",
    ),
    ("circuit_open",): (
        "Skolverket har inte svarat på en stund. Vår tjänst frågar då och då om Skolverket är tillbaka, och jobbet går "
        "då vidare av sig självt. Kontrollera Skolverkets driftinformation om det dröjer.",
        "Skolverket has not answered for a while. Our service asks now and then whether Skolverket is back, and the "
        "job then goes on by itself. Look at Skolverket's service status if it takes long.",
    ),
    ("http_429",): (
        "Skolverket bad oss att göra färre anrop. Vår tjänst väntar och försöker igen av sig själv. Kontakta den som "
        "sköter tjänsten om det håller i sig.",
        "Skolverket asked us to make fewer calls. Our service waits and tries again by itself. Contact whoever runs "
        "this service if it goes on.",
    ),
    ("http_503",): (
        "Skolverket svarade att tjänsten inte är tillgänglig just nu. Det är inget fel på underlaget. Kontrollera "
        "Skolverkets driftinformation.",
        "Skolverket answered that the service is not available just now. Nothing is wrong with the roster. Look at "
        "Skolverket's service status.",
    ),
    (SERVER_ERROR,): (
        "Skolverket svarade att ett fel har uppstått hos dem. Det behöver inte vara något fel på underlaget. "
        "Kontrollera Skolverkets driftinformation, och kontakta deras support om felet återkommer.",
        "Skolverket answered that an error occurred on their side. Nothing need be wrong with the roster. Look at "
        "Skolverket's service status, and contact their support if the error comes back.",
    ),
    (OTHER_STATUS,): (
        "Ett anrop till Skolverket fick ett oväntat svar, kanske för att adressen är fel. Läs svaret under anropet i "
        "Historik, och kontakta den som sköter tjänsten.",
        "A call to Skolverket got an answer that was not expected, perhaps because the address is wrong. Read the "
        "answer under the call in the history, and contact whoever runs this service.",
    ),
    ("token_refused",): (
        "Skolverket godtog inte huvudmannens inloggning, inte heller en ny. Det är inget fel på underlaget. Den som "
        "sköter tjänsten behöver kontrollera huvudmannens certifikat och behörighet.",
        "Skolverket did not accept the organisation's login, nor a new one. Nothing is wrong with the roster. Whoever "
        "runs this service needs to check the organisation's certificate and rights.",
    ),
    ("forbidden",): (
        "Skolverket tillåter inte huvudmannen att göra anropet. Läs Skolverkets svar under anropet i Historik, och "
        "kontrollera med Skolverket att huvudmannen har rätt behörighet.",
        "Skolverket does not allow the organisation to make the call. Read Skolverket's answer under the call in the "
        "history, and check with Skolverket that the organisation has the rights it needs.",
    ),
    ("authorisation_refused", "certificate_refused"): (
        "Inloggningstjänsten godtog inte huvudmannen. Den som sköter tjänsten behöver kontrollera att certifikatet är "
        "utfärdat av en godkänd utfärdare, eller registrerat i federationen.",
        "The authorisation server did not accept the organisation. Whoever runs this service needs to check that the "
        "certificate comes from an approved issuer, or is registered in the federation.",
    ),
    ("certificate_expired",): (
        "Huvudmannens certifikat gäller inte längre, eller inte ännu. Skaffa ett nytt, och be den som sköter tjänsten "
        "att lägga in det.",
        "The organisation's certificate is no longer valid, or not yet. Get a new one, and ask whoever runs this "
        "service to put it in place.",
    ),
    ("no_certificate", "certificate_missing", "key_missing"): (
        "Huvudmannens certifikat eller nyckel finns inte i vår tjänst, och utan dem släpps vi inte in. Be den som "
        "sköter tjänsten att lägga in dem.",
        "The organisation's certificate or key is not there in our service, and without them we are not let in. Ask "
        "whoever runs this service to put them in place.",
    ),
    ("certificate_unreadable", "key_unreadable", "key_mismatch"): (
        "Huvudmannens certifikat och nyckel går inte att läsa, eller hör inte ihop. Be den som sköter tjänsten att "
        "kontrollera filerna.",
        "The organisation's certificate and key cannot be read, or do not belong together. Ask whoever runs this "
        "service to check the files.",
    ),
    ("server_untrusted", "server_wrong_host", "server_pin"): (
        "Servern som svarade kunde inte visa att den är den rätta, så vi skickade ingenting dit. Kontakta den som "
        "sköter tjänsten.",
        "The server that answered could not show that it is the right one, so we sent nothing there. Contact whoever "
        "runs this service.",
    ),
    ("tls_failed",): (
        "Det gick inte att upprätta en säker förbindelse. Det är inget fel på underlaget. Kontakta den som sköter "
        "tjänsten.",
        "No secure connection could be made. Nothing is wrong with the roster. Contact whoever runs this service.",
    ),
    ("address_unusable", "ca_file_unreadable"): (
        "Vår tjänst är fel inställd och kan därför inte anropa Skolverket. Det är inget fel på underlaget. Kontakta "
        "den som sköter tjänsten.",
        "Our service is set up wrongly and therefore cannot call Skolverket. Nothing is wrong with the roster. Contact "
        "whoever runs this service.",
    ),
    ("answer_unreadable", "token_unreadable"): (
        "Vi fick ett svar som inte går att läsa. Vår tjänst försöker igen av sig själv. Kontakta den som sköter "
        "tjänsten om det håller i sig: adressen kan vara fel.",
        "We got an answer that cannot be read. Our service tries again by itself. Contact whoever runs this service if "
        "it goes on: the address may be wrong.",
    ),
    ("answer_incomplete",): (
        "Skolverkets svar saknade några av de poster som skickades. Vår tjänst skickar dem igen av sig själv. Kontakta "
        "Skolverkets support om det upprepas.",
        "Skolverket's answer lacked some of the records that were sent. Our service sends them again by itself. "
        "Contact Skolverket's support if it repeats.",
    ),
    ("answer_foreign",): (
        "Skolverkets svar handlade delvis om poster som inte ingick i anropet. Vår tjänst bortser från dem. Kontakta "
        "Skolverkets support och uppge tidpunkten.",
        "Skolverket's answer was in part about records that were not in the call. Our service passes them over. "
        "Contact Skolverket's support and tell them the time.",
    ),
    ("job_unknown",): (
        "Skolverket tog emot anropet men kände sedan inte till det. Att skicka samma poster två gånger gör ingen "
        "skada. Kontakta Skolverkets support om det upprepas.",
        "Skolverket took the call and later did not know of it. Sending the same records twice does no harm. Contact "
        "Skolverket's support if it repeats.",
    ),
}


def _one_by_one() -> Iterator[tuple[str, Texts]]:
    for codes, texts in _OF_KINDS.items():
        for code in codes:
            yield code, texts


FAULTS: Final[Mapping[str, Texts]] = dict(_one_by_one())
