"""Intent: what a viewer asks for just now, as weighted tags for `Context.intent`.

A sentence that was typed or spoken ("something funny with the kids") becomes tags by a list of words in five
languages; a mood or a gesture is an event of the app and becomes tags by a table. Nothing here reads or keeps
anything: the tags live as long as the context that holds them.
"""

from .concepts import LANGUAGES, Concept, concepts
from .sentence import combine, from_mood, from_text

__all__ = ["LANGUAGES", "Concept", "combine", "concepts", "from_mood", "from_text"]
