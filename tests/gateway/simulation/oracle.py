"""Who is right: what upstreams counted, what clients got, what was held, settled and billed.

Everything is compared after the schedule, when the last gateway has stopped and the worker has
moved the last record. It shares no code with the gateway but prices, records and windows.
"""

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.gateway.simulation.clients import Asked
from tests.gateway.simulation.life import Attempt, Life
from tests.gateway.simulation.upstreams import Served
from tramontane.money import Usage, cost_nano
from tramontane.store.records import UsageRecord, Window
from tramontane.store.windows import DAY_MS, bounds

if TYPE_CHECKING:
    from tests.gateway.simulation.world import World

ENDED_HERE = ("client_left", "revoked", "project_closed", "stopping")
MUST_FAIL = ("error_event", "type", "garbage_head", "die_unread", "stall_silent")
UNREADABLE = ("framing", "junk_event")  # may be refused or passed on
AFTER_BYTES = 64  # what may follow the end of an answer in its body
_SERVING = re.compile(rb": serving deployment=(\S+)\n\n")
STATUSES = {200, 400, 401, 403, 404, 405, 408, 413, 429, 431, 501, 502, 503, 504, 505}


# --- while it runs -----------------------------------------------------------------------------


def what_is_left(life: Life) -> dict[str, Any]:
    """Return the counts that are to be nothing when nobody is served."""
    gateway, ledger = life.gateway, life.ledger
    pools = [service.pool for service in gateway._services.values()] + [gateway._studio]
    accounts = (*ledger._projects.values(), *ledger._keys.values())
    return {
        "connections": len(gateway._connections),
        "exchanges": len(gateway._exchanges),
        "buffered bytes": gateway.buffered_bytes,
        "open holds": ledger.open_holds,
        "held": sum(abs(account.held_nano) for account in accounts),
        "in flight": sum(service.gate.in_flight for service in gateway._services.values()),
        "waiting": sum(service.gate.waiting for service in gateway._services.values()),
        "idle upstreams": sum(len(pool._idle) for pool in pools),
        "lingering": sum(len(pool._lingering) for pool in pools),
        "connecting": sum(len(pool._tasks) for pool in pools),
        "sockets": [end.name for end in life._network.ends],
    }


def is_idle(life: Life) -> bool:
    """Whether nothing is left of what was served."""
    return not any(what_is_left(life).values())


def check_idle(life: Life) -> None:
    """Budgets and places are as if nothing had ever been under way."""
    ledger = life.ledger
    for account in (*ledger._projects.values(), *ledger._keys.values()):
        for window in account.limits:
            assert account.held_in(window) == 0
        lefts = [account.left_in(window) for window in account.limits]
        assert not lefts or account.available_nano == min(lefts)
    for service in life.gateway._services.values():
        gate = service.gate
        assert sorted(gate._free) == list(range(gate.max_in_flight))
        assert not gate._taken


# --- afterwards ----------------------------------------------------------------------------------


def judge(world: "World") -> None:
    """Raise AssertionError where anything was wrong."""
    attempts: dict[tuple[str, int], Attempt] = {}
    untold: set[tuple[str, int]] = set()
    for life in world.lives:
        assert not attempts.keys() & life.attempts.keys(), "an id was used in two lives"
        attempts.update(life.attempts)
        if life.beginning is not None:
            untold.add(life.beginning)
        judge_telemetry(life)
    exceeded: set[str] = set()
    for identity, attempt in attempts.items():
        judge_row(attempt, world.rows.get(identity), exceeded)
    strange = world.rows.keys() - attempts.keys() - untold
    assert not strange, f"billed without a hold: {strange}"
    judge_upstreams(world, attempts)
    judge_clients(world, attempts)
    judge_lost(world, attempts)
    judge_what_is_owed(world)
    judge_budgets(world, exceeded)
    world.seen["requests"] += len(world.asker.asked)
    world.seen["served upstream"] += sum(len(u.served) for u in world.upstreams.values())


def judge_telemetry(life: Life) -> None:
    """What operators see is what was settled, unless a crash came between the two."""
    if life.ended_by != "stop":
        return
    settled = [a.settled for a in life.attempts.values() if a.settled is not None]
    series = life.gateway.telemetry._series.values()
    assert sum(one.cost_nano for one in series) == sum(cost for _, cost, _, _ in settled)
    counts = [(usage.prompt_tokens, usage.completion_tokens) for usage, _, _, _ in settled]
    assert sum(one.prompt_tokens for one in series) == sum(prompt for prompt, _ in counts)
    assert sum(one.completion_tokens for one in series) == sum(output for _, output in counts)
    assert sum(one.estimated for one in series) == sum(estimated for *_, estimated, _ in settled)


