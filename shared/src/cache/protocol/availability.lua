-- The availability of one theater: a packed string into which changes merge (packed.rs describes its bytes). Runs in
-- Redis, so each call is atomic.
--
-- KEYS[1] is the theater's key. ARGV[1] is the operation:
--   merge VERSION ENTRIES WHEN_BEHIND
--                                  Takes each slot whose stamp is larger. Returns 1, or 0 if the key is missing or was
--                                  dropped. If the key has a newer layout, WHEN_BEHIND decides. "tell" changes nothing
--                                  and returns -1, "drop" drops the key.
--   begin VERSION SEATS TOKEN WHY LEASE LONGEST KEEP RENEWAL
--                                  Returns "fill" (the caller fills), "fresh" (no need), "behind" (the key has a newer
--                                  layout), a number (ms left of another filler's lease), or the complete string.
--   end VERSION TOKEN SLOTS LIFE NOW REVISION
--                                  Returns 1 if the slots were taken, 0 if the token is gone. REVISION is of SLOTS.
--   peek VERSION POSITIONS         Returns the slots, or false.
--   look REVISION                  If the string is complete and has this revision, returns its layout's version, its
--                                  expiry and the number of its slots. Otherwise returns what GET does, or false for a
--                                  key of another type.
--
-- The last byte of a token numbers the attempts of one begin. The other bytes are the same in all of them. Only the
-- attempt that was answered can end the fill. A delayed begin must not allow an end with slots that were read before
-- it.
--
-- A filler that takes over after a lease has ended gets twice that lease, so that even a slow fill completes.
--
-- Each fill is a round. A slot that was merged in the current round may be newer than what the filler read, so there
-- the larger stamp wins. All other slots were known before the filler read, so DynamoDB's slots replace them, whatever
-- their stamps. This way a fill also repairs the effects of a deletion or a lost write.
--
-- A revision identifies the slots. Two complete strings with the same revision have the same slots, apart from the
-- rounds. A fill sets it from the slots that it read, and each slot taken after that moves it on, like a hash chain. A
-- revision can only be reached by taking the same slots in the same order. This holds even after a failover that lost
-- some of them.
--
-- Stamps can't order everything. The TTL deletes an expired reservation together with its stamp. A writer whose clock
-- is behind then writes the seat under a smaller stamp. Where that is possible the key is dropped, and the next read
-- goes to DynamoDB.

local FORMAT, HEADER, SLOT = 2, 48, 12
-- The offset of the revision in the header, and its value while the string is incomplete.
local REVISION, UNFILLED = 40, string.rep('\0', 8)
-- The largest difference between two clocks, in ms.
local SKEW = 10000
local RESERVED = 1
local NOBODY = string.rep('\0', 16)
local HEAD = '>BBBBI6c16I6I2I6c8'
local key, op, version = KEYS[1], ARGV[1], tonumber(ARGV[2])

-- The content of the key isn't trusted. Redis's clock may have been set back, or bytes may be corrupt. A lease beyond
-- the longest one blocks no filler, and a life beyond its limit keeps no key alive longer.

-- Returns the header, or nil if there is no key that this program could have written.
local function read()
  local bytes = redis.pcall('GETRANGE', key, 0, HEADER - 1)
  if type(bytes) ~= 'string' or #bytes < HEADER then return nil end
  local h = {}
  h.format, h.complete, h.round, h.merged, h.version, h.token, h.lease, h.span, h.ends, h.revision =
    struct.unpack(HEAD, bytes)
  h.seats = (redis.call('STRLEN', key) - HEADER) / SLOT
  if h.format ~= FORMAT or h.complete > 1 or h.seats % 1 ~= 0 then return nil end
  return h
end

local function pack(h)
  return struct.pack(
    HEAD, FORMAT, h.complete, h.round, h.merged, h.version, h.token, h.lease, h.span, h.ends, h.revision
  )
end

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function at(position) return HEADER + position * SLOT end

-- Returns whether slot a is later than slot b: by stamp, and for equal stamps by state and expiry, as in
-- availability.rs.
local function later(a, b)
  local sa, ka, ea = struct.unpack('>I6BI4', a)
  local sb, kb, eb = struct.unpack('>I6BI4', b)
  if sa ~= sb then return sa > sb end
  if ka ~= kb then return ka > kb end
  return ea > eb
end

-- Returns whether two slots of a seat may have the other order than their stamps. The larger stamp then belongs to a
-- reservation that may have expired when the smaller one was written, because clocks differ by up to SKEW. Reservations
-- longer than SKEW are never in doubt.
local function doubtful(a, b)
  if later(b, a) then a, b = b, a end
  local sa, state, ends = struct.unpack('>I6BI4', a)
  local sb = struct.unpack('>I6', b)
  return state == RESERVED and sb > 0 and sa > sb and ends * 1000 <= sb + SKEW
end

-- Encodes a seat index and a slot for the revision, without the round.
local function step(position, slot)
  return struct.pack('>I4', position) .. string.sub(slot, 1, SLOT - 1)
end

-- Returns the revision after these steps.
local function moved_on(revision, steps)
  if #steps == 0 then return revision end
  local digits = string.sub(redis.sha1hex(revision .. table.concat(steps)), 1, 16)
  return (string.gsub(digits, '%x%x', function(byte) return string.char(tonumber(byte, 16)) end))
end

local function merge(entries, when_behind)
  if redis.call('EXISTS', key) == 0 then return 0 end
  local h = read()
  if h and h.version > version and when_behind == 'tell' then return -1 end
  if not h or h.version ~= version then
    -- The string can't take this merge, and without it the string would be wrong.
    redis.call('DEL', key)
    return 0
  end
  local steps = {}
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
          -- A full Redis rejects writes, but it deletes.
          redis.call('DEL', key)
          return 0
        end
        if h.merged == 0 then redis.call('SETRANGE', key, 3, string.char(1)) end
        h.merged = 1
        steps[#steps + 1] = step(position, slot)
      end
    end
  end
  if #steps > 0 then redis.call('SETRANGE', key, REVISION, moved_on(h.revision, steps)) end
  return 1
end

local function begin(seats, token, why, lease, longest, keep, renewal)
  local h, t = read(), now()
  if h and h.version > version then return 'behind' end
  if h and (h.version ~= version or h.seats ~= seats) then h = nil end
  -- The same attempt again, as a cluster client sends it after a connection broke. The fill has begun.
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
      complete = 0, round = 1, merged = 0, version = version, token = token, lease = t + lease, span = lease, ends = 0,
      revision = UNFILLED
    }
    redis.call('SET', key, pack(h) .. string.rep('\0', seats * SLOT), 'PX', keep)
  end
  return 'fill'
end

local function finish(token, slots, life, callers_now, revision)
  local h = read()
  if not h or h.version ~= version or h.token ~= token or h.seats * SLOT ~= #slots then return 0 end
  -- The slots are as old as the begin, so their life counts from there. After a failover the clock may be another one,
  -- and the begin may be in its future.
  local left = math.min(life, life - (now() - (h.lease - h.span)))
  if left <= 0 then return 0 end
  local body, steps = slots, {}
  if h.merged ~= 0 then
    -- Keep the slots that were merged in this round and are later. Copy the slots between them in one piece.
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
          steps[#steps + 1] = step(offset / SLOT, slot)
          done = offset + SLOT
        end
      end
    end
    parts[#parts + 1] = string.sub(slots, done + 1)
    body = table.concat(parts)
  end
  h.complete, h.merged, h.token, h.lease, h.span, h.ends = 1, 0, NOBODY, 0, 0, callers_now + left
  h.revision = moved_on(revision, steps)
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

local function look(revision)
  local h = read()
  if h and h.complete == 1 and h.revision == revision then return { h.version, h.ends, h.seats } end
  local whole = redis.pcall('GET', key)
  return type(whole) == 'string' and whole
end

if op == 'merge' then return merge(ARGV[3], ARGV[4]) end
if op == 'peek' then return peek(ARGV[3]) end
if op == 'look' then return look(ARGV[2]) end
if op == 'begin' then
  local lease, longest, keep, renewal = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  return begin(tonumber(ARGV[3]), ARGV[4], ARGV[5], lease, longest, keep, renewal)
end
if op == 'end' then return finish(ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]) end
return redis.error_reply('unknown operation')
