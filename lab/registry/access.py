"""Who is calling the Hub, and whether they may: passwords, tokens, challenges.

As at Docker Hub, a client that is refused is pointed to `/token`, shows name and password there
(or nothing, to pull what is public) and comes back with a token for the repositories it named.
Name and password are accepted everywhere, too.

Source: RFC 7235, RFC 6750, and the distribution project's token authentication specification.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.errors import Unauthorized
from lab.registry.accounts import Accounts
from lab.registry.errors import Code, Refused
from lab.registry.names import Repository, repository
from lab.registry.rights import Action, Rights
from lab.registry.tokens import LIFETIME, Claims, Tokens

_SCOPE = re.compile(r"repository(?:\([a-z]+\))?:([^:]+):([a-z,*]+)")
_ASKED = {Action.PULL: "pull", Action.PUSH: "pull,push", Action.DELETE: "delete"}


@dataclass(frozen=True, slots=True)
class Caller:
    """The one who sent a request; `account` is empty for somebody unknown.

    With a token, only what the token grants counts; `is_known` tells whether there was any
    proof of identity at all, be it that of nobody in particular.
    """

    account: str = ""
    token: Claims | None = None

    @property
    def is_known(self) -> bool:
        return bool(self.account) or self.token is not None


class Access:
    """Identifies callers and grants tokens.  Methods block (hashing takes about 20 ms)."""

    def __init__(
        self,
        accounts: Accounts,
        rights: Rights,
        tokens: Tokens,
        service: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._accounts = accounts
        self._rights = rights
        self._tokens = tokens
        self._service = service
        self._clock = clock

    def identify(self, header: str, realm: str) -> Caller:
        """Return who the Authorization header proves; Refused (UNAUTHORIZED) if the proof is bad.

        `realm` is the address of the token endpoint, for the challenge in the refusal.
        """
        scheme, _, value = header.partition(" ")
        match scheme.lower():
            case "":
                return Caller()
            case "basic":
                return Caller(self._check_password(value.strip()))
            case "bearer":
                return self._check_token(value.strip(), realm)
        raise self._challenge(realm)

    def require_known(self, caller: Caller, realm: str) -> None:
        """Refused (UNAUTHORIZED) unless the caller has shown a token or a password."""
        if not caller.is_known:
            raise self._challenge(realm)

    def may(self, caller: Caller, name: Repository, action: Action) -> bool:
        """Tell whether the caller may do this."""
        if caller.token is not None:
            return action in caller.token.access.get(name, ())
        return action in self._rights.of(caller.account, name)

    def sees(self, caller: Caller, name: Repository) -> bool:
        """Tell whether the caller could pull this, if need be with another token."""
        return Action.PULL in self._rights.of(caller.account, name)

    def require(
        self,
        caller: Caller,
        name: Repository,
        action: Action,
        realm: str,
        origin: Repository | None = None,
    ) -> None:
        """Refuse unless the caller may do this.

        DENIED if nothing that the caller could show would help, UNAUTHORIZED if another token,
        or a login, might.  `origin` is the repository that a blob is to be mounted from: a token
        for both is asked for if the caller can have one.
        """
        if self.may(caller, name, action) and not self._needs_more(caller, origin):
            return
        if caller.account and action not in self._rights.of(caller.account, name):
            raise Refused(Code.DENIED, detail={"name": name, "action": str(action)})
        scope = f"repository:{name}:{_ASKED[action]}"
        if origin is not None:
            scope += f" repository:{origin}:{_ASKED[Action.PULL]}"
        raise self._challenge(realm, scope, "insufficient_scope" if caller.token else "")

    def grant(self, caller: Caller, scopes: Iterable[str]) -> Mapping[str, object]:
        """Return the token endpoint's answer: a token for as much of `scopes` as is allowed."""
        access: dict[str, frozenset[str]] = {}
        for scope in " ".join(scopes).split():
            match = _SCOPE.fullmatch(scope)
            if match is None:
                continue  # a kind of scope that this registry has no use for
            allowed = self._rights.of(caller.account, repository(match[1]))
            wanted = set(match[2].split(","))
            actions = {str(action) for action in allowed if wanted & {str(action), "*"}}
            access[match[1]] = access.get(match[1], frozenset()) | actions
        now = self._clock()
        token = self._tokens.issue(Claims(caller.account, access), now)
        issued = datetime.fromtimestamp(int(now), UTC).isoformat().replace("+00:00", "Z")
        return {
            "token": token,
            "access_token": token,
            "expires_in": LIFETIME,
            "issued_at": issued,
        }

    def _needs_more(self, caller: Caller, origin: Repository | None) -> bool:
        """Tell whether another token would let the caller read `origin`, which this does not."""
        if origin is None or self.may(caller, origin, Action.PULL):
            return False
        return self.sees(caller, origin)

    def _check_password(self, encoded: str) -> str:
        try:
            decoded = base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            raise Refused(Code.UNAUTHORIZED, "malformed Basic credentials") from None
        name, _, password = decoded.partition(":")
        if not self._accounts.verify(name, password):
            raise Refused(Code.UNAUTHORIZED, "incorrect username or password")
        return name

    def _check_token(self, text: str, realm: str) -> Caller:
        try:
            claims = self._tokens.read(text, self._clock())
        except Unauthorized:
            raise self._challenge(realm, error="invalid_token") from None
        return Caller(claims.account, claims)

    def _challenge(self, realm: str, scope: str = "", error: str = "") -> Refused:
        parameters = {"realm": realm, "service": self._service, "scope": scope, "error": error}
        text = ",".join(f'{name}="{value}"' for name, value in parameters.items() if value)
        return Refused(Code.UNAUTHORIZED, headers={"WWW-Authenticate": f"Bearer {text}"})
