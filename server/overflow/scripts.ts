/**
 * The scripts of the overflow. Each step is one script, so that a stream entry and its record are
 * written together and removed together.
 *
 * Keys: `stream` holds the orders in the order of their arrival; `records` maps an order's id to its
 * content hash, its time and its entry, so that the same key gets the same answer; `bytes` counts
 * the bytes of all orders in the stream.
 *
 * At `maxmemory` Redis checks only a script's first write command, so a refused script has written
 * nothing. Scripts that must run even then begin with PERSIST, which needs no memory and changes
 * nothing here.
 *
 * Tested in tests/server/overflow/redis_overflow_test.ts and tests/system/overflow/redis_full_test.ts.
 */

/**
 * Names of the keys of one deployment. They begin with the prefix, so that a Redis user can be
 * limited to it. The braces keep them on one node of a Redis cluster.
 */
export function overflowKeys(prefix: string) {
  return keysAt(`${prefix}:{spill}`);
}

/** Names of the same keys in versions that began them with a brace. Orders may wait there. */
export function earlierKeys(prefix: string) {
  return keysAt(`{${prefix}:spill}`);
}

function keysAt(place: string) {
  return { stream: `${place}:stream`, records: `${place}:records`, bytes: `${place}:bytes` };
}

/** The consumer group of all instances' drainers. */
export const DRAINERS = "drainers";

/** The format of an entry; entries of another format are left alone. */
export const ENTRY_FORMAT = "1";

/**
 * KEYS: stream, records, bytes. ARGV: max orders, max bytes, format, then for each order its id, its
 * content hash and its text. Returns for each order `full`, or `<new?> <ms> <content hash>`. At the
 * memory limit an order gets `full` unless it is in the overflow already. An order gets `full` too
 * where its record is not one of ours, so that one strange record refuses no other order.
 *
 * The script always writes something, so that a replica has a write to confirm. A record found here
 * may come from another connection, and no replica may have confirmed it. A replica that confirms
 * the later write of this connection has that record too.
 */
export const WRITE = `
  local answers = {}
  local touched = redis.pcall('INCRBY', KEYS[3], 0)
  local isOut = type(touched) == 'table'
  if isOut then -- out of memory; any other error stops the script here
    redis.call('PERSIST', KEYS[3])
    redis.call('INCRBY', KEYS[3], 0)
  end
  for i = 4, #ARGV, 3 do
    local id, hash, text = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local record = redis.call('HGET', KEYS[2], id)
    if record then
      local ms, known = string.match(record, '^(%d+)%-%d+ (%x+)')
      answers[#answers + 1] = ms and ('0 ' .. ms .. ' ' .. known) or 'full'
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

/** KEYS: stream. ARGV: group. Makes the group unless it exists. The group sees all entries. */
export const JOIN = `
  redis.call('PERSIST', KEYS[1])
  local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
  if made.err and not string.find(made.err, 'BUSYGROUP ', 1, true) then return made end
  return 'OK'`;

/**
 * KEYS: stream, records, bytes. ARGV: group, then for each order its entry, its id and the bytes of
 * its text. Removes the entries that are still there; a second time it does nothing.
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
