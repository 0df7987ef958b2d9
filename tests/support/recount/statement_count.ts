/**
 * Counts how often a prepared statement is called, from what goes over the wire: its text is sent
 * once a connection, with a name, and then only the name.
 */
export class StatementCount {
  calls = 0;
  readonly #names = new Set<string>();

  /** `sql` fits the statement's text and that of no other. */
  constructor(readonly sql: RegExp) {}

  /** To be given every request of every connection, from the first one on. */
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
