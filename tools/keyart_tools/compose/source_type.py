"""The IPTC digital source type of a picture, and the XMP packet that states it.

Vocabulary: https://cv.iptc.org/newscodes/digitalsourcetype/
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = frozenset(
    {"trainedAlgorithmicMedia", "algorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"}
)
DRAWN = frozenset(
    {"digitalCreation", "digitalArt", "softwareImage", "virtualRecording", "screenCapture", "composite"}
)
CAPTURED = frozenset({"digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"})


def source_type(composed: bool, drawn: bool, stated: Sequence[str]) -> str:
    """Return the digital source type.

    Args:
        composed: whether the picture combines several others.
        drawn: whether the film is drawn or animated.
        stated: types that the source pictures state.
    """
    stated_types = set(stated)
    if composed:
        if stated_types & GENERATED:
            return "compositeSynthetic"
        return "composite" if drawn or stated_types & DRAWN else "compositeCapture"
    known_types = stated_types & (GENERATED | DRAWN | CAPTURED)  # cropping does not change where a picture comes from
    return known_types.pop() if known_types else "digitalCreation" if drawn else "digitalCapture"


def xmp_packet(kind: str, creator_tool: str, rights: str = "") -> bytes:
    """Return an XMP packet with source type, creator tool and, if given, rights."""
    held = f'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">{escape(rights)}</rdf:li></rdf:Alt></dc:rights>'
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<Iptc4xmpExt:DigitalSourceType>{VOCABULARY}{kind}</Iptc4xmpExt:DigitalSourceType>"
        f"<xmp:CreatorTool>{escape(creator_tool)}</xmp:CreatorTool>{held if rights else ''}"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
