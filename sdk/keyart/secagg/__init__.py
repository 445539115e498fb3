"""Secure aggregation: a server learns the sum of a cohort's vectors, and no single vector.

This is the device's half; the server's half is `keyart_federated.secagg`, and docs/reference/protocol.md specifies
both. It may use numpy, cryptography and `keyart.errors`, and no other package. Import names from here; each brings
its module on first use.

    parameters      what is added up, and how many devices must be in it
    certification_request  what a device sends to an issuer
    revocation_list certificates that count no more
    identity        who takes part: certified signing keys
    graph           who is whose neighbour, and how many of them rebuild a secret
    key_agreement   keys of a round, derived and agreed
    shamir          shares of secrets
    masks           streams that hide a vector
    messages        the bytes on the wire
    device_session  the device's part, stage by stage
    session_codec   a session as bytes, between two stages
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy_exports

if TYPE_CHECKING:
    from .certification_request import CHALLENGE_BYTES, MAX_REQUEST_BYTES, CertificationRequest
    from .device_session import DeviceSession, add_pairwise
    from .graph import MAX_NEIGHBOURS, Graph, min_required, ring_position
    from .identity import (
        CERTIFICATE_BYTES,
        RECORD_BYTES,
        Identity,
        VerifiedPeer,
        certify,
        verify_record,
        verify_registration,
    )
    from .key_agreement import KEY_BYTES, agree_secret, commitment, derive_key, masking_key, unseal
    from .masks import Lanes, mask_lanes, to_signed
    from .messages import (
        DIGESTS_BYTES,
        HEADER_BYTES,
        KEYS_BYTES,
        REPLY_FLAG,
        SEALED_BYTES,
        KeysReply,
        KeysRequest,
        MaskedReply,
        MaskedRequest,
        PacketPart,
        ShareReply,
        ShareRequest,
        Stage,
        UnmaskReply,
        UnmaskRequest,
        message_body,
        message_header,
        packets_asked,
    )
    from .parameters import MODULUS_BITS, AggregationParameters, modulus_bits
    from .revocation_list import RevocationList
    from .session_codec import session_from_bytes, session_to_bytes
    from .shamir import SHARE_BYTES, join_shares

__all__ = [
    "CERTIFICATE_BYTES",
    "CHALLENGE_BYTES",
    "DIGESTS_BYTES",
    "HEADER_BYTES",
    "KEYS_BYTES",
    "KEY_BYTES",
    "MAX_NEIGHBOURS",
    "MAX_REQUEST_BYTES",
    "MODULUS_BITS",
    "RECORD_BYTES",
    "REPLY_FLAG",
    "SEALED_BYTES",
    "SHARE_BYTES",
    "AggregationParameters",
    "CertificationRequest",
    "DeviceSession",
    "Graph",
    "Identity",
    "KeysReply",
    "KeysRequest",
    "Lanes",
    "MaskedReply",
    "MaskedRequest",
    "PacketPart",
    "RevocationList",
    "ShareReply",
    "ShareRequest",
    "Stage",
    "UnmaskReply",
    "UnmaskRequest",
    "VerifiedPeer",
    "add_pairwise",
    "agree_secret",
    "certify",
    "commitment",
    "derive_key",
    "join_shares",
    "mask_lanes",
    "masking_key",
    "message_body",
    "message_header",
    "min_required",
    "modulus_bits",
    "packets_asked",
    "ring_position",
    "session_from_bytes",
    "session_to_bytes",
    "to_signed",
    "unseal",
    "verify_record",
    "verify_registration",
]

__getattr__ = _lazy_exports(
    __name__,
    {
        "certification_request": "CHALLENGE_BYTES MAX_REQUEST_BYTES CertificationRequest",
        "device_session": "DeviceSession add_pairwise",
        "graph": "MAX_NEIGHBOURS Graph min_required ring_position",
        "identity": "CERTIFICATE_BYTES RECORD_BYTES Identity VerifiedPeer certify verify_record verify_registration",
        "key_agreement": "KEY_BYTES agree_secret commitment derive_key masking_key unseal",
        "masks": "Lanes mask_lanes to_signed",
        "messages": (
            "DIGESTS_BYTES HEADER_BYTES KEYS_BYTES REPLY_FLAG SEALED_BYTES KeysReply KeysRequest MaskedReply "
            "MaskedRequest PacketPart ShareReply ShareRequest Stage UnmaskReply UnmaskRequest message_body "
            "message_header packets_asked"
        ),
        "parameters": "MODULUS_BITS AggregationParameters modulus_bits",
        "revocation_list": "RevocationList",
        "session_codec": "session_from_bytes session_to_bytes",
        "shamir": "SHARE_BYTES join_shares",
    },
)
