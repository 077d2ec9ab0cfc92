/**
 * The quotas' operations as scripts, each over the two keys of one subject (see QuotaStore). The rules are those of
 * MemoryQuotaStore, to the letter: a test plays the same calls to both.
 */
import { luaScript } from '../redis/script.ts';

/**
 * Both scripts begin alike. KEYS: meters, leases. ARGV: now; then the day and the dollars to begin with where Redis
 * knows nothing of the subject, because it is new or because Redis was restarted empty.
 *
 * Lua writes numbers with 14 digits where it is not told otherwise, and Redis cuts the fractions of those it answers.
 */
const PRELUDE = `
local MINUTE, DAY = 60000, 86400000
local WEEK = 7 * DAY
local meters, leases = KEYS[1], KEYS[2]
local now = tonumber(ARGV[1])

local function exact(number) return string.format('%.17g', number) end

local FIELDS = {'at', 'requests', 'requests_limit', 'tokens', 'tokens_limit', 'tokens_added', 'day', 'spent'}
local state = {}
local stored = redis.call('HMGET', meters, unpack(FIELDS))
for index, field in ipairs(FIELDS) do state[field] = tonumber(stored[index] or 0) end
if not stored[1] then
  state.at = now
  state.day = math.floor(now / DAY)
  if tonumber(ARGV[2]) == state.day then state.spent = tonumber(ARGV[3]) end
end

-- Lets time pass. A clock that was set back, or that is behind another replica's, stands still.
local function advance()
  local minutes = (now - state.at) / MINUTE
  if minutes > 0 then
    state.requests = math.max(0, state.requests - minutes * state.requests_limit)
    state.tokens = math.max(0, state.tokens - minutes * state.tokens_limit)
    state.at = now
  end
  local day = math.floor(now / DAY)
  if day > state.day then
    state.day = day
    state.spent = 0
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 1000)) do
    redis.call('ZREM', leases, id)
    redis.call('HDEL', meters, 'end:' .. id)
  end
end

local function add_tokens(units)
  state.tokens = state.tokens + units
  state.tokens_added = state.tokens_added + units
end

local function untilEmpty(level, limit)
  if level <= 0 then return 0 end
  if limit <= 0 then return WEEK end
  return level / limit * MINUTE
end

-- Keeps the meters for as long as they cannot be told from those of a new subject.
local function save()
  local written = {}
  for _, field in ipairs(FIELDS) do
    written[#written + 1] = field
    written[#written + 1] = exact(state[field])
  end
  redis.call('HSET', meters, unpack(written))
  local life = math.max(
    (state.day + 1) * DAY - now,
    untilEmpty(state.requests, state.requests_limit),
    untilEmpty(state.tokens, state.tokens_limit))
  redis.call('PEXPIRE', meters, math.ceil(math.min(life, WEEK) + MINUTE))
end

local function keepLeases(expires)
  local life = math.ceil(expires - now + MINUTE)
  if life > redis.call('PTTL', leases) then redis.call('PEXPIRE', leases, life) end
end
`;

/** ARGV from 4: id, expiry, whether to ask no limit ("1"), then quota, limit and amount of each charge. */
export const RESERVE = luaScript(`${PRELUDE}
local id, expires, unasked = ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1'
local CONCURRENCY_RETRY, ROUNDING = 1000, 1e-6

advance()
local answer = {'', '', tostring(state.day), exact(state.spent)}
if redis.call('ZSCORE', leases, id) then return answer end

local function waitForMeter(level, limit)
  local over = level + 1 - limit
  if over <= ROUNDING then return 0 end
  if limit < 1 then return math.huge end
  return math.ceil((over - ROUNDING) / limit * MINUTE)
end

local limitsChanged = false
local function setLimit(field, limit)
  if state[field] ~= limit then limitsChanged = true end
  state[field] = limit
end

local function waitFor(quota, limit)
  if quota == 'requests_per_minute' then
    setLimit('requests_limit', limit)
    return waitForMeter(state.requests, limit)
  end
  if quota == 'tokens_per_minute' then
    setLimit('tokens_limit', limit)
    return waitForMeter(state.tokens, limit)
  end
  local isConcurrency = quota == 'concurrent_requests'
  local taken = isConcurrency and redis.call('ZCOUNT', leases, '(' .. ARGV[1], '+inf') or state.spent
  if taken < limit then return 0 end
  if limit <= 0 then return math.huge end
  return isConcurrency and CONCURRENCY_RETRY or (state.day + 1) * DAY - now
end

local longest = 0
for index = 7, #ARGV, 3 do
  local wait = unasked and 0 or waitFor(ARGV[index], tonumber(ARGV[index + 1]))
  if wait > longest then
    longest = wait
    answer[1] = ARGV[index]
    answer[2] = wait == math.huge and '' or exact(wait)
  end
end
if longest > 0 then
  -- A flood of refused calls is not to become one of writes.
  if limitsChanged then save() end
  return answer
end

for index = 7, #ARGV, 3 do
  local quota, amount = ARGV[index], tonumber(ARGV[index + 2])
  if quota == 'requests_per_minute' then state.requests = state.requests + amount end
  if quota == 'tokens_per_minute' then add_tokens(amount) end
  if quota == 'usd_per_day' then state.spent = state.spent + amount end
end
redis.call('ZADD', leases, exact(expires), id)
keepLeases(expires)
redis.call('HSET', meters, 'end:' .. id, exact(state.tokens_added))
save()
answer[4] = exact(state.spent)
return answer
`);

/** ARGV from 4: id, day of the lease, whether only if open ("1"), tokens used, dollars used, then quota and amount. */
export const SETTLE = luaScript(`${PRELUDE}
local id, leaseDay, onlyOpen = ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1'
local tokensUsed, nanoUsed = tonumber(ARGV[7]), tonumber(ARGV[8])

local isOpen = redis.call('ZREM', leases, id) == 1
local tokensEnd = redis.call('HGET', meters, 'end:' .. id)
redis.call('HDEL', meters, 'end:' .. id)
advance()

local function correctTokens(amount)
  local change = tokensUsed - amount
  if change >= 0 then return add_tokens(change) end
  if not tokensEnd then return end
  local gone = state.tokens_added - state.tokens
  local left = math.min(amount, math.max(0, tonumber(tokensEnd) - gone))
  state.tokens = state.tokens - math.min(-change, left)
end

if isOpen or not onlyOpen then
  for index = 9, #ARGV, 2 do
    local quota, amount = ARGV[index], tonumber(ARGV[index + 1])
    if quota == 'tokens_per_minute' then correctTokens(amount) end
    if quota == 'usd_per_day' and leaseDay == state.day then
      -- Where Redis has begun anew without this reservation, there is nothing to take it from.
      state.spent = math.max(0, state.spent + nanoUsed - amount)
    end
  end
  save()
end
return {tostring(state.day), exact(state.spent)}
`);

/** KEYS: leases. ARGV: milliseconds to keep the key, then expiry and id of each lease. */
export const RENEW = luaScript(`
redis.call('ZADD', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
`);
