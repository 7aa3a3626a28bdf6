"""Who a request is from: the table of the contract's section 5, row by row."""

import hashlib
import ssl

import pytest

from tests.wao_core.serving.authority import Authority
from wao_core.serving.auth.authentication import Authenticator, Credentials
from wao_core.serving.auth.identity import ANONYMOUS, User
from wao_core.serving.auth.trust import Trust, trust_of
from wao_core.serving.peercert import TlsPeer
from wao_core.serving.status import StatusError

PROXY, CLIENTS = Authority.new("front-proxy-ca"), Authority.new("cluster-ca")
DATA = {
    "client-ca-file": CLIENTS.pem,
    "requestheader-client-ca-file": PROXY.pem,
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-username-headers": '["X-Remote-User"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
}
ADMIN = [(b"x-remote-user", b"kubernetes-admin"), (b"x-remote-group", b"system:masters")]


def peer(authority: Authority, name: str, *groups: str) -> TlsPeer:
    root = hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority.pem)).hexdigest()
    return TlsPeer(name, groups, "leaf", root)


class Tokens:
    async def review_token(self, token: str) -> User | None:
        return User("robot", ("bots",)) if token == "good" else None


async def user_of(peer: TlsPeer | None, headers: list[tuple[bytes, bytes]], data: dict[str, str] = DATA) -> User | int:
    authenticator = Authenticator(lambda: trust_of(data), Tokens())
    try:
        return await authenticator.authenticate(Credentials.of(peer, headers))
    except StatusError as error:
        return error.code if error.message == "Unauthorized" else 0


CREDENTIAL = (("authentication.kubernetes.io/credential-id", ("X509SHA256=leaf",)),)


@pytest.mark.parametrize(
    ("who", "headers", "expected"),
    [
        (None, [], ANONYMOUS),
        (None, ADMIN, ANONYMOUS),
        (
            peer(PROXY, "front-proxy-client"),
            ADMIN,
            User("kubernetes-admin", ("system:masters", "system:authenticated")),
        ),
        (peer(PROXY, "front-proxy-client"), [], 401),
        (peer(PROXY, "someone-else"), ADMIN, 401),
        (
            peer(CLIENTS, "front-proxy-client"),
            ADMIN,
            User("front-proxy-client", ("system:authenticated",), extra=CREDENTIAL),
        ),
        (
            peer(CLIENTS, "alice", "dev", "ops"),
            ADMIN,
            User("alice", ("dev", "ops", "system:authenticated"), extra=CREDENTIAL),
        ),
        (peer(Authority.new("unknown"), "alice"), [], 401),
        (TlsPeer("front-proxy-client", (), "leaf", None), ADMIN, 401),
        (None, [(b"authorization", b"Bearer good")], User("robot", ("bots", "system:authenticated"))),
        (None, [(b"authorization", b"bearer  good")], User("robot", ("bots", "system:authenticated"))),
        (None, [(b"authorization", b"Bearer bad")], 401),
        (None, [(b"authorization", b"Bearer " + b"x" * 20_000)], 401),
        (None, [(b"authorization", b"Basic dTpw")], ANONYMOUS),
        (
            peer(PROXY, "someone-else"),
            [(b"authorization", b"Bearer good")],
            User("robot", ("bots", "system:authenticated")),
        ),
    ],
)
async def test_table(who: TlsPeer | None, headers: list[tuple[bytes, bytes]], expected: User | int) -> None:
    assert await user_of(who, headers) == expected


async def test_all_that_the_front_proxy_says_of_a_user() -> None:
    headers = [
        (b"x-remote-user", b"jane"),
        (b"x-remote-group", b"a,b"),
        (b"x-remote-group", b"c"),
        (b"x-remote-uid", b"42"),
        (b"x-remote-extra-example.org%2ffoo", b"1"),
        (b"x-remote-extra-example.org%2ffoo", b"2"),
    ]
    assert await user_of(peer(PROXY, "front-proxy-client"), headers) == User(
        "jane", ("a,b", "c", "system:authenticated"), "42", (("example.org/foo", ("1", "2")),)
    )


async def test_without_allowed_names_any_name_of_the_proxys_authority_counts() -> None:
    for names in ("", "[]"):
        user = await user_of(peer(PROXY, "anyone"), ADMIN, DATA | {"requestheader-allowed-names": names})
        assert isinstance(user, User)
        assert user.name == "kubernetes-admin"


async def test_a_removed_authority_counts_no_more_on_an_open_connection() -> None:
    trust = trust_of(DATA)
    authenticator = Authenticator(lambda: trust)
    credentials = Credentials.of(peer(CLIENTS, "alice"), [])
    assert (await authenticator.authenticate(credentials)).name == "alice"
    trust = Trust()
    with pytest.raises(StatusError):
        await authenticator.authenticate(credentials)


async def test_the_user_of_a_request_with_long_headers_is_not_remembered() -> None:
    trust = trust_of(DATA)
    authenticator = Authenticator(lambda: trust, Tokens())
    who = peer(CLIENTS, "alice", "dev")
    for size in (10, 60_000):
        await authenticator.authenticate(Credentials.of(who, [(b"x-anything", b"a" * size)]))
    assert [credentials.size < 100 for credentials in authenticator.remembered] == [True]


def test_all_values_of_a_header_are_kept_in_their_order() -> None:
    """One header a thousand times: in quadratic time, this test would be stopped."""
    raw = [(b"x-remote-group", str(number).encode()) for number in range(300_000)]
    found = Credentials.of(None, [*raw, (b"x-other", b"1"), (b"cookie", b"2")]).headers()
    assert found == {"x-remote-group": tuple(map(str, range(300_000))), "x-other": ("1",)}
