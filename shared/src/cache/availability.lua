-- Availability of one theater: a packed string (its bytes: packed.rs) that merges. Runs in Redis, so each call is atomic.
--
-- KEYS[1] the theater's key; ARGV[1] what to do:
--   merge VERSION ENTRIES          take each slot whose stamp is larger; 1, or 0 where there is nothing to merge into
--   begin VERSION SEATS TOKEN WHY LEASE KEEP RENEWAL
--                                  "fill" (the caller's turn), "fresh" (no need), a number (ms somebody else has left),
--                                  or the complete string
--   end VERSION TOKEN SLOTS LIFE ENDS
--                                  1 if taken, 0 if the token is no longer there
--   peek VERSION POSITIONS         the slots, or false
--
-- Each fill is a round. A slot merged in the current round may be newer than what the filler read: there the larger
-- stamp wins. A slot not merged in it was known before the filler read: there DynamoDB's word replaces it, whatever
-- its stamp, so that a fill also heals what a deletion or a lost write left behind.

local FORMAT, HEADER, SLOT = 1, 38, 12
local NOBODY = string.rep('\0', 16)
local HEAD = '>BBBBI6c16I6I6'
local key, op, version = KEYS[1], ARGV[1], tonumber(ARGV[2])

-- The header, or nil if there is no key that this program could have made.
local function read()
  local bytes = redis.pcall('GETRANGE', key, 0, HEADER - 1)
  if type(bytes) ~= 'string' or #bytes < HEADER then return nil end
  local h = {}
  h.format, h.complete, h.round, h.merged, h.version, h.token, h.lease, h.ends = struct.unpack(HEAD, bytes)
  h.seats = (redis.call('STRLEN', key) - HEADER) / SLOT
  if h.format ~= FORMAT then return nil end
  return h
end

local function pack(h)
  return struct.pack(HEAD, FORMAT, h.complete, h.round, h.merged, h.version, h.token, h.lease, h.ends)
end

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function at(position) return HEADER + position * SLOT end

-- Whether slot a is later than slot b. By stamp; equal stamps by state and expiry, as in availability.rs.
local function later(a, b)
  local sa, ka, ea = struct.unpack('>I6BI4', a)
  local sb, kb, eb = struct.unpack('>I6BI4', b)
  if sa ~= sb then return sa > sb end
  if ka ~= kb then return ka > kb end
  return ea > eb
end

local function merge(entries)
  if redis.call('EXISTS', key) == 0 then return 0 end
  local h = read()
  if not h or h.version ~= version then
    -- Not ours to merge into, and without the merge not to be believed.
    redis.call('DEL', key)
    return 0
  end
  for i = 1, #entries, 4 + SLOT do
    local position = struct.unpack('>I4', entries, i)
    local slot = string.sub(entries, i + 4, i + 3 + SLOT)
    if position < h.seats then
      local known = redis.call('GETRANGE', key, at(position), at(position) + SLOT - 1)
      if later(slot, known) then
        redis.call('SETRANGE', key, at(position), string.sub(slot, 1, SLOT - 1) .. string.char(h.round))
        h.merged = 1
      end
    end
  end
  redis.call('SETRANGE', key, 3, string.char(h.merged))
  return 1
end

local function begin(seats, token, why, lease, keep, renewal)
  local h, t = read(), now()
  if h and (h.version ~= version or h.seats ~= seats) then h = nil end
  if h and h.token == token then return 'fill' end
  local held = h and h.token ~= NOBODY and h.lease > t
  if h and h.complete == 1 then
    if why == 'missing' then return redis.call('GET', key) end
    if why == 'renewal' and (held or redis.call('PTTL', key) > renewal) then return 'fresh' end
    if why == 'unreadable' then h, held = nil, false end
  end
  if held then return h.lease - t end
  if h then
    h.round, h.merged, h.token, h.lease = h.round % 255 + 1, 0, token, t + lease
    redis.call('SETRANGE', key, 0, pack(h))
    if h.complete == 0 then redis.call('PEXPIRE', key, keep) end
  else
    h = { complete = 0, round = 1, merged = 0, version = version, token = token, lease = t + lease, ends = 0 }
    redis.call('SET', key, pack(h) .. string.rep('\0', seats * SLOT), 'PX', keep)
  end
  return 'fill'
end

local function finish(token, slots, life, ends)
  local h = read()
  if not h or h.version ~= version or h.token ~= token or h.seats * SLOT ~= #slots then return 0 end
  local body = slots
  if h.merged == 1 then
    -- Keep what was merged in this round where it is later; take the rest as one piece from between.
    local known, parts, done, round = redis.call('GET', key), {}, 0, h.round
    for offset = 0, #slots - SLOT, SLOT do
      if string.byte(known, HEADER + offset + SLOT) == round then
        local slot = string.sub(known, HEADER + offset + 1, HEADER + offset + SLOT)
        if later(slot, string.sub(slots, offset + 1, offset + SLOT)) then
          parts[#parts + 1] = string.sub(slots, done + 1, offset)
          parts[#parts + 1] = slot
          done = offset + SLOT
        end
      end
    end
    parts[#parts + 1] = string.sub(slots, done + 1)
    body = table.concat(parts)
  end
  h.complete, h.merged, h.token, h.lease, h.ends = 1, 0, NOBODY, 0, ends
  redis.call('SET', key, pack(h) .. body, 'PX', life)
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

if op == 'merge' then return merge(ARGV[3]) end
if op == 'peek' then return peek(ARGV[3]) end
if op == 'begin' then
  return begin(tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]))
end
if op == 'end' then return finish(ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])) end
return redis.error_reply('unknown operation')
