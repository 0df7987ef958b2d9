/**
 * What Redis does with the overflow, each step one script, so that a stream entry and its record are
 * written together and removed together.
 *
 * Keys: `stream` holds the orders in the order of their arrival; `records` maps an order's id to its
 * content hash, its time and its entry, so that the same key gets the same answer; `bytes` counts
 * what the stream weighs.
 *
 * At its `maxmemory` Redis refuses a script's first write when it is one that may take memory, and
 * none after it: a refusal leaves nothing written. PERSIST, which takes none and here changes
 * nothing, is the first write of those that must succeed even then.
 */

/** Names of the keys of one deployment; the braces keep them on one node of a Redis cluster. */
export function overflowKeys(prefix: string) {
  const at = `{${prefix}:spill}`;
  return { stream: `${at}:stream`, records: `${at}:records`, bytes: `${at}:bytes` };
}

/** The consumer group of all instances' drainers. */
export const DRAINERS = "drainers";

/** The layout of an entry; an entry of another one is left alone. */
export const ENTRY_FORMAT = "1";

/**
 * KEYS: stream, records, bytes. ARGV: max orders, max bytes, format, then for each order its id, its
 * content hash and its text. Returns for each order `full`, or `<new?> <ms> <content hash>`. At the
 * memory limit every order that is not there yet finds it full.
 *
 * It always writes something, since what a replica confirms goes as far as this connection's latest
 * write: a record found here may be the write of another, which nobody has confirmed.
 */
export const WRITE = `
  local answers = {}
  local touched = redis.pcall('INCRBY', KEYS[3], 0)
  local isOut = type(touched) == 'table'
  if isOut then -- of memory; what else may be wrong stops the script here
    redis.call('PERSIST', KEYS[3])
    redis.call('INCRBY', KEYS[3], 0)
  end
  for i = 4, #ARGV, 3 do
    local id, hash, text = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local record = redis.call('HGET', KEYS[2], id)
    if record then
      local ms, known = string.match(record, '^(%d+)%-%d+ (%x+)')
      answers[#answers + 1] = '0 ' .. ms .. ' ' .. known
    elseif isOut or redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1])
        or tonumber(redis.call('GET', KEYS[3]) or '0') + #text > tonumber(ARGV[2]) then
      answers[#answers + 1] = 'full'
    else
      local entry = redis.call('XADD', KEYS[1], '*', 'format', ARGV[3], 'order', text)
      redis.call('HSET', KEYS[2], id, entry .. ' ' .. hash)
      redis.call('INCRBY', KEYS[3], #text)
      answers[#answers + 1] = '1 ' .. string.match(entry, '^%d+') .. ' ' .. hash
    end
  end
  return answers`;

/** KEYS: bytes. A write that changes nothing, for a replica to confirm. */
export const TOUCH = `
  redis.call('PERSIST', KEYS[1])
  return redis.call('INCRBY', KEYS[1], 0)`;

/** KEYS: stream. ARGV: group. Makes the group, which sees everything, unless it is there. */
export const JOIN = `
  redis.call('PERSIST', KEYS[1])
  local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
  if made.err and not string.find(made.err, 'BUSYGROUP ', 1, true) then return made end
  return 'OK'`;

/**
 * KEYS: stream, records, bytes. ARGV: group, then for each order its entry, its id and the bytes of
 * its text. Removes what is still there; done twice, the second time does nothing.
 */
export const REMOVE = `
  local removed = 0
  for i = 2, #ARGV, 3 do
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
      removed = removed + 1
      redis.call('DECRBY', KEYS[3], ARGV[i + 2])
      local record = redis.call('HGET', KEYS[2], ARGV[i + 1])
      if record and string.match(record, '^%S+') == ARGV[i] then
        redis.call('HDEL', KEYS[2], ARGV[i + 1])
      end
    end
  end
  return removed`;
