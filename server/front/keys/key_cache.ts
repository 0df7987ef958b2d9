/**
 * The API keys that an instance knows, and the database's answers about texts that are none.
 *
 * A key in use is read again in the background, long before its entry is too old. While the database
 * is up no entry older than `FRESH_MS` is used, so a revoked key stops within that time. An older entry
 * is used only when the database fails or is silent, never because much is going on.
 *
 * A key is asked for by its text, or by its id alone, as the tokens that it signs name it. There is
 * one entry for each id. So a revocation that is learned by one of the two ends both.
 *
 * Tested in tests/server/front/keys/auth_test.ts.
 */
import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { refuse } from "../../../client/contract/refusal.ts";
import { Refused } from "../../../client/contract/refused.ts";
import { classify } from "../../../sql/connection/failure.ts";
import { type KeyInForce, textOfId } from "../../../sql/api_keys.ts";
import { isOutage } from "../../orders/outage.ts";
import type { Principal } from "../../router/context.ts";
import { type KeyAnswer, type KeyRead, KeyReads, type KeyReadsOptions } from "./key_reads.ts";

/** Reads the database; null for each text without a key in force. */
export type FindKeys = KeyReadsOptions["findKeys"];

/** The end of a look-up. */
type LookUpOutcome = "found" | "wrong" | "failed" | "shed";

export interface KeyCacheOptions {
  /** For keys that the instance knows. */
  readonly findKnown: FindKeys;
  /** For texts that it does not know. It must not share a connection with `findKnown`. */
  readonly findUnknown: FindKeys;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** Called with the ends of look-ups, for those who count them. */
  readonly onLookUp: (outcome: LookUpOutcome, texts: number) => void;
}

/** A key in force, as calls need it. */
export interface KnownKey {
  readonly principal: Principal;
  /** The public key of its browser tokens; null: it can have none. */
  readonly tokenKey: Uint8Array<ArrayBuffer> | null;
}

/** An entry may be used for this long. */
const FRESH_MS = 10_000;
/** From this age on the key is read again in the background when it is used. */
const AGING_MS = FRESH_MS / 2;
const MAX_ENTRIES = 10_000;
/** Each key is asked for by its text and by its id. */
const MAX_TEXTS = 2 * MAX_ENTRIES;
const MAX_GUESSES = 1_000;
/** Unknown texts that wait: no more than two statements' worth, so that none waits long. */
const MAX_WAITING = 1_000;

const CANNOT_CHECK = refuse(
  "unavailable",
  "the API key cannot be checked while the database is away",
  1_000,
);

const TOO_MANY = refuse(
  "unavailable",
  "the API key cannot be checked: too many unknown keys are being looked up",
  1_000,
);

interface Entry {
  readonly key: KnownKey;
  /** The moment from which the entry speaks. */
  readonly askedAt: number;
}

export class KeyCache {
  /** Entries, by the id of the key. */
  readonly #keys = new LRUCache<string, Entry>({ max: MAX_ENTRIES });
  /** The ids of the keys whose texts were right, by text. A right text never becomes a wrong one. */
  readonly #ids = new LRUCache<string, string>({ max: MAX_TEXTS });
  /** Wrong texts, by hash, and when each was read: trying one again costs no read. */
  readonly #guesses = new LRUCache<string, number>({ max: MAX_GUESSES });
  /**
   * The moments of which the instance knows that a key was revoked, by its id. No guess pushes one
   * out. An answer of a moment before does not bring the key back.
   */
  readonly #revoked = new LRUCache<string, number>({ max: MAX_GUESSES });
  readonly #known: KeyReads;
  readonly #unknown: KeyReads;

  constructor(readonly options: KeyCacheOptions) {
    const { findKnown, findUnknown, onLookUp, now } = options;
    const reads = {
      onAnswer: (text: string, answer: KeyAnswer) => this.#remember(text, answer),
      onFailure: (texts: number) => onLookUp("failed", texts),
      now,
    };
    this.#known = new KeyReads({ findKeys: findKnown, maxWaiting: MAX_TEXTS, ...reads });
    this.#unknown = new KeyReads({ findKeys: findUnknown, maxWaiting: MAX_WAITING, ...reads });
  }

