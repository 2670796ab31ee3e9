-- A caller's budget, by the generic cell rate algorithm: judge one request (the model of this: rules/limits.rs). Runs in
-- Redis, so each call is atomic, and by Redis's own clock, so that all instances judge by one.
--
-- KEYS[1] the budget's key, which holds in decimal digits the microsecond at which it will be whole again
-- ARGV[1] how much of it the request takes: the interval times the units that it costs
-- ARGV[2] the tolerance: the interval times the burst
-- Both in microseconds.
--
-- Answers 1 (let through) or 0, the instant that it is whole again, and now.

local key, take, tolerance = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most = now + tolerance

-- Anything but digits is as good as nothing.
local stored = redis.pcall('GET', key)
local known = 0
if type(stored) == 'string' and #stored <= 16 and string.match(stored, '^%d+$') then known = tonumber(stored) end

-- An instant further ahead than the burst allows (the clock was set back, the limit was lowered) is taken for the
-- furthest that it may be, and stored as that: else it would come no nearer.
local whole_at = math.min(math.max(known, now), most)
local allowed = whole_at + take <= most
if allowed then whole_at = whole_at + take end
if allowed or known > most then
  -- By a millisecond longer than it means anything: lives are counted in whole ones.
  local life = math.floor((whole_at - now) / 1000) + 2
  redis.call('SET', key, string.format('%.0f', whole_at), 'PX', life)
end
return { allowed and 1 or 0, whole_at, now }