def judge_row(attempt: Attempt, row: UsageRecord | None, exceeded: set[str]) -> None:
    """What the store has is what the gateway decided, or a loss between its bounds."""
    record, settled, ended_by = attempt.hold.record, attempt.settled, attempt.life.ended_by
    if ended_by == "stop":
        assert settled is not None, f"never settled: {record}"
    must_be_there = ended_by != "power" or attempt.synced
    must_be_exact = settled is not None and (
        attempt.settled_synced if ended_by == "power" else attempt.is_written
    )
    if ended_by == "stop":
        must_be_exact = attempt.is_written or attempt.life.wrote_all_down
    assert row is not None or not must_be_there, f"not billed: {record}"
    if settled is not None and settled[1] > record.bound_nano:
        exceeded |= {record.project_id, record.key_id}
    if row is None:
        return
    assert row.cost_nano >= 0
    assert (row.project_id, row.key_id, row.deployment) == (
        record.project_id, record.key_id, record.deployment,
    )  # fmt: skip
    assert row.started_at_ms == record.started_at_ms <= row.settled_at_ms
    if settled is None and row.status != "gateway_lost":
        assert attempt.life.settling is attempt.hold  # the crash came as it was written
        return
    if row.status != "gateway_lost":
        assert settled is not None
        usage, cost, estimated, status = settled
        assert row.cost_nano == cost == cost_nano(record.price, usage) or cost == 0, (row, settled)
        assert (row.prompt_tokens, row.completion_tokens, row.cached_tokens) == usage_of(usage)
        assert (row.estimated, row.status) == (estimated, status[:32])
        return
    assert not must_be_exact, f"settled, but billed as lost: {row} {settled}"
    assert row.estimated
    assert row.cost_nano <= record.bound_nano
    if settled is not None and row.cost_nano > settled[1]:
        exceeded |= {record.project_id, record.key_id}


def usage_of(usage: Usage) -> tuple[int, int, int]:
    """Return its three counts."""
    return usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens


def judge_upstreams(world: "World", attempts: dict[tuple[str, int], Attempt]) -> None:
    """What each upstream counted is what the gateway decided, where it could know."""
    found: dict[tuple[str, str], Attempt] = {}
    for attempt in attempts.values():
        record = attempt.hold.record
        place = (record.request_id, record.deployment)
        assert place not in found, "two attempts at one deployment"
        found[place] = attempt
    last: dict[tuple[str, str], Served] = {}
    for upstream in world.upstreams.values():
        for served in upstream.served:
            place = (served.request_id, served.deployment)
            assert place in found, f"served without a hold: {served}"
            if place in last:
                assert last[place].fault == "die_unread" or not last[place].delivered_bytes, (
                    "sent a second time though the first was answered"
                )
            last[place] = served
    for place, attempt in found.items():
        answer = last.get(place)
        if attempt.settled is not None:
            judge_settled(world, attempt, answer)
        elif answer is not None:
            assert not (answer.has_arrived and answer.status == 200), f"ended unsettled: {answer}"


def judge_settled(world: "World", attempt: Attempt, served: Served | None) -> None:
    """One attempt whose gateway decided what it cost."""
    assert attempt.settled is not None
    usage, cost, estimated, status = attempt.settled
    record = attempt.hold.record
    said = f"{record.request_id} {record.deployment} {attempt.settled} {served}"
    if served is None:
        assert cost == 0 or status in ENDED_HERE, f"charged for what was never served: {said}"
        assert cost <= record.bound_nano, said
        return
    known = served.usage
    if served.is_stream and world.upstreams[served.deployment].gives_usage == "never":
        known = None
    if served.has_arrived and served.status == 200:
        world.seen["whole"] += 1
        if len(served.payload) + AFTER_BYTES > world.settings.upstream.answer_bytes and (
            not served.is_stream or served.deployment == "engine"
        ):
            return  # too large to be gathered
        assert estimated == (known is None), said
        if known is not None:
            assert usage == known, said
            return
        world.seen["whole, without usage"] += 1
        assert usage.prompt_tokens > 0, said
        assert not served.is_stream or usage.completion_tokens >= min(
            len(served.texts), record.output_bound_tokens
        ), said
    elif served.fault in UNREADABLE:
        pass
    elif not estimated and cost:
        assert usage == known, said
        world.seen["cut, but counted"] += 1
    elif status in ENDED_HERE and served.status == 200 and served.fault in ("", "stall"):
        assert usage.prompt_tokens > 0 or not record.price.input_nano_per_mtok, said
    if estimated:
        assert cost <= record.bound_nano, said
        world.seen["estimated"] += 1