  /**
   * The key of a text, or of one of `textOfId`; null when there is no such key.
   * @throws Refused unavailable, when the database cannot tell
   */
  async find(text: string): Promise<KnownKey | null> {
    const entry = this.#entryOf(text);
    if (entry === undefined) return await this.#findUnknown(text);
    const ageMs = this.options.now() - entry.askedAt;
    if (ageMs < AGING_MS) return entry.key;
    const read = this.#known.read(text);
    if (ageMs < FRESH_MS) return entry.key;
    return await this.#refreshed(text, read);
  }

  /** True when the instance knew this text as a key, and it is revoked. */
  isFormer(text: string): boolean {
    const keyId = this.#ids.get(text);
    return keyId !== undefined && this.#revoked.has(keyId);
  }

  #entryOf(text: string): Entry | undefined {
    const keyId = this.#ids.get(text);
    return keyId === undefined ? undefined : this.#keys.get(keyId);
  }

  async #findUnknown(text: string): Promise<KnownKey | null> {
    const readAt = this.#guesses.get(hashOf(text));
    if (readAt !== undefined && this.options.now() - readAt < FRESH_MS) return null;
    const read = this.#unknown.read(text);
    if (read === null) return this.#shed();
    try {
      await read.answer;
    } catch (error) {
      throw cannotCheck(error);
    }
    return this.#entryOf(text)?.key ?? null;
  }

  /** The key of a text whose entry is too old by itself. */
  async #refreshed(text: string, read: KeyRead | null): Promise<KnownKey | null> {
    if (read === null) return this.#shed();
    try {
      await read.soon;
    } catch (error) {
      if (!isOutage(error) || classify(error).kind !== "infrastructure") throw cannotCheck(error);
    }
    // Another read of the same key may have been answered meanwhile.
    return this.#entryOf(text)?.key ?? null;
  }

  #shed(): never {
    this.options.onLookUp("shed", 1);
    throw new Refused(TOO_MANY);
  }

  #remember(text: string, { key, askedAt }: KeyAnswer): void {
    this.options.onLookUp(key === null ? "wrong" : "found", 1);
    if (key === null) {
      this.#guesses.set(hashOf(text), askedAt);
      const keyId = this.#ids.get(text);
      if (keyId !== undefined) this.#revoke(keyId, askedAt);
      return;
    }
    this.#guesses.delete(hashOf(text));
    this.#keep(text, key, askedAt);
  }

  /** A text that was right is wrong: its key is revoked, by whatever text it is asked for. */
  #revoke(keyId: string, askedAt: number): void {
    const entry = this.#keys.get(keyId);
    if (entry !== undefined && entry.askedAt > askedAt) return;
    this.#keys.delete(keyId);
    this.#revoked.set(keyId, askedAt);
  }

  /** Reads by text and by id are answered in any order: the later one speaks. */
  #keep(text: string, key: KeyInForce, askedAt: number): void {
    const { keyId } = key;
    this.#ids.set(text, keyId);
    this.#ids.set(textOfId(keyId), keyId);
    if (askedAt <= (this.#revoked.get(keyId) ?? -Infinity)) return;
    if (askedAt < (this.#keys.get(keyId)?.askedAt ?? -Infinity)) return;
    this.#revoked.delete(keyId);
    this.#keys.set(keyId, { key: knownKeyOf(key), askedAt });
  }
}

/** The refusal of a call whose key could not be looked up. A bug stays what it is. */
function cannotCheck(error: unknown): unknown {
  return isOutage(error) ? new Refused(CANNOT_CHECK) : error;
}

function knownKeyOf(key: KeyInForce): KnownKey {
  return { principal: callerOf(key), tokenKey: key.tokenKey };
}

function callerOf({ keyId, label, scopes, storeIds, currencies }: KeyInForce): Principal {
  return {
    keyId,
    name: label,
    scopes: new Set(scopes),
    storeIds: storeIds && new Set(storeIds),
    currencies: currencies && new Set(currencies),
    token: null,
  };
}

/** The hash of a text, which is kept in its place: shorter, and no secret. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
