"""What each code means to a school administrator, in Swedish and English: what happened, and what to do about it.

It owns one table of our own codes and of Skolverket's known message ids. Skolverket publishes no full list: an id that
is not here has a text too. What is said of the faults of calls stands in `fault_explanations`.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from app.domain.fault_explanations import FAULTS, OTHER_STATUS, SERVER_ERROR


class Explanation(NamedTuple):
    """The same explanation in two languages; neither ever holds anything about a person."""

    sv: str
    en: str


def explain(code: str) -> Explanation:
    """Gives the explanation of one of our codes or of Skolverket's message ids, and a general one for any other."""
    if code not in EXPLANATIONS:
        # What the authorisation server's faults mean is the same as of the other services.
        code = code.removeprefix("authorisation_")
    if code not in EXPLANATIONS and code.startswith("http_"):
        code = SERVER_ERROR if code.startswith("http_5") else OTHER_STATUS
    return EXPLANATIONS.get(code, UNKNOWN)


UNKNOWN: Final = Explanation(
    "Skolverket har lämnat ett meddelande som vi inte har någon förklaring till. Läs Skolverkets egen text i svaret. "
    "Hjälper den inte, kontakta Skolverkets support och uppge meddelandets nummer.",
    "Skolverket gave a message that we have no explanation for. Read Skolverket's own text in the answer. If that does "
    "not help, contact Skolverket's support and give them the number of the message.",
)