# --- clients -------------------------------------------------------------------------------------


def judge_clients(world: "World", attempts: dict[tuple[str, int], Attempt]) -> None:
    """Everybody got a whole answer that the upstream gave, an error, or a closed connection."""
    by_tag: dict[int, list[Served]] = {}
    for upstream in world.upstreams.values():
        for served in upstream.served:
            by_tag.setdefault(served.tag, []).append(served)
    bills: dict[str, list[Attempt]] = {}
    for attempt in attempts.values():
        bills.setdefault(attempt.hold.record.request_id, []).append(attempt)
    for asked in world.asker.asked:
        if not asked.status:
            world.seen["no answer" if asked.at_s else "not asked"] += 1
            continue
        assert asked.status in STATUSES, asked
        world.seen[f"status {asked.status}"] += 1
        if asked.status != 200:
            if asked.is_whole and asked.kind != "path":
                assert "error" in json.loads(asked.body), asked
        elif asked.kind == "chat":
            answers = by_tag.get(asked.tag, [])
            answers = [s for s in answers if s.deployment == deployment_of(asked)]
            if asked.is_stream:
                judge_stream(world, asked, answers)
            elif asked.is_whole:
                judge_whole(asked, answers, bills)
        elif asked.is_whole and asked.model in ("/somewhere", "/api/v1/x"):
            assert asked.body == asked.model.encode(), asked


def judge_lost(world: "World", attempts: dict[tuple[str, int], Attempt]) -> None:
    """What was delivered before the gateway was killed is billed, as far as its hold goes."""
    lost = {
        row.request_id: row
        for identity, row in world.rows.items()
        if row.status == "gateway_lost"
        and identity in attempts
        and attempts[identity].life.ended_by == "kill"
        and attempts[identity].settled is None  # else the disk had refused that, and more
    }
    for asked in world.asker.asked:
        row = lost.get(asked.request_id or "")
        if row is None or not asked.is_stream or deployment_of(asked) != row.deployment:
            continue
        got = [data for _, data in split(bytes(asked.body)) if data is not None]
        texts = [data for data in got if b'"delta":{"' in data and b'"content":"' in data]
        record = attempts[(row.request_id, row.attempt)].hold.record
        world.seen["lost after some was delivered"] += bool(texts)
        assert row.completion_tokens >= min(len(texts), record.output_bound_tokens), (asked, row)


def deployment_of(asked: Asked) -> str | None:
    """Return the deployment that the answer's head names, or the last comment before it."""
    named = asked.fields.get("x-tramontane-deployment")
    if named is None:
        found = _SERVING.findall(bytes(asked.body))
        named = found[-1].decode() if found else None
    return named


def judge_whole(asked: Asked, answers: list[Served], bills: dict[str, list[Attempt]]) -> None:
    """An answer that is no stream: the upstream's own, at the price that was charged."""
    assert answers, f"an answer from nowhere: {asked}"
    served = answers[-1]
    assert served.has_arrived or ended_with_connection(served) or served.fault in UNREADABLE, (
        asked, served,
    )  # fmt: skip
    if served.is_stream:  # an engine's, gathered
        if served.fault not in UNREADABLE:
            text = json.loads(asked.body)["choices"][0]["message"]["content"]
            assert (text or "") == "".join(served.texts), (asked, served)
    elif served.fault not in UNREADABLE:
        assert asked.body == served.payload, (asked, served)
    (attempt,) = [
        a for a in bills[served.request_id] if a.hold.record.deployment == served.deployment
    ]
    assert attempt.settled is not None
    cost = attempt.settled[1]
    assert asked.fields["x-tramontane-cost"] == f"{cost // 10**9}.{cost % 10**9:09d}", asked


def ended_with_connection(served: Served) -> bool:
    """Whether all choices had finished in a body that nothing but its connection's end framed."""
    return (
        served.ends_with_connection
        and served.ours.got_eof
        and served.finish_offset is not None
        and served.delivered_bytes >= served.finish_offset
    )


