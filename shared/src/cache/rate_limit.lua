-- The rate limit of a caller, by the generic cell rate algorithm. Decides about one request (domain/rate_limit.rs is its
-- model). Runs in Redis, so each call is atomic. Uses Redis's clock, so that all instances decide by the same one.
--
--   KEYS[1] the key of the budget. It holds the microsecond at which the budget is full again, in decimal digits.
--   ARGV[1] the amount that the request takes: the interval times its cost in units, in microseconds.
--   ARGV[2] the tolerance: the interval times the burst, in microseconds.
--
-- Returns 1 (passes) or 0, the instant at which the budget is full again, and the present instant.

local key, take, tolerance = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most = now + tolerance

-- Anything but digits counts as no value.
local stored = redis.pcall('GET', key)
local known = 0
if type(stored) == 'string' and #stored <= 16 and string.match(stored, '^%d+$') then known = tonumber(stored) end

-- If the clock was set back or the limit was lowered, the stored instant may be further ahead than the burst allows.
-- Then the furthest allowed instant is used and stored. Otherwise the stored one would come no nearer.
local full_at = math.min(math.max(known, now), most)
local allowed = full_at + take <= most
if allowed then full_at = full_at + take end
if allowed or known > most then
  -- The key lives up to a millisecond longer than needed, because its life is counted in whole milliseconds.
  local life = math.floor((full_at - now) / 1000) + 2
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', life)
end
return { allowed and 1 or 0, full_at, now }
