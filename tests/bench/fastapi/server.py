"""The stack that was replaced, doing what api/ does for two of its routes: GET /v1/me and POST /v1/sessions.

The same token (EdDSA; algorithm, issuer, audience, type, key id and lifetime checked), the same address believed, the same
two limits counted in Redis (in memory without it), the same bounds on body and time, work that ends with its client, the
same validation, the same statement (a start is one function of the database, for both), the same reply kept under its
Idempotency-Key, the same origins, headers, metric and line in the log. Where FastAPI leaves a choice, the faster one is
taken: no model for the reply, orjson, plain ASGI middleware, hiredis, httptools, uvloop, no reset of a connection, and
what is known of an address or a token is remembered, and a request whose token is known is counted both ways by one call,
as in api/. What api/ gathers beyond one request (the counts of one turn of the event loop, the lines of the log) is its own
doing.
"""

import asyncio
import hashlib
import ipaddress
import os
import re
import time
import uuid
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from functools import lru_cache
from typing import Annotated

import asyncpg
import jwt
import orjson
import redis.asyncio
import uvicorn
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Histogram
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.cors import CORSMiddleware
from ulid import ULID

SECRET = bytes.fromhex(os.environ["TOKEN_KEY"])
ISSUER = os.environ["ISSUER"]
AUDIENCE = "wasd-cloud-api"
KEY_ID = hashlib.sha256(b"EdDSA key id" + SECRET).hexdigest()[:16]
VERIFYING = Ed25519PrivateKey.from_private_bytes(SECRET).public_key()
with open(os.environ["CATALOGUE_FILE"]) as file:
    CATALOGUE = yaml.safe_load(file)

WINDOW_SECONDS = 60
LIMITS = {"read": 120, "start": 10, "address": 1200}
REQUEST_SECONDS = 10
ANY_BODY_BYTES, BODY_BYTES = 256 * 1024, 16 * 1024
HOLD_BLOCK_SECONDS = 900
MINIMUM_SECONDS = 60
DEFAULT_REGIONS = ["centralindia"]

# Of each key, until one is past its limit: how much is consumed, and the milliseconds until that begins anew.
COUNT = """local counted = {}
for index, key in ipairs(KEYS) do
  redis.call('set', key, 0, 'EX', ARGV[1], 'NX')
  local consumed = redis.call('incr', key)
  local ttl = redis.call('pttl', key)
  if ttl == -1 then
    redis.call('expire', key, ARGV[1])
    ttl = 1000 * ARGV[1]
  end
  counted[2 * index - 1] = consumed
  counted[2 * index] = ttl
  if consumed > tonumber(ARGV[index + 1]) then break end
end
return counted"""

STATUSES = {
    "Unauthenticated": 401, "SignedOut": 401, "TooManyRequests": 429, "InvalidRequest": 422, "BodyTooLarge": 413,
    "IdempotencyKeyMissing": 400, "IdempotencyKeyReused": 422, "IdempotencyInFlight": 409, "GameUnknown": 422,
    "TierUnknown": 422, "RegionUnknown": 422, "SessionActive": 409, "InsufficientFunds": 402, "TimedOut": 503,
    "ClientGone": 408,
}  # fmt: skip


class Problem(Exception):
    def __init__(self, code: str, headers: dict[str, str] | None = None, faults: list | None = None):
        self.code, self.headers, self.faults = code, headers or {}, faults


async def no_reset(connection: asyncpg.Connection) -> None:
    """A pool resets what it is given back, by a round trip of its own; nothing here needs that, and nor does api/."""


class Stores:
    pool: asyncpg.Pool
    count: redis.commands.core.AsyncScript


