"""The scripts (Lua, run by Redis) by which the read model is changed: each is done as a whole, or not at all.

A change is GUARD, its own lines, and MOVE. KEYS: positions, hold, and the change's own. ARGV: the caller's hold (or
nothing) and how long it lasts, the source, the position that the caller believes in, the one to move to, what is
given (msgpack), and the change's own. The position is written last: what an error broke off is done again.
"""

from typing import Final

GUARD: Final = """
local hold = redis.call('GET', KEYS[2]) or ''
if hold ~= ARGV[1] then return 'held' end
if hold ~= '' then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
local at = redis.call('HGET', KEYS[1], ARGV[3]) or ''
if at ~= ARGV[4] then return 'moved' end
local given = cmsgpack.unpack(ARGV[6])
"""
MOVE: Final = """
redis.call('HSET', KEYS[1], ARGV[3], ARGV[5])
return 'done'
"""
LEADS: Final = """
local leads = {}
for i = 1, #given, 3 do
  if given[i + 1] == '' then redis.call('DEL', given[i]) else redis.call('SET', given[i], given[i + 1]) end
  leads[#leads + 1] = string.sub(given[i], tonumber(ARGV[7]) + 1)
end
for n, before in ipairs(redis.call('HMGET', KEYS[5], unpack(leads))) do
  local open = given[3 * n]
  if before then
    local clocks = cjson.decode(before)
    redis.call('ZREM', KEYS[3], unpack(clocks))
    redis.call('HDEL', KEYS[4], unpack(clocks))
  end
  if open ~= '' then
    redis.call('HSET', KEYS[5], leads[n], open[1])
    redis.call('ZADD', KEYS[3], unpack(open[2]))
    redis.call('HSET', KEYS[4], unpack(open[3]))
  elseif before then
    redis.call('HDEL', KEYS[5], leads[n])
  end
end
"""
MOVEMENTS: Final = """
for i = 1, #given, 3 do
  if given[i + 2] == '' then
    redis.call('ZREM', KEYS[3], given[i])
    redis.call('HDEL', KEYS[4], given[i])
  else
    redis.call('ZADD', KEYS[3], given[i + 1], given[i])
    redis.call('HSET', KEYS[4], given[i], given[i + 2])
  end
end
local over = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[7])
if over > 0 then
  for _, fact in ipairs(redis.call('ZRANGE', KEYS[3], 0, over - 1)) do
    redis.call('ZREM', KEYS[3], fact)
    redis.call('HDEL', KEYS[4], fact)
  end
end
"""
BREACHES: Final = """
local function drop(fact)
  local by = redis.call('HGET', KEYS[5], fact)
  if by then redis.call('ZREM', by, fact) end
  redis.call('ZREM', KEYS[3], fact)
  redis.call('HDEL', KEYS[4], fact)
  redis.call('HDEL', KEYS[5], fact)
end
for i = 1, #given, 4 do
  local fact, at, by, event = given[i], given[i + 1], given[i + 2], given[i + 3]
  local before = redis.call('HGET', KEYS[5], fact)
  if event == '' then
    drop(fact)
  else
    if before and before ~= by then redis.call('ZREM', before, fact) end
    redis.call('HSET', KEYS[5], fact, by)
    redis.call('ZADD', by, at, fact)
    redis.call('ZADD', KEYS[3], at, fact)
    redis.call('HSET', KEYS[4], fact, event)
  end
end
local over = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[7])
if over > 0 then
  for _, fact in ipairs(redis.call('ZRANGE', KEYS[3], 0, over - 1)) do drop(fact) end
end
"""
SUMS: Final = """
for i = 3, #given, 2 do redis.call('HSET', KEYS[3], given[i], given[i + 1]) end
redis.call('SET', KEYS[4], given[1])
redis.call('SET', KEYS[5], given[2])
"""
PROMISES: Final = "redis.call('SET', KEYS[3], given[1])"
DELETE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for i = 3, #ARGV do redis.call('UNLINK', ARGV[i]) end
return 1
"""
RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
