import { createHash } from "node:crypto";
import { z } from "zod";
import { connect, disconnect, type RedisConfig, within } from "./connection.js";

/** By the minute; none where there is no limit. */
interface Rates {
  requests?: number;
  tokens?: number;
}
interface Stated extends Rates {
  remainingRequests?: number;
  remainingTokens?: number;
  resetMs?: number;
}

export interface SharedRateOptions {
  redis: RedisConfig;
  prefix: string;
  /** Whose rate it is: all who name the same share it. Only its hash is stored. */
  provider: string;
  /** This process. */
  member: string;
  /** The provider's limits, where they are known beforehand; what it says itself counts as well. */
  ceiling: Rates;
  /** Of each organization. */
  organization: Rates;
}

const patienceMs = 500;
const keptMs = 600_000;

// One hash for the provider:
//   r, t    requests and tokens a minute that are believed to pass; absent while there is no limit known
//   rc, tc  what they never grow beyond
//   rn, tn  when what was taken is paid off (GCRA): the next may come a second before that
//   u       nothing leaves before
//   w, wr, wt, pr, pt  since when it is counted, what was taken since and in the minute before: what the rate was when the provider first refuses
//   lr      the last refusal
// and rn, tn of each organization in one of its own. All times are Redis' own, in milliseconds.
const common = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local provider, kept = KEYS[1], ARGV[1]
local function read(name) return tonumber(redis.call('HGET', provider, name) or '') end
local function write(...) redis.call('HSET', provider, ...) redis.call('PEXPIRE', provider, kept) end
local function given(i) local n = tonumber(ARGV[i]) if n and n >= 0 then return n end return nil end
-- What the provider says counts five hundredths less: clocks and windows differ.
local function ceiling(name, configured, stated)
  local known = stated and stated * 0.95 or read(name) or (configured and configured * 0.95)
  if configured and known then known = math.min(known, configured * 0.95) end
  return known
end
`;

// KEYS: provider, members, organizations… ARGV: kept, member, configured requests and tokens, an organization's requests and tokens, then tokens by organization.
const takeScript = `${common}
redis.call('ZADD', KEYS[2], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], 0, now - 30000)
redis.call('PEXPIRE', KEYS[2], kept)
local members = redis.call('ZCARD', KEYS[2])
local rc, tc = ceiling('rc', given(3)), ceiling('tc', given(4))
local r, t = read('r') or rc, read('t') or tc
local function wait(next, rate) if rate and next then return math.max(0, math.ceil(next - now - 1000)) end return 0 end
local function paid(next, cost, rate) return math.max(next or 0, now) + cost * 60000 / rate end
local answer = { 0, members, tostring(r or ''), tostring(t or '') }
answer[1] = math.max(math.max(0, (read('u') or 0) - now), wait(read('rn'), r), wait(read('tn'), t))
if answer[1] > 0 then return answer end
local total, waits = 0, false
local orr, ot = given(5), given(6)
local next = {}
for i = 3, #KEYS do
  local tokens = tonumber(ARGV[4 + i])
  total = total + tokens
  if orr or ot then
    local at = redis.call('HMGET', KEYS[i], 'rn', 'tn')
    local rn, tn = tonumber(at[1] or ''), tonumber(at[2] or '')
    local ms = math.max(wait(rn, orr), wait(tn, ot))
    if ms > 0 then waits = true end
    table.insert(answer, ms)
    next[i] = { orr and paid(rn, 1, orr) or 0, ot and paid(tn, tokens, ot) or 0 }
  end
end
if waits then return answer end
for i, at in pairs(next) do
  redis.call('HSET', KEYS[i], 'rn', at[1], 'tn', at[2])
  redis.call('PEXPIRE', KEYS[i], kept)
end
local w = read('w')
if not w or now - w >= 60000 then
  write('pr', w and now - w < 120000 and read('wr') or 0, 'pt', w and now - w < 120000 and read('wt') or 0, 'w', now, 'wr', 0, 'wt', 0)
