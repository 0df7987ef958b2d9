/**
 * Counts the calls of a prepared statement by reading the wire. A connection sends the text of the
 * statement once, with a name, and afterwards only the name.
 */
export class StatementCount {
  calls = 0;
  readonly #names = new Set<string>();

  /** @param sql matches the text of the statement and of no other */
  constructor(readonly sql: RegExp) {}

  /** Must be given every request of every connection, from the first one on. */
  readonly look = (text: string): void => {
    const [, name, sql] = PARSE.exec(text) ?? [];
    if (name !== undefined && this.sql.test(sql!)) this.#names.add(name);
    for (const [, name] of text.matchAll(BIND)) {
      if (this.#names.has(name!)) this.calls++;
    }
  };
}

/** Each message: a letter, four bytes of length, then zero-terminated names. */
const PARSE = /P[^]{4}(\w+)\0([^\0]+)\0/;
const BIND = /B[^]{4}\0(\w+)\0/g;