def judge_stream(world: "World", asked: Asked, answers: list[Served]) -> None:
    """A stream: what the upstream sent, and `[DONE]` only where that was whole."""
    events = split(bytes(asked.body))
    datas = [data for _, data in events if data is not None]
    is_done = b"[DONE]" in datas
    error = None
    if datas and not is_done and datas[-1].startswith(b'{"error":{"message"'):
        error = json.loads(datas[-1])
        if error["error"]["code"] == "upstream_rate_limited":
            world.seen["rate limited upstream in a stream"] += 1
    if not answers:  # it waited in the queue, no more
        assert not is_done, f"an answer from nowhere: {asked}"
        assert all(data is None or data is datas[-1] for _, data in events), asked
        return
    served = answers[-1]
    if is_done:
        world.seen["streams done"] += 1
        assert served.fault not in MUST_FAIL, (asked, served)
        assert served.has_arrived or ended_with_connection(served) or served.fault in UNREADABLE, (
            f"[DONE] after a dead upstream: {asked} {served}"
        )
    elif asked.is_whole:
        assert error is not None, f"a stream that ends without saying how: {asked} {served}"
        world.seen["streams broken"] += 1
    if served.fault in UNREADABLE:
        return
    if served.deployment == "engine":
        got = "".join(text_of(data) for data in datas)
        want = "".join(served.texts)
        assert want == got if is_done else want.startswith(got), (asked, served)
        return
    own = b"".join(raw for raw, data in events if not (data is None and is_ours(raw)))
    if error is not None and served.fault != "error_event":
        own = own[: own.rfind(b"data: ")]
    expected = served.payload
    if served.deployment == "asks" and not asked.wants_usage and served.usage_event:
        expected = expected.replace(served.usage_event, b"")
    expected = normal(expected)
    if not served.has_done:
        expected += b"data: [DONE]\n\n"
    if is_done and not served.has_arrived:  # the text is whole, what came behind it was cut off
        assert expected.startswith(own.removesuffix(b"data: [DONE]\n\n")), (asked, served, own)
    elif is_done:
        assert own == expected, (asked, served, own, expected)
    elif served.fault != "error_event":
        assert expected.startswith(own), (asked, served, own, expected)


def is_ours(raw: bytes) -> bool:
    """Whether these bytes are the gateway's own comment, or how long to wait before a retry."""
    return raw.startswith((b": queued", b": moved", b": serving"))


def text_of(data: bytes) -> str:
    """Return the text of one event."""
    if data == b"[DONE]":
        return ""
    said: dict[str, Any] = json.loads(data)
    parts = said.get("choices") or []
    return "".join(part["delta"].get("content") or "" for part in parts)


def split(body: bytes) -> list[tuple[bytes, bytes | None]]:
    """Return (bytes, data) of each whole event; line ends are `\\n` afterwards."""
    whole = normal(body).split(b"\n\n")[:-1]
    events: list[tuple[bytes, bytes | None]] = []
    for raw in whole:
        lines = [line for line in raw.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(line[5:].removeprefix(b" ") for line in lines) if lines else None
        events.append((raw + b"\n\n", data))
    return events


def normal(body: bytes) -> bytes:
    """Return `body` with one kind of line end."""
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def judge_what_is_owed(world: "World") -> None:
    """Where nothing befell the gateway, a client that behaves is answered in full."""
    troubles = ("crash", "stop", "vanish")
    if any(world.seen[name] for name in troubles) or world.settings.server.max_connections < 10:
        return
    for client in world.clients:
        if client.is_odd or client.end is None or client.end.link.is_slow:
            continue
        for asked in client.requests:
            if not asked.at_s:
                break
            if client.pipelines and not asked.is_whole:
                break  # an answer that closes may be lost with what comes behind its request
            world.seen["owed"] += 1
            is_old = b" HTTP/1.0\r\n" in asked.request
            may_be_cut = is_old or asked.kind == "path"
            assert asked.status, f"no answer: {asked}"
            assert asked.is_whole or may_be_cut, f"an answer cut short: {asked}"
            is_broken = (
                asked.status == 200
                and asked.is_stream
                and (not asked.body.rstrip().endswith(b"data: [DONE]"))
            )
            closes = asked.fields.get("connection") == "close"
            if is_old or is_broken or closes or not asked.is_whole:
                break


# --- budgets -------------------------------------------------------------------------------------


def spent(rows: Iterable[UsageRecord], id_: str, window: Window, at_ms: int) -> int:
    """Return what the rows of a project or key cost in the window around `at_ms`."""
    inside = bounds(window, at_ms)
    return sum(
        row.cost_nano
        for row in rows
        if id_ in (row.project_id, row.key_id) and inside.holds(row.started_at_ms)
    )


def judge_budgets(world: "World", exceeded: set[str]) -> None:
    """No window is overspent, but by what exceeded its hold or was settled and lost."""
    if len(world.all_limits) > 1:
        return
    rows = list(world.rows.values())
    for (_, id_, window), limit in world.limits.items():
        if id_ in exceeded:
            continue
        for at_ms in {row.started_at_ms // DAY_MS * DAY_MS for row in rows}:
            assert spent(rows, id_, window, at_ms) <= limit, (id_, window, limit)
            world.seen["budgets held"] += 1
