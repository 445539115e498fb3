"""Wording: the sentences of explanations, in the viewer's language.

The English sentences stand here, once. Each other language is a gettext catalogue whose message ids are these
sentences (`keyart/locale/LANGUAGE/LC_MESSAGES`). A `.mo` file is made from its `.po` file by `make locale`.

Values of tags ("comedy", "warm") are the app's own words and stay as they are. The kind of a tag is spoken of only if
it is one of `KINDS`; any other may be a technical name, so the sentence does without it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ..catalog import EMBEDDING_KIND
from ..errors import SettingError

if TYPE_CHECKING:
    from gettext import NullTranslations

DOMAIN: Final = "keyart"
LOCALE: Final = Path(__file__).parents[1] / "locale"
SOURCE_LANGUAGE: Final = "en"
LANGUAGES: Final = ("de", "en", "es", "fr", "ja")

# Names of kinds, one and several of them.
KINDS: Final = MappingProxyType(
    {
        "genre": ("genre", "genres"),
        "mood": ("mood", "moods"),
        "palette": ("palette", "palettes"),
        "shot": ("shot", "shots"),
        "cast": ("cast", "people"),
        "style": ("style", "styles"),
        "theme": ("theme", "themes"),
        "director": ("director", "directors"),
        "setting": ("setting", "settings"),
    }
)

_WHO: Final = {
    "taste": "People who watch what you watch",
    "context": "{device} {time} people",
    "everybody": "People in general",
}
_WHAT: Final = {
    "same": "see no difference.",
    "more": "go for {tag}.",
    "less": "go less for {tag}.",
    "more.rival": "go for {tag}, as in the next best picture.",
    "less.rival": "go less for {tag}, as in the next best picture.",
}

MESSAGES: Final = MappingProxyType(
    {
        "age-limit": "No picture of this title is within the age limit that holds here.",
        "only-picture": "It is the only picture of this title that may be shown here.",
        "exploration": "It was drawn to find out how people like it; another picture seemed to fit better.",
        "no-model": "Nothing is known about the pictures yet: they are drawn by lot, and only this device learns.",
        "no-difference": "The next best picture fits just as well here.",
        "intent.more": "It answers more of what you asked for just now.",
        "intent.less": "It answers less of what you asked for just now.",
        "appeal.more": "This very picture made more people press play.",
        "appeal.less": "This very picture made fewer people press play.",
        "promise.more": "Plays that start from it are broken off less often.",
        "promise.less": "Plays that start from it are broken off more often.",
        "you.more": "You lately played titles that were shown with pictures like it.",
        "you.less": "You lately passed over titles that were shown with pictures like it.",
        "picture.more": "You played what was shown with this very picture before.",
        "picture.less": "You passed over this very picture before.",
        "picture.rival.more": "You played what was shown with the next best picture before.",
        "picture.rival.less": "You passed over the next best picture before.",
        "others.more": "People who watch what you watch press play on it more often.",
        "others.less": "People who watch what you watch press play on it less often.",
        "history.more": "It shows more of the {kinds} that you watch.",
        "history.less": "It shows fewer of the {kinds} that you watch.",
        "history.any.more": "It shows more of what you watch.",
        "history.any.less": "It shows less of what you watch.",
        "content.more": "It tells more about the {kind}.",
        "content.less": "It tells less about the {kind}.",
        "content.any.more": "It tells more about the title.",
        "content.any.less": "It tells less about the title.",
        "title.more": "Its {kinds} are closer to the title's.",
        "title.less": "Its {kinds} are further from the title's.",
        "title.any.more": "What it shows is closer to the title.",
        "title.any.less": "What it shows is further from the title.",
        "history.look.more": "It looks more like what you watch.",
        "history.look.less": "It looks less like what you watch.",
        "content.look.more": "It stands out more.",
        "content.look.less": "It stands out less.",
        "title.look.more": "It looks more like the title.",
        "title.look.less": "It looks less like the title.",
        "statement.like": "You said that you like {tag}.",
        "statement.dislike": "You said that you do not like {tag}.",
        "statement.like.rival": "You said that you like {tag}, which the next best picture shows more of.",
        "statement.dislike.rival": "You said that you do not like {tag}, which the next best picture shows more of.",
        **{f"{who}.{what}": f"{_WHO[who]} {_WHAT[what]}" for who in _WHO for what in _WHAT},
        "device.tv": "On a TV",
        "device.phone": "On a phone",
        "device.tablet": "On a tablet",
        "device.desktop": "On a computer",
        "device.other": "On a device",
        "time.morning": "in the morning",
        "time.afternoon": "in the afternoon",
        "time.evening": "in the evening",
        "time.night": "at night",
        "tag.palette": "{value} colours",
        "tag.mood": "a mood of {value}",
        "tag.shot": "{value} shots",
        "tag.cast": "{value} in the cast",
        "tag.style": "the style {value}",
        "tag.theme": "the theme {value}",
        "tag.director": "the director {value}",
        "tag.setting": "the setting {value}",
        "tag.unnamed": "pictures like it",
    }
)


class Wording:
    """The sentences of explanations in one language.

    Args:
        translations: The language; None for English.
    """

    def __init__(self, translations: NullTranslations | None = None) -> None:
        self._translations = translations

    @classmethod
    def of(cls, language: str) -> Wording:
        """Return the wording of a language, such as "de" or "de-AT" (which is "de").

        Raises:
            SettingError: keyart does not speak it.
        """
        code = language.replace("_", "-").split("-")[0].lower() if isinstance(language, str) else ""
        if code not in LANGUAGES:
            raise SettingError(
                f"There are no explanations in {language!r}; the languages are {', '.join(LANGUAGES)}. Pass one of "
                "them, or use Factor.name and your own words."
            )
        return _wording(code)

    def say(self, message: str, **values: str) -> str:
        """Return a message (`MESSAGES`) with its placeholders filled in."""
        text = MESSAGES[message]
        return (text if self._translations is None else self._translations.gettext(text)).format(**values)

    def say_of_kind(self, message: str, direction: str, kind: str) -> str:
        """Return a message about a kind of tag, or the one that does without a name for it."""
        if kind == EMBEDDING_KIND:
            return self.say(f"{message}.look.{direction}")
        if kind not in KINDS:
            return self.say(f"{message}.any.{direction}")
        return self.say(
            f"{message}.{direction}", **{"kind" if message == "content" else "kinds": self.kind(kind, message)}
        )

    def kind(self, kind: str, message: str) -> str:
        """Return the name of a kind as the message needs it: one of it, or several."""
        one, several = KINDS[kind]
        count = 1 if message == "content" else 2
        if self._translations is None:
            return one if count == 1 else several
        return self._translations.ngettext(one, several, count)

    def tag(self, tag: str) -> str:
        """Return a tag as people say it: "close-up shots", "warm colours", "comedy"."""
        kind, _, value = tag.partition(":")
        if not value or kind == "genre":
            return value or kind
        if f"tag.{kind}" in MESSAGES:
            return self.say(f"tag.{kind}", value=value)
        # Of a kind that has no name the value alone is said, unless it is a number, which says nothing.
        return value if any(letter.isalpha() for letter in value) else self.say("tag.unnamed")


ENGLISH: Final = Wording()


@lru_cache(maxsize=len(LANGUAGES))
def _wording(code: str) -> Wording:
    if code == SOURCE_LANGUAGE:
        return ENGLISH
    from gettext import translation

    return Wording(translation(DOMAIN, LOCALE, [code]))
