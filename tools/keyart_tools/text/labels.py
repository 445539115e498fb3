"""The labels of zero-shot tagging: each tag has one sentence that describes texts of that kind.

No label concerns a person's origin, health, religion, politics or sexuality.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_GENRES = {
    "action": "An action film with fights, chases, explosions and a hero who must stop an attack.",
    "adventure": "An adventure: a journey into unknown lands, a quest for a treasure, an expedition.",
    "comedy": "A comedy: funny mishaps, misunderstandings, jokes and embarrassing situations.",
    "crime": "A crime story about detectives, a murder investigation, gangsters, robbery and the police.",
    "documentary": "A documentary about real people and real events, with interviews and archive footage.",
    "drama": "A serious drama about people, their relationships, conflicts and difficult decisions.",
    "family": "A film for children and the whole family, with kids, talking animals and a happy end.",
    "fantasy": "A fantasy tale with magic, wizards, dragons, witches, fairies and an enchanted kingdom.",
    "history": "A period film about historical events, kings and queens, court life of past centuries.",
    "horror": "A horror film with ghosts, monsters, demons, a haunted house and gruesome deaths.",
    "musical": "A musical about singers, dancers and a band, full of songs, a stage and a show.",
    "mystery": "A mystery: a puzzling disappearance, clues, secrets and a riddle to be solved.",
    "romance": "A love story: two people meet, fall in love, are parted and find each other again.",
    "science-fiction": "Science fiction about space ships, the future, robots, aliens and time travel.",
    "sport": "A sports film about a team, a coach, athletes, training and the big match.",
    "thriller": "A thriller with suspense, a conspiracy, a spy, a hostage and a race against time.",
    "war": "A war film about soldiers, battles, the front line, an army and an invasion.",
    "western": "A western with cowboys, a sheriff, outlaws, horses and a gunfight in a frontier town.",
}

_MOODS = {
    "dark": "A bleak and hopeless film about cruelty, guilt and death.",
    "happy": "A cheerful, light-hearted film full of laughter, jokes and fun.",
    "intense": "A tense, gripping film with danger, violence and a fight for life.",
    "sad": "A sad film about grief, tears, illness and a painful farewell.",
    "thoughtful": "A quiet, slow film about memories, doubts and the meaning of life.",
    "warm": "A heart-warming film about kindness, comfort and hope.",
}

_THEMES = {
    "ambition": "Ambition, fame, success and the price that one pays for it.",
    "animals": "Animals, pets and wild creatures.",
    "betrayal": "Betrayal, lies, jealousy and an affair that comes to light.",
    "family": "Parents, children, brothers and sisters, and family quarrels.",
    "food": "Cooking, a restaurant, a kitchen and a meal together.",
    "freedom": "Escape from prison, captivity and oppression to freedom.",
    "friendship": "Friendship, loyal companions who stand by each other.",
    "growing-up": "Growing up, teenagers, school days, a first love and leaving home.",
    "holiday": "Christmas, a wedding, a holiday and a family celebration.",
    "justice": "A trial, lawyers, a judge and an innocent person accused.",
    "love": "Love, longing, a couple and a marriage.",
    "loss": "The death of somebody loved, mourning and a new beginning.",
    "money": "Money, greed, debts, business and a fortune.",
    "music": "Music, a song, a band, an orchestra and a concert.",
    "nature": "Nature, mountains, the forest, the sea and the weather.",
    "power": "Power, a throne, rulers, intrigue and corruption.",
    "revenge": "Revenge: somebody comes back to take vengeance on those who wronged them.",
    "secrets": "A hidden past, a secret identity and the truth that comes to light.",
    "survival": "Survival in the wilderness, after a catastrophe or a shipwreck.",
    "technology": "Computers, machines, artificial intelligence and an invention.",
    "travel": "A journey by road, by train or by ship to a far country.",
    "work": "Work, colleagues, an office and a boss.",
}

LABELS: Mapping[str, str] = MappingProxyType(
    {
        f"{kind}:{name}": says
        for kind, names in (("genre", _GENRES), ("mood", _MOODS), ("theme", _THEMES))
        for name, says in names.items()
    }
)