EXPLANATIONS: Final[Mapping[str, Explanation]] = {
    # What is wrong with an object's shape: it is never sent.
    "schema_type": Explanation(
        "Ett fält har fel sorts värde, till exempel text där det ska stå ett heltal. Posten har inte skickats. Rätta "
        "fältet i källsystemet, läs in underlaget igen och starta en ny körning.",
        "A field has the wrong kind of value, such as text where a whole number belongs. The record was not sent. "
        "Correct the field in the source system, upload the roster again and start a new run.",
    ),
    "schema_required": Explanation(
        "Ett obligatoriskt fält saknas. Posten har inte skickats. Fyll i fältet i källsystemet, läs in underlaget igen "
        "och starta en ny körning.",
        "A required field is missing. The record was not sent. Fill in the field in the source system, upload the "
        "roster again and start a new run.",
    ),
    "schema_enum": Explanation(
        "Ett fält har ett värde som inte finns bland dem som Skolverket godtar, till exempel en okänd skolform eller "
        "roll. Posten har inte skickats. Välj ett godtaget värde i källsystemet och läs in underlaget igen.",
        "A field has a value that is not among those that Skolverket accepts, such as an unknown school type or role. "
        "The record was not sent. Choose an accepted value in the source system and upload the roster again.",
    ),
    "schema_format": Explanation(
        "Ett värde är felskrivet: ett id som inte är ett UUID, eller en e-postadress som inte är giltig. Tänk på att "
        "e-postadresser inte får innehålla å, ä eller ö. Posten har inte skickats. Rätta värdet och läs in underlaget "
        "igen.",
        "A value is not written as it must be: an id that is no UUID, or an e-mail address that is not valid. Note "
        "that å, ä and ö are not allowed in e-mail addresses. The record was not sent. Correct the value and upload "
        "the roster again.",
    ),
    "schema_range": Explanation(
        "Ett tal är för litet eller för stort; årskursen ska vara ett heltal från 1 till 10. Posten har inte skickats. "
        "Rätta talet i källsystemet och läs in underlaget igen.",
        "A number is too small or too large; the school year must be a whole number from 1 to 10. The record was not "
        "sent. Correct the number in the source system and upload the roster again.",
    ),
    "schema_items": Explanation(
        "En lista har för många eller för få värden, eller samma värde två gånger. En person får till exempel bara ha "
        "ett EPPN, och en aktivitet måste ha minst en grupp. Posten har inte skickats. Rätta listan och läs in "
        "underlaget igen.",
        "A list has too many or too few values, or the same one twice. A person may have only one EPPN, for example, "
        "and an activity needs at least one group. The record was not sent. Correct the list and upload the roster "
        "again.",
    ),
    "schema_null": Explanation(
        "Ett fält finns med men är tomt (null), och det godtar inte Skolverket. Posten har inte skickats. Fyll i "
        "fältet eller utelämna det helt, och läs in underlaget igen.",
        "A field is there but empty (null), which Skolverket does not accept. The record was not sent. Fill in the "
        "field or leave it out altogether, and upload the roster again.",
    ),
    "schema_other": Explanation(
        "Posten följer inte Skolverkets format och har därför inte skickats. Jämför den med Skolverkets beskrivning av "
        "formatet, rätta den i källsystemet och läs in underlaget igen.",
        "The record does not follow Skolverket's format and was therefore not sent. Compare it with Skolverket's "
        "description of the format, correct it in the source system and upload the roster again.",
    ),
    "not_utf8": Explanation(
        "En text innehåller ett trasigt tecken som inte går att skicka. Posten har inte skickats. Skriv om texten i "
        "källsystemet, gärna för hand i stället för att klistra in den, och läs in underlaget igen.",
        "A text holds a broken character that cannot be sent. The record was not sent. Write the text anew in the "
        "source system, preferably by hand rather than by pasting it, and upload the roster again.",
    ),
    # What happened to a record or a job on the way.
    "blocked_by": Explanation(
        "Posten har inte skickats, eftersom den bygger på en annan post som inte gick igenom: en tjänstgöring kräver "
        "sin person, en aktivitet minst en av sina grupper. Åtgärda den posten först och starta en ny körning.",
        "The record was not sent, since it builds on another record that did not get through: a duty needs its person, "
        "an activity at least one of its groups. Put that record right first and start a new run.",
    ),
    "sent_without": Explanation(
        "Aktiviteten har skickats, men utan de grupper eller lärare som inte gick igenom. Eleverna eller lärarna i "
        "fråga saknas alltså i provet. Åtgärda de posterna och starta en ny körning, så kommer de med.",
        "The activity was sent, but without the groups or teachers that did not get through, so those pupils or "
        "teachers are missing from the exam. Put those records right and start a new run to include them.",
    ),
    "too_large": Explanation(
        "Posten är större än de 200 000 byte som Skolverket tar emot i ett anrop, även när den skickas ensam. Dela upp "
        "den, till exempel en stor grupp i flera mindre, och läs in underlaget igen.",
        "The record is larger than the 200,000 bytes that Skolverket takes in one call, even when it is sent alone. "
        "Divide it, such as a large group into several smaller ones, and upload the roster again.",
    ),
    "no_contact": Explanation(
        "Vi har inte fått kontakt med Skolverket. Det är inget fel på underlaget. Kontrollera Skolverkets "
        "driftinformation och välj Försök igen när tjänsten är i gång; det som redan har gått igenom skickas inte om.",
        "We got no contact with Skolverket. Nothing is wrong with the roster. Look at Skolverket's service status and "
        "choose to retry when the service is up; what has already got through is not sent again.",
    ),
    "gave_up": Explanation(
        "Försöken att skicka posten har misslyckats så länge att vi har slutat. Posten kan vara riktig. Försök igen "
        "med samma körning om en stund, eller när felet är avhjälpt; kontakta den som sköter tjänsten om det "
        "återkommer.",
        "Trying to send the record has failed for so long that we stopped. The record may well be correct. Retry the "
        "same run in a while, or when the error has been put right; contact whoever runs this service if it comes "
        "back.",
    ),
    "held_before": Explanation(
        "Skolverket har kvar den tidigare versionen av posten. Inget som bygger på den hålls tillbaka, men ändringen "
        "har inte gått igenom. Åtgärda felet och starta en ny körning.",
        "Skolverket still holds the earlier version of the record. Nothing that builds on it is kept back, but the "
        "change did not get through. Put the error right and start a new run.",
    ),
    "no_answer": Explanation(
        "Posten har skickats, men Skolverket har inte lämnat något besked om den. Den kan alltså finnas hos Skolverket "
        "eller inte. Försök igen med samma körning: att skicka samma post två gånger gör ingen skada.",
        "The record was sent, but Skolverket gave no answer about it, so it may or may not be there. Retry the same "
        "run: sending the same record twice does no harm.",
    ),
    "unknown_status": Explanation(
        "Skolverket har svarat med en status som vi inte känner till, och därför räknar vi inte posten som godkänd. "
        "Läs Skolverkets svar på posten och kontakta deras support om det är oklart.",
        "Skolverket answered with a status that we do not know, so we do not count the record as accepted. Read "
        "Skolverket's answer about the record, and contact their support if it is unclear.",
    ),
    "cancelled": Explanation(
        "Körningen avbröts innan den var klar. Poster som redan var på väg till Skolverket har följts till sitt svar, "
        "resten har inte skickats. Försök igen med samma körning om resten ska skickas.",
        "The run was cancelled before it was done. Records that were already on their way to Skolverket were followed "
        "to their answer; the rest were not sent. Retry the same run if the rest should be sent.",
    ),
    "worker_lost": Explanation(
        "Vår tjänst har stannat flera gånger under samma synkjobb, så jobbet har avslutats. Det behöver inte vara "
        "något fel på underlaget. Försök igen, och kontakta den som sköter tjänsten om det händer på nytt.",
        "Our service stopped several times during the same job, so the job was ended. Nothing need be wrong with the "
        "roster. Retry, and contact whoever runs this service if it happens again.",
    ),
    "records_failed": Explanation(
        "Några poster gick inte igenom, och körningen skulle då stanna. Se vad som är fel på dem, rätta dem i "
        "källsystemet, läs in underlaget igen och starta en ny körning.",
        "Some records did not get through, and the run was to stop then. See what is wrong with them, correct them in "
        "the source system, upload the roster again and start a new run.",
    ),
    "refused_batch": Explanation(
        "Skolverket tog inte emot hela anropet som posten ingick i, utan att peka ut någon viss post. Läs svaret under "
        "anropet i Historik. Försök igen, och kontakta den som sköter tjänsten om det upprepas.",
        "Skolverket did not take the whole call that the record was part of, without pointing at any one record. Read "
        "the answer under the call in the history. Retry, and contact whoever runs this service if it repeats.",
    ),
    # Skolverket's message ids, as far as they are published (Provisioning API 1.3.2).
    "2010": Explanation(
        "Skolverket godtog inte ett av de id:n som skickades i anropet, eftersom det inte är ett giltigt UUID. Rätta "
        "id:t i källsystemet och läs in underlaget igen.",
        "Skolverket did not accept one of the ids that were sent in the call, since it is not a valid UUID. Correct "
        "the id in the source system and upload the roster again.",
    ),
    "2011": Explanation(
        "Skolverket godtog inte ett id i adressen till anropet, eftersom det inte är ett giltigt UUID. Kontrollera "
        "postens id i källsystemet; är det riktigt, kontakta den som sköter tjänsten.",
        "Skolverket did not accept an id in the address of the call, since it is not a valid UUID. Check the record's "
        "id in the source system; if it is right, contact whoever runs this service.",
    ),
    "2025": Explanation(
        "Skolverket kunde inte tolka en inställning i anropet som ja eller nej. Det är ett fel i vår tjänst, inte i "
        "underlaget. Kontakta den som sköter tjänsten.",
        "Skolverket could not read a setting of the call as yes or no. That is a fault of our service, not of the "
        "roster. Contact whoever runs this service.",
    ),
    "3047": Explanation(
        "Posten är godtagen, men EPPN liknar personens namn: det innehåller de tre första bokstäverna i efternamnet, "
        "eller de två första i både för- och efternamn. Ge helst personen ett EPPN som inte går att gissa, enligt "
        "Skolverkets riktlinjer.",
        "The record is accepted, but the EPPN resembles the person's name: it contains the first three letters of the "
        "family name, or the first two of both names. Preferably give the person an EPPN that cannot be guessed, as "
        "Skolverket's guidelines say.",
    ),
    "3085": Explanation(
        "Vår tjänst bad Skolverket om för många eller för få poster på en gång. Det är ett fel i vår tjänst, inte i "
        "underlaget. Kontakta den som sköter tjänsten.",
        "Our service asked Skolverket for too many or too few records at a time. That is a fault of our service, not "
        "of the roster. Contact whoever runs this service.",
    ),
    "4001": Explanation(
        "Skolverket hittar inte det som posten eller anropet hänvisar till. Kontrollera att det finns med i underlaget "
        "och har gått igenom, och starta sedan en ny körning.",
        "Skolverket does not find what the record or the call refers to. Check that it is in the roster and has got "
        "through, and then start a new run.",
    ),
    "5002": Explanation(
        "Skolverket godtog inte vår inloggning. Underlaget är det inget fel på. Den som sköter tjänsten behöver "
        "kontrollera huvudmannens certifikat och behörighet; försök därefter igen med samma körning.",
        "Skolverket did not accept our login. Nothing is wrong with the roster. Whoever runs this service needs to "
        "check the organisation's certificate and rights; after that, retry the same run.",
    ),
    "5004": Explanation(
        "Ett okänt fel har inträffat hos Skolverket. Vänta en stund och försök igen med samma körning. Återkommer "
        "felet, kontakta Skolverkets support och uppge tidpunkten.",
        "An unknown error occurred at Skolverket. Wait a while and retry the same run. If the error comes back, "
        "contact Skolverket's support and tell them the time.",
    ),
    "5020": Explanation(
        "Anropet var större än Skolverket tar emot. Vår tjänst delar normalt upp det och skickar igen av sig själv. "
        "Ligger felet kvar på en enskild post, till exempel en mycket stor grupp, behöver den delas upp.",
        "The call was larger than Skolverket accepts. Our service normally divides it and sends it again by itself. If "
        "the error stays with a single record, such as a very large group, that record needs to be divided.",
    ),
    "5021": Explanation(
        "Skolverket fick för många anrop på kort tid. Vår tjänst väntar och försöker igen av sig själv. Du behöver "
        "bara göra något om posten till slut har status fel: försök då igen med samma körning.",
        "Skolverket got too many calls in a short time. Our service waits and tries again by itself. You need to act "
        "only if the record ends in error: then retry the same run.",
    ),
    "5022": Explanation(
        "Skolverkets tjänst var inte tillgänglig. Vår tjänst försöker igen av sig själv under flera timmar. Ligger "
        "felet kvar därefter, kontrollera Skolverkets driftinformation och försök igen med samma körning.",
        "Skolverket's service was not available. Our service tries again by itself for several hours. If the error is "
        "still there after that, look at Skolverket's service status and retry the same run.",
    ),
    "6001": Explanation(
        "Skolverkets tjänst var överbelastad, eller svaret blev för stort för den. Vänta en stund och försök igen med "
        "samma körning. Återkommer felet, kontakta den som sköter tjänsten.",
        "Skolverket's service was overloaded, or the answer became too large for it. Wait a while and retry the same "
        "run. If the error comes back, contact whoever runs this service.",
    ),
    # What went wrong in calls to Skolverket.
    **{code: Explanation(*texts) for code, texts in FAULTS.items()},
}
