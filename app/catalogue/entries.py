"""What the catalogue holds of a code, frozen, and how texts with values in them are filled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args
from uuid import UUID

Severity = Literal["error", "warning", "ok"]
MendedBy = Literal["register", "identity_provider", "skolverket", "provkedja"]
Language = Literal["sv", "en"]

SEVERITIES: Final = get_args(Severity)
MENDERS: Final = get_args(MendedBy)
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
# What a value may be; `count` has the noun that it counts behind it. A `moment` may lie ahead, a `past` one does not.
TYPES: Final = ("number", "id", "name", "names", "moment", "past", "span", "phrase", "count")
# How a reader's clock writes a moment.
Clock = Callable[[datetime], str]
# A page says no more of what comes sooner: it would be another page each time that somebody looks.
_SOON: Final = timedelta(minutes=1)


class Explanation(NamedTuple):
    """One text in each language, most often what a code means and what to do; neither holds anything about a person."""

    sv: str
    en: str


@dataclass(frozen=True, slots=True)
class Texts:
    """What a code means, why it is so, and what to do.

    `about` stands before the ids of the objects it is about; `cause` says what it means where it is the reason of
    another code, and is "" where `means` fits there too.
    """

    means: str
    to_do: str
    why: str = ""
    about: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """All that is said of a code.

    `mended_by` is who can put it right: the register that the roster comes from, the identity provider (EPPN),
    Skolverket, or whoever runs Provkedja. `values` are the names in braces in the texts, with their types. `advice` is
    for operators, `job` is the detail of a job's problem object: both English, and empty where there is none.
    """

    code: str
    severity: Severity
    mended_by: MendedBy
    sv: Texts
    en: Texts
    explanation: Explanation
    values: Mapping[str, str]
    advice: str = ""
    job: str = ""


class CauseTexts(NamedTuple):
    """What a cause is called, what it means, and what the caller does."""

    title: str
    means: str
    to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a request is answered with an error, with the status of the answer.

    `retry_after` is the number of seconds after which another try is worth while; None where waiting does not help.
    """

    slug: str
    status: int
    sv: CauseTexts
    en: CauseTexts
    retry_after: int | None = None


class Words(NamedTuple):
    """Parts of sentences in each language, with their values' types; and nouns in the singular and the plural."""

    phrases: Mapping[str, tuple[Mapping[Language, str], Mapping[str, str]]]
    nouns: Mapping[str, Mapping[Language, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Filling:
    """Fills texts of one language with values of one moment (`now`, which spans to moments are counted from).

    With a `clock` moments are written as that has them, and without a countdown: the text stays as it is for a while.
    """

    words: Words
    language: Language
    now: datetime
    clock: Clock | None = None

    def texts(self, entry: Entry, given: Mapping[str, object]) -> Texts:
        """Fills an entry's texts; raises ValueError, naming the code, for a value that lacks or has another type."""
        texts: Texts = getattr(entry, self.language)
        shown = self._shown(entry.code, entry.values, given)
        return Texts(*(text.format_map(shown) for text in (texts.means, texts.to_do, texts.why, texts.about)))

    def phrase(self, code: str, given: Mapping[str, object]) -> str:
        """Fills a phrase; raises ValueError, naming the code, for a value that lacks or has another type."""
        by_language, types = self.words.phrases[code]
        return by_language[self.language].format_map(self._shown(code, types, given))

    def _shown(self, code: str, types: Mapping[str, str], given: Mapping[str, object]) -> dict[str, str]:
        if types.keys() - given.keys():
            raise ValueError(f"{code}: without {', '.join(sorted(types.keys() - given.keys()))}")
        return {name: self._one(f"{code}: {name}", type_, given[name]) for name, type_ in types.items()}

    def _one(self, where: str, type_: str, value: object) -> str:
        kind, _, noun = type_.partition(" ")
        match kind, value:
            case ("phrase", None):
                return ""
            case (_, None):  # what nobody knows
                return "–"
            case ("phrase" | "name" | "names", (str(code), Mapping() as given)):
                return self.phrase(code, given)
            case ("count", int(number)):
                one, many = self.words.nouns[noun][self.language]
                return f"{figures(number, self.language)} {one if number == 1 else many}"
            case ("number", int(number)):
                return figures(number, self.language)
            case ("id", int() | UUID()) | ("name", str()):
                return str(value)
            case ("names", [*names]) if all(isinstance(name, str | int) for name in names):
                return ", ".join(map(str, names))
            case ("span", timedelta() as span):
                return in_words(span)
            case ("moment", datetime() as at):
                return self._moment(at)
            case ("past", datetime() as at):
                return self.clock(at) if self.clock else self.phrase("moment_past", {"ago": self.now - at})
        raise ValueError(f"{where}: a {type(value).__name__} is no {type_}")

    def _moment(self, at: datetime) -> str:
        if self.clock is not None:
            soon = at - self.now < _SOON
            return self.phrase("moment_soon", {}) if soon else self.phrase("moment_at", {"time": self.clock(at)})
        if at <= self.now:
            return self.phrase("moment_now", {})
        return self.phrase("moment_ahead", {"time": f"{at.astimezone(UTC):%H:%M:%S}", "ahead": at - self.now})


def figures(number: int, language: Language) -> str:
    """Writes a whole number with its thousands apart, in Swedish by a space that no line is broken at."""
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}" if language == "sv" else ",")


def in_words(span: timedelta) -> str:
    """Gives a length of time in its two largest units, e.g. `2 h 5 min`; they are written alike in both languages."""
    seconds, parts = max(0, round(span.total_seconds())), []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if count := seconds // length:
            parts.append(f"{count} {unit}")
        seconds %= length
    return " ".join(parts[:2]) or "0 s"
