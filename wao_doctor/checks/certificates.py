"""Check `certificates`: valid, published, and signed by what is published. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from wao_core.serving.expiry import SOON
from wao_doctor.facts import Certificate, CertificatePlace, Facts, Missing, known
from wao_doctor.findings import Finding, Kind, Outcome, Severity, duration, plural

_RENEW = (
    "Look at the log of the controller: `kubectl -n wao-system logs deploy/wao-controller`. It issues a Secret that "
    "is deleted again within 20 s: `kubectl -n wao-system delete secret NAME`"
)

EXPIRED = Kind(
    "certificate-expired",
    Severity.ERROR,
    "A certificate has expired.",
    "Clients refuse the server, or the server refuses its client: the API server gets no metrics, kube-scheduler no "
    "scores, or the node agents no weights.",
    "the subject, and how long ago it expired",
    _RENEW,
)
EXPIRES = Kind(
    "certificate-expires",
    Severity.WARNING,
    "A certificate expires soon and was not renewed.",
    "Renewal was due 30 days before the expiry. After the expiry, the same happens as with an expired certificate.",
    "the subject, and the time that is left",
    _RENEW,
)
NOT_YET = Kind(
    "certificate-not-yet-valid",
    Severity.ERROR,
    "A certificate is not valid yet.",
    "Clients refuse the server. Usually the clock of the machine that issued it was ahead.",
    "the subject, and when it becomes valid",
    "Synchronise the clocks, then delete the Secret, so that it is issued again.",
)
UNPUBLISHED = Kind(
    "authority-not-published",
    Severity.ERROR,
    "Clients do not have the authority of the servers.",
    "The API server, kube-scheduler or the node agents cannot verify the servers of WAO, and refuse them.",
    "what is missing or differs",
    "Make the controller run and lead: it writes the ConfigMap wao-ca, its copy in wao-node, and caBundle of the "
    "APIServices.",
)
UNTRUSTED = Kind(
    "certificate-untrusted",
    Severity.ERROR,
    "A certificate is not signed by a published authority.",
    "Clients that trust the ConfigMap wao-ca refuse it.",
    "the subject of the certificate",
    _RENEW + ". With cert-manager, copy the certificate of the issuer into the ConfigMap wao-system/wao-ca.",
)
LACKING = Kind(
    "certificate-missing",
    Severity.ERROR,
    "A Secret with a certificate is missing.",
    "The Pods that mount it do not start.",
    "the Secret does not exist",
    "Make the controller run and lead; it issues the certificate within 20 s.",
)
UNREAD = Kind(
    "certificate-not-read",
    Severity.UNKNOWN,
    "A certificate could not be examined.",
    "The account of wao doctor may not read Secrets, which also contain private keys. The metric "
    "`wao_serving_cert_expiry_timestamp_seconds` shows the expiry as well.",
    "the refused request",
    "Run wao doctor --only certificates as an administrator.",
)
KINDS = (EXPIRED, EXPIRES, NOT_YET, UNPUBLISHED, UNTRUSTED, LACKING, UNREAD)
_BUNDLES = ("authority", "caBundle")


def check_certificates(facts: Facts) -> Outcome:
    """Examine all certificates."""
    places = known(facts.certificates)
    found = [finding for place in places for finding in _examine(place, facts.now)]
    ends = [item.end for place in places if not isinstance(place.certificates, Missing) for item in place.certificates]
    unread = [place for place in places if isinstance(place.certificates, Missing) and place.used_for not in _BUNDLES]
    if len(unread) > 1:  # one reason for all
        assert isinstance(unread[0].certificates, Missing)
        found = [item for item in found if item.kind != UNREAD.name]
        found.append(UNREAD.found([place.place for place in unread], unread[0].certificates.reason))
    first = f", the first expires in {duration(min(ends) - facts.now)}" if ends else ""
    return Outcome(f"{plural(len(ends), 'certificate')}{first}", found)


def _examine(place: CertificatePlace, now: float) -> Iterator[Finding]:
    held = place.certificates
    if isinstance(held, Missing):
        if place.used_for in _BUNDLES:
            yield UNPUBLISHED.found(place.place, held.reason)
        else:
            yield UNREAD.found(place.place, held.reason)
        return
    if not held:
        yield LACKING.found(place.place, "it does not exist")
    if not place.agrees:
        yield UNPUBLISHED.found(place.place, "it lacks certificates of ConfigMap wao-ca")
    for item in held:
        yield from _validity(place, item, now)
        if not item.trusted:
            yield UNTRUSTED.found(place.place, item.subject)


def _validity(place: CertificatePlace, item: Certificate, now: float) -> Iterator[Finding]:
    if now < item.begin:
        yield NOT_YET.found(place.place, f"{item.subject} becomes valid in {duration(item.begin - now)}")
    elif now >= item.end:
        yield EXPIRED.found(place.place, f"{item.subject} expired {duration(now - item.end)} ago")
    elif item.end - now < SOON:
        yield EXPIRES.found(place.place, f"{item.subject} expires in {duration(item.end - now)}")
