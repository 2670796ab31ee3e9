-- The script of the release before revisions, with unchanged code: format 1. Tests run it beside the current script
-- (tests/tests/integration/cache/releases.rs).
-- Availability of one theater: a packed string (byte layout: packed.rs) that merges. Redis runs each call atomically.
--
-- KEYS[1] is the theater's key. ARGV[1] is the operation:
--   merge VERSION ENTRIES WHEN_BEHIND
--                                  accepts each slot with a larger stamp. Returns 1, or 0 without a usable key.
--                                  A caller with an older layout gets -1 for "tell", and drops the key for "drop"
--   begin VERSION SEATS TOKEN WHY LEASE LONGEST KEEP RENEWAL
--                                  "fill" (the caller's turn), "fresh" (no need), "behind" (the key's layout is newer),
--                                  a number (ms left of another caller's lease), or the complete string
--   end VERSION TOKEN SLOTS LIFE NOW
--                                  1 if accepted, 0 if the key has another token
--   peek VERSION POSITIONS         the slots, or false
--
-- The last byte of a token numbers the attempts of one begin. Attempts recognize each other by the other bytes, but
-- only the answered one can complete the fill. A delayed begin must not start a fill again with slots read earlier.
--
-- A caller that takes over after an expired lease gets twice that lease, so that a slow fill completes at last.
--
-- Each fill is a round. A slot merged in the current round may be newer than the filler's read, so the larger stamp
-- wins. Any other slot is older than the filler's read, so DynamoDB's slot replaces it, even with a smaller stamp. So a
-- fill also corrects the cache after deletions and lost writes.
--
-- Stamps don't order everything. The TTL deletes an expired reservation together with its stamp, and then a writer
-- whose clock is behind may write the seat again with a smaller stamp. If that is possible, the key is dropped, and the
-- next read queries DynamoDB.

local FORMAT, HEADER, SLOT = 1, 40, 12
-- The largest difference of two clocks, in ms.
local SKEW = 10000
local RESERVED = 1
local NOBODY = string.rep('\0', 16)
local HEAD = '>BBBBI6c16I6I2I6'
local key, op, version = KEYS[1], ARGV[1], tonumber(ARGV[2])

-- The key's values are checked, because Redis's clock may have been set back, or bytes may be corrupt. A lease or life
-- above its limit neither blocks callers nor extends the key's life.

-- Returns the header, or nil if the key doesn't exist or has another format.
local function read()
  local bytes = redis.pcall('GETRANGE', key, 0, HEADER - 1)
  if type(bytes) ~= 'string' or #bytes < HEADER then return nil end
  local h = {}
  h.format, h.complete, h.round, h.merged, h.version, h.token, h.lease, h.span, h.ends = struct.unpack(HEAD, bytes)
  h.seats = (redis.call('STRLEN', key) - HEADER) / SLOT
  if h.format ~= FORMAT or h.complete > 1 or h.seats % 1 ~= 0 then return nil end
  return h
end

local function pack(h)
  return struct.pack(HEAD, FORMAT, h.complete, h.round, h.merged, h.version, h.token, h.lease, h.span, h.ends)
end

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function at(position) return HEADER + position * SLOT end

-- Returns true if slot a is later than slot b: by stamp, then by state and expiry, as in availability.rs.
local function later(a, b)
  local sa, ka, ea = struct.unpack('>I6BI4', a)
  local sb, kb, eb = struct.unpack('>I6BI4', b)
  if sa ~= sb then return sa > sb end
  if ka ~= kb then return ka > kb end
  return ea > eb
end

-- Returns true if the real order of two slots may differ from the order of their stamps. Then the larger stamp belongs
-- to a reservation that may have ended before the smaller stamp was written, within the difference of the clocks.
-- Reservations longer than SKEW are never in doubt.
local function doubtful(a, b)
  if later(b, a) then a, b = b, a end
  local sa, state, ends = struct.unpack('>I6BI4', a)
  local sb = struct.unpack('>I6', b)
  return state == RESERVED and sb > 0 and sa > sb and ends * 1000 <= sb + SKEW
end

local function merge(entries, when_behind)
  if redis.call('EXISTS', key) == 0 then return 0 end
  local h = read()
  if h and h.version > version and when_behind == 'tell' then return -1 end
  if not h or h.version ~= version then
    -- A merge into this key isn't possible, and without the merge the key would be wrong.
    redis.call('DEL', key)
    return 0
  end
  for i = 1, #entries, 4 + SLOT do
    local position = struct.unpack('>I4', entries, i)
    local slot = string.sub(entries, i + 4, i + 3 + SLOT)
    if position < h.seats then
      local known = redis.call('GETRANGE', key, at(position), at(position) + SLOT - 1)
      if doubtful(slot, known) then
        redis.call('DEL', key)
        return 0
      end
      if later(slot, known) then
        local told = redis.pcall('SETRANGE', key, at(position), string.sub(slot, 1, SLOT - 1) .. string.char(h.round))
        if type(told) == 'table' and told.err then
          -- A full Redis rejects writes, but still deletes.
          redis.call('DEL', key)
          return 0
        end
        if h.merged == 0 then redis.call('SETRANGE', key, 3, string.char(1)) end
        h.merged = 1
      end
    end
  end
  return 1
end

local function begin(seats, token, why, lease, longest, keep, renewal)
  local h, t = read(), now()
  if h and h.version > version then return 'behind' end
  if h and (h.version ~= version or h.seats ~= seats) then h = nil end
  -- The same attempt again, as a cluster client sends it after a broken connection. It has already begun.
  if h and h.token == token then return 'fill' end
  local ours = h and string.sub(h.token, 1, 15) == string.sub(token, 1, 15)
  local held = h and not ours and h.token ~= NOBODY and h.lease > t and h.lease - t <= longest
  if h and h.complete == 1 then
    if why == 'missing' then return redis.call('GET', key) end
    if why == 'renewal' and (held or redis.call('PTTL', key) > renewal) then return 'fresh' end
    if why == 'unreadable' then h, held = nil, false end
  end
  if held then return h.lease - t end
  if h then
    local left_behind = not ours and h.token ~= NOBODY
    h.span = left_behind and math.max(lease, math.min(h.span * 2, longest)) or lease
    h.round, h.merged, h.token, h.lease = h.round % 255 + 1, 0, token, t + h.span
    redis.call('SETRANGE', key, 0, pack(h))
    if h.complete == 0 then redis.call('PEXPIRE', key, keep) end
  else
    h = {
      complete = 0, round = 1, merged = 0, version = version, token = token, lease = t + lease, span = lease, ends = 0
    }
    redis.call('SET', key, pack(h) .. string.rep('\0', seats * SLOT), 'PX', keep)
  end
  return 'fill'
end

local function finish(token, slots, life, callers_now)
  local h = read()
  if not h or h.version ~= version or h.token ~= token or h.seats * SLOT ~= #slots then return 0 end
  -- The slots are as old as the begin, so their life starts there. After a failover the clock may differ, and the begin
  -- may be in its future.
  local left = math.min(life, life - (now() - (h.lease - h.span)))
  if left <= 0 then return 0 end
  local body = slots
  if h.merged ~= 0 then
    -- Keep the slots merged in this round that are later. Copy the slots between them in one piece.
    local known, parts, done, round = redis.call('GET', key), {}, 0, h.round
    for offset = 0, #slots - SLOT, SLOT do
      if string.byte(known, HEADER + offset + SLOT) == round then
        local slot = string.sub(known, HEADER + offset + 1, HEADER + offset + SLOT)
        local read = string.sub(slots, offset + 1, offset + SLOT)
        if doubtful(slot, read) then
          redis.call('DEL', key)
          return 0
        end
        if later(slot, read) then
          parts[#parts + 1] = string.sub(slots, done + 1, offset)
          parts[#parts + 1] = slot
          done = offset + SLOT
        end
      end
    end
    parts[#parts + 1] = string.sub(slots, done + 1)
    body = table.concat(parts)
  end
  h.complete, h.merged, h.token, h.lease, h.span, h.ends = 1, 0, NOBODY, 0, 0, callers_now + left
  redis.call('SET', key, pack(h) .. body, 'PX', left)
  return 1
end

local function peek(positions)
  local h = read()
  if not h or h.complete ~= 1 or h.version ~= version then return false end
  local slots = {}
  for i = 1, #positions, 4 do
    local position = struct.unpack('>I4', positions, i)
    slots[#slots + 1] = redis.call('GETRANGE', key, at(position), at(position) + SLOT - 1)
  end
  return table.concat(slots)
end

if op == 'merge' then return merge(ARGV[3], ARGV[4]) end
if op == 'peek' then return peek(ARGV[3]) end
if op == 'begin' then
  local lease, longest, keep, renewal = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  return begin(tonumber(ARGV[3]), ARGV[4], ARGV[5], lease, longest, keep, renewal)
end
if op == 'end' then return finish(ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])) end
return redis.error_reply('unknown operation')