@asynccontextmanager
async def lifespan(_: FastAPI):
    connections = int(os.environ["CONNECTIONS"])
    settings = {"application_name": "fastapi", "statement_timeout": "15000"}
    Stores.pool = await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=connections, max_size=connections, server_settings=settings, reset=no_reset
    )
    Stores.count = redis.asyncio.from_url(os.environ["REDIS_URL"], socket_timeout=5).register_script(COUNT)
    yield
    await Stores.pool.close()


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.exception_handler(Problem)
async def problem(request: Request, error: Problem) -> Response:
    status = STATUSES[error.code]
    body = {
        "type": f"urn:wasd-cloud:problem:{error.code}", "title": error.code, "status": status, "detail": error.code,
        "code": error.code, "requestId": request.scope["request_id"],
    }  # fmt: skip
    if error.faults is not None:
        body["faults"] = error.faults
    headers = {"Cache-Control": "no-store", **error.headers}
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, error: RequestValidationError) -> Response:
    faults = [{"at": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()]
    return await problem(request, Problem("InvalidRequest", faults=faults))


MEMORY_SUBJECTS = 65_536
counted: dict[str, tuple[int, float]] = {}


def count_here(asked: tuple[tuple[str, str], ...]) -> list[int]:
    now, found = time.monotonic(), []
    for name, subject in asked:
        key = f"{name}:{hash(subject) % MEMORY_SUBJECTS}"
        consumed, ends = counted.get(key, (0, 0.0))
        if ends <= now:
            consumed, ends = 0, now + WINDOW_SECONDS
        counted[key] = (consumed + 1, ends)
        found += [consumed + 1, round((ends - now) * 1000)]
        if consumed + 1 > LIMITS[name]:
            break
    return found


async def count(*asked: tuple[str, str]) -> dict[str, str]:
    """Throws TooManyRequests. What the reply's headers say, of the last that was counted."""
    try:
        keys = [f"fastapi:limit:{name}:{subject}" for name, subject in asked]
        found = await Stores.count(keys, [WINDOW_SECONDS, *[LIMITS[name] for name, _ in asked]])
    except redis.exceptions.RedisError:
        found = count_here(asked)
    consumed, milliseconds = found[-2:]
    limit = LIMITS[asked[len(found) // 2 - 1][0]]
    headers = {
        "RateLimit-Limit": str(limit), "RateLimit-Remaining": str(max(0, limit - consumed)),
        "RateLimit-Reset": str(-(-milliseconds // 1000)), "RateLimit-Policy": f"{limit};w={WINDOW_SECONDS}",
    }  # fmt: skip
    if consumed > limit:
        raise Problem("TooManyRequests", {**headers, "Retry-After": str(-(-milliseconds // 1000))})
    return headers


PROXIES = [
    ipaddress.ip_network(block)
    for block in ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
                  "::1/128", "fc00::/7", "fe80::/10"]
]  # fmt: skip


@lru_cache(maxsize=4096)
def is_proxy(peer: str) -> bool:
    address = ipaddress.ip_address(peer)
    return any(address in block for block in PROXIES)


@lru_cache(maxsize=65_536)
def plain(address: str) -> str | None:
    """An IPv6 client is its /64; `None` is no address."""
    try:
        known = ipaddress.ip_address(address.removeprefix("::ffff:"))
    except ValueError:
        return None
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))


def address_of(request: Request) -> str:
    """The nearest balancer's word, where the peer is one."""
    peer = request.client.host
    last = plain(request.headers.get("x-forwarded-for", "").split(",")[-1].strip())
    return last if last is not None and is_proxy(peer) else plain(peer) or peer


BEARER = re.compile(r"Bearer ([\w.~+/-]+=*)", re.IGNORECASE)
ULID_SHAPE = re.compile(r"[0-9a-z]{26}")


class Caller:
    def __init__(self, player_id: str, sign_in_id: str, expires_at: int):
        self.player_id, self.sign_in_id = player_id, sign_in_id
        self.expires_at = expires_at


# As api/ does: of a token whose signature was verified before, only the time is asked again.
SEEN_TOKENS = 10_000
seen: dict[str, Caller] = {}


class Asked:
    def __init__(self, who: Caller, headers: dict[str, str]):
        self.who, self.headers = who, headers


def asking(name: str, operation: str):
    """Who asks, counted by address, and as a player of this operation: together where the token is known."""

    async def asked(request: Request) -> Asked:
        address = ("address", address_of(request))
        match = BEARER.fullmatch(request.headers.get("authorization", "")[:4096])
        before = None if match is None else seen.get(match[1])
        if before is not None and time.time() < before.expires_at:
            return Asked(before, await count(address, (name, f"{operation}:{before.player_id}")))
        await count(address)
        if match is None:
            raise Problem("Unauthenticated")
        who = verified(match[1])
        return Asked(who, await count((name, f"{operation}:{who.player_id}")))

    return Depends(asked)


def verified(token: str) -> Caller:
    try:
        decoded = jwt.decode_complete(
            token, VERIFYING, ["EdDSA"], audience=AUDIENCE, issuer=ISSUER, options={"require": ["exp", "iat"]}
        )
    except jwt.PyJWTError:
        raise Problem("Unauthenticated") from None
    header, claims = decoded["header"], decoded["payload"]
    subject, sign_in = claims.get("sub", ""), claims.get("sid", "")
    if header.get("kid") != KEY_ID or header.get("typ") != "at+jwt":
        raise Problem("Unauthenticated")
    if not ULID_SHAPE.fullmatch(subject) or not ULID_SHAPE.fullmatch(sign_in):
        raise Problem("Unauthenticated")
    if len(seen) >= SEEN_TOKENS:
        seen.clear()
    known = seen[token] = Caller(subject, sign_in, claims["exp"])
    return known


@app.get("/v1/me")
async def me(asked: Annotated[Asked, asking("read", "getMe")]) -> Response:
    who, headers = asked.who, asked.headers
    row = await Stores.pool.fetchrow("SELECT * FROM players WHERE id = $1 AND deleted_at IS NULL", who.player_id)
    if row is None:
        raise Problem("Unauthenticated", headers)
    shown = {"id": row["id"], "telegramUserId": str(row["telegram_user_id"]), "firstName": row["first_name"]}
    if row["language_code"] is not None:
        shown["languageCode"] = row["language_code"]
    shown["createdAt"] = told(row["created_at"])
    return Response(orjson.dumps(shown), 200, {"Cache-Control": "no-store", **headers}, "application/json")


CatalogueKey = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
RegionName = Annotated[str, Field(pattern=r"^[a-z0-9]{1,20}$")]


class Start(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    game: CatalogueKey
    tier: CatalogueKey
    regions: Annotated[list[RegionName], Field(min_length=1, max_length=8)] | None = None


KEY = re.compile(r"[\w-]{16,255}", re.ASCII)


@app.post("/v1/sessions")
async def start_session(
    request: Request, asked: Annotated[Asked, asking("start", "startSession")], wish: Start
) -> Response:
    now = datetime.now(timezone.utc)
    who, headers = asked.who, asked.headers
    key = request.headers.get("idempotency-key", "")
    if not KEY.fullmatch(key):
        raise Problem("IdempotencyKeyMissing", headers)
    body = await request.body()
    if len(body) > BODY_BYTES:
        raise Problem("BodyTooLarge", headers)
    text = b"\n".join([request.method.encode(), request.url.path.encode(), body])
    hashed = hashlib.sha256(b"request\n" + text).digest()
    rate, regions = terms_of(wish)
    session_id, paid = str(ULID()).lower(), HOLD_BLOCK_SECONDS
    for _ in range(5):
        reply = orjson.dumps(shown(session_id, wish, regions, rate, paid, now))
        row = await Stores.pool.fetchrow(
            "SELECT * FROM session_start_answered($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            who.player_id, key, hashed, reply.decode(), who.sign_in_id, session_id, who.player_id, wish.game,
            wish.tier, regions, rate, HOLD_BLOCK_SECONDS, MINIMUM_SECONDS, paid, now,
        )  # fmt: skip
        if row["outcome"] != "PaidOtherwise":
            break
        paid = row["paid_seconds"]
    if row["outcome"] == "Kept":
        replay = {"Idempotency-Replayed": "true", "Cache-Control": "no-store", **headers}
        return Response(row["kept_body"], 201, replay, "application/json")
    if row["outcome"] != "Held":
        raise Problem("IdempotencyInFlight" if row["outcome"] == "PaidOtherwise" else row["outcome"], headers)
    return Response(reply, 201, {"Cache-Control": "no-store", **headers}, "application/json")


def terms_of(wish: Start) -> tuple[int, list[str]]:
    game, tier = CATALOGUE["games"].get(wish.game), CATALOGUE["tiers"].get(wish.tier)
    if game is None:
        raise Problem("GameUnknown")
    if tier is None or wish.tier not in game["tiers"]:
        raise Problem("TierUnknown")
    regions = list(dict.fromkeys(wish.regions or DEFAULT_REGIONS))
    if any(region not in CATALOGUE["regions"] for region in regions):
        raise Problem("RegionUnknown")
    return tier["pricePaisePerHour"], regions


def shown(session_id: str, wish: Start, regions: list[str], rate: int, paid: int, now: datetime) -> dict:
    return {
        "id": session_id, "game": wish.game, "tier": wish.tier, "regions": regions, "state": "Starting",
        "desiredState": "Running", "pricePaisePerHour": rate, "paidSeconds": paid, "playedSeconds": 0, "costPaise": 0,
        "interruptions": [], "createdAt": told(now),
    }  # fmt: skip


def told(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


ALWAYS = [
    (b"cross-origin-resource-policy", b"same-origin"), (b"cross-origin-opener-policy", b"same-origin"),
    (b"origin-agent-cluster", b"?1"), (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=15552000; includeSubDomains"), (b"x-content-type-options", b"nosniff"),
    (b"x-dns-prefetch-control", b"off"), (b"x-download-options", b"noopen"), (b"x-frame-options", b"DENY"),
    (b"x-permitted-cross-domain-policies", b"none"), (b"x-xss-protection", b"0"),
]  # fmt: skip


SECRET_FIELDS = {"token", "secret", "password", "authorization", "keySecret", "key_secret", "webhookSecret"}


def redacted(fields: dict) -> dict:
    if SECRET_FIELDS.isdisjoint(fields):
        return fields
    return {name: "[redacted]" if name in SECRET_FIELDS else value for name, value in fields.items()}


async def taken(receive):
    """The whole body, within its bound, as the inner application will receive it."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        body, more = body + message["body"], message["more_body"]
        if len(body) > ANY_BODY_BYTES:
            raise Problem("BodyTooLarge")

    async def given():
        return {"type": "http.request", "body": body, "more_body": False}

    return given


async def follow(receive, work: asyncio.Task) -> None:
    """Nothing is done for nobody."""
    while (await receive())["type"] != "http.disconnect":
        pass
    work.cancel()


class Observed:
    """What every request gets: an id, secure headers, bounds on body and time, one count, one line in the log."""

    def __init__(self, inner):
        self.inner = inner
        self.durations = Histogram(
            "http_request_duration_seconds", "Seconds to answer a request.", ["method", "route", "status"],
            buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], registry=CollectorRegistry(),
        )  # fmt: skip

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.inner(scope, receive, send)
        request_id = scope["request_id"] = str(uuid.uuid4())
        begun, status, follower = time.monotonic(), None, None

        async def observed(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *ALWAYS, (b"x-request-id", request_id.encode())]
            await send(message)

        refusal = None
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                given = await taken(receive)
                follower = asyncio.create_task(follow(receive, asyncio.current_task()))
                await self.inner(scope, given, observed)
        except TimeoutError:
            refusal = Problem("TimedOut", {"Retry-After": "1"})
        except Problem as error:
            refusal = error
        except asyncio.CancelledError:
            status = STATUSES["ClientGone"]
        finally:
            if follower is not None:
                follower.cancel()
        if refusal is not None and status is None:
            await (await problem(Request(scope), refusal))(scope, receive, observed)
        self.told(scope, status, time.monotonic() - begun)

    def told(self, scope, status: int | None, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self.durations.labels(scope["method"], route, status).observe(seconds)
        line = {
            "level": "info", "time": told(datetime.now(timezone.utc)), "program": "api",
            "requestId": scope["request_id"], "method": scope["method"], "route": route, "status": status,
            "milliseconds": round(seconds * 1000), "message": "Answered a request",
        }  # fmt: skip
        os.write(1, orjson.dumps(redacted(line)) + b"\n")


SHARED = CORSMiddleware(
    app, allow_origins=["https://portal.example.com"], allow_methods=["GET", "POST", "DELETE"], max_age=600,
    allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Wasd-Player"],
    expose_headers=["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy", "Retry-After",
                    "Idempotency-Replayed", "X-Request-Id"],
)  # fmt: skip


class Told(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(f"port {self.servers[0].sockets[0].getsockname()[1]}", flush=True)


if __name__ == "__main__":
    Told(
        uvicorn.Config(
            Observed(SHARED), host="127.0.0.1", port=0, loop="uvloop", http="httptools", workers=1, access_log=False,
            log_level="warning", server_header=False, lifespan="on",
        )  # fmt: skip
    ).run()