end
redis.call('HINCRBY', provider, 'wr', 1)
redis.call('HINCRBYFLOAT', provider, 'wt', total)
if r then write('rn', paid(read('rn'), 1, r), 'r', r) end
if t then write('tn', paid(read('tn'), total, t), 't', t) end
return answer
`;

// ARGV: kept, outcome, configured requests and tokens, stated requests, tokens, remaining requests, remaining tokens, reset, retry after; -1 for what is not said.
const reportScript = `${common}
local refused = ARGV[2] == 'refused'
local rc, tc = ceiling('rc', given(3), given(5)), ceiling('tc', given(4), given(6))
if rc then write('rc', rc) end
if tc then write('tc', tc) end
local r, t = read('r') or rc, read('t') or tc
local noRequests, noTokens = given(7) == 0, given(8) == 0
local function within(rate, most) if rate and most then return math.min(rate, most) end return rate end
if refused then
  write('u', math.max(read('u') or 0, now + math.min(given(10) or given(9) or 1000, 600000)))
  -- Requests that were under way together are refused together: that is one refusal.
  if now - (read('lr') or 0) > 2000 then
    local count = math.max(read('wr') or 0, read('pr') or 0)
    -- Where no limit is known, what passed is one; of a few requests nothing can be learnt. Otherwise less of what is believed, and not far beyond what passed.
    local function less(rate, most, current, before, least)
      local seen = math.max(read(current) or 0, read(before) or 0)
      if not rate and count < 100 then return nil end
      return math.max(0.7 * (rate and math.min(rate, math.max(seen, rate / 2)) or seen), most and most / 20 or least)
    end
    if not (noTokens and not noRequests) then r = less(r, rc, 'wr', 'pr', 10) end
    if not (noRequests and not noTokens) then t = less(t, tc, 'wt', 'pt', 10000) end
    if r or t then write('lr', now) end
  end
else
  if r then r = r + math.max(1, (rc or r) / 100) end
  if t then t = t + math.max(1, (tc or t) / 100) end
  if (noRequests or noTokens) and given(9) then write('u', math.max(read('u') or 0, now + math.min(given(9), 600000))) end
end
r, t = within(r, rc), within(t, tc)
if r then write('r', r) end
if t then write('t', t) end
return 1
`;

const Taken = z.array(z.union([z.number(), z.string()]));
const rate = (text: unknown) => (text === undefined || text === "" ? undefined : Number(text));

/**
 * A rate that processes share through Redis. It grows by a hundredth with each request that passes, and shrinks to seven tenths when the provider
 * refuses. All of it is a hint: whoever can't reach Redis is told so at once, and goes on by itself.
 */
export function createSharedRates(options: SharedRateOptions) {
  const redis = connect(options.redis, "impatient");
  const name = createHash("sha256").update(options.provider).digest("hex").slice(0, 16);
  const key = (part: string) => `{${options.prefix}-rates}:${name}:${part}`;
  const { ceiling, organization } = options;
  const numbers = (...all: (number | undefined)[]) => all.map((each) => String(each ?? -1));
  const run = (script: string, keys: string[], args: string[]) =>
    within(redis.eval(script, keys.length, ...keys, String(keptMs), ...args), patienceMs);

  async function report(outcome: "passed" | "refused", stated: Stated & { retryAfterMs?: number }): Promise<void> {
    const { requests, tokens, remainingRequests, remainingTokens, resetMs, retryAfterMs } = stated;
    const said = numbers(requests, tokens, remainingRequests, remainingTokens, resetMs, retryAfterMs);
    await run(reportScript, [key("all")], [outcome, ...numbers(ceiling.requests, ceiling.tokens), ...said]);
  }

  return {
    /** Room for one request of these shares, taken at once, or how long to wait for it: all of it, or some organizations alone. */
    async take(shares: readonly { organizationId: string; tokens: number }[]) {
      const keys = [key("all"), key("members"), ...shares.map((each) => key(each.organizationId))];
      const limits = numbers(ceiling.requests, ceiling.tokens, organization.requests, organization.tokens);
      const tokens = shares.map((each) => String(each.tokens));
      const [waitMs, members, requestRate, tokenRate, ...waits] = Taken.parse(
        await run(takeScript, keys, [options.member, ...limits, ...tokens]),
      );
      return {
        waitMs: Number(waitMs),
        members: Number(members),
        rates: { requests: rate(requestRate), tokens: rate(tokenRate) },
        organizations: shares.flatMap(({ organizationId }, i) => {
          const ms = Number(waits[i] ?? 0);
          return ms > 0 ? [{ organizationId, waitMs: ms }] : [];
        }),
      };
    },
    passed: (stated: Stated) => report("passed", stated),
    refused: (stated: Stated & { retryAfterMs?: number }) => report("refused", stated),
    destroy: () => disconnect(redis),
  };
}
