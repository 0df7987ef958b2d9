/**
 * The grammar of a connection string, as libpq reads it: a URI or `keyword=value` pairs. Both say the
 * same, so both become one map of libpq's keywords.
 *
 * An error says where the string is wrong and how to write it, and never shows a part of it: any part
 * may be half of a password.
 *
 * Tested in tests/sql/connection/url_test.ts.
 */

/** A connection string that cannot be used. The message is one line without secrets. */
export class WrongConnectionString extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WrongConnectionString";
  }
}

const URI = /^postgres(?:ql)?:\/\//i;
const PAIRS = /^\w+\s*=/;

/** Strings that people copy from elsewhere, and the way to mend each. */
const COPIES: readonly (readonly [RegExp, string])[] = [
  [/^(["']).*\1$/s, "it stands in quotes: take them away"],
  [/^psql\s/, "it is a command: keep the URL, and take `psql` and the quotes away"],
  [/^jdbc:/i, "it is of JDBC: write postgres://user:password@host:5432/database"],
  [/^postgres(ql)?\+\w+:\/\//i, "it names a driver of another language: begin with postgresql://"],
  [/^prisma(\+postgres)?:\/\//i, "it is of Prisma's own proxy: use the direct URL of the database"],
  [
    /^(server|data source|host|user id)=[^;]*;/i,
    "it is of .NET: write postgres://user:password@host:5432/database",
  ],
  [
    /\[YOUR[-_ ]|\{your[-_ ]|<(your[-_ ]|password>|db_password>)|\[PASSWORD\]/i,
    "it holds a placeholder of its provider, such as [YOUR-PASSWORD]: write your own in its place",
  ],
];

/** The keywords of libpq that the string gives, such as `host`. @throws WrongConnectionString */
export function keywordsOf(text: string): Map<string, string> {
  const string = text.trim();
  for (const [pattern, advice] of COPIES) {
    if (pattern.test(string)) throw new WrongConnectionString(advice);
  }
  if (URI.test(string)) return fromUri(string.replace(URI, ""));
  if (PAIRS.test(string)) return fromPairs(string);
  throw new WrongConnectionString("it must begin with postgres:// or postgresql://");
}

function fromUri(string: string): Map<string, string> {
  const [, login, address = ""] = /^([^@/]*)@(.*)$/s.exec(string) ?? [null, undefined, string];
  const [, hosts = "", path = "", query = ""] = /^([^/?]*)(\/[^?]*)?(?:\?(.*))?$/s.exec(address) ??
    [];
  const words = new Map<string, string>();
  if (login !== undefined) addLogin(words, login);
  if (hosts.includes("@")) {
    throw new WrongConnectionString("the user or the password holds an @: write it as %40");
  }
  if (login === undefined && /^[^?]*@/.test(path)) {
    throw new WrongConnectionString("the password holds a /: write it as %2F");
  }
  addHosts(words, hosts);
  if (path.length > 1) words.set("dbname", decoded(path.slice(1), "the name of the database"));
  for (const pair of query === "" ? [] : query.split("&")) addParameter(words, pair);
  return words;
}

function addLogin(words: Map<string, string>, login: string): void {
  const [, user = "", password] = /^([^:]*)(?::(.*))?$/s.exec(login) ?? [];
  if (user !== "") words.set("user", decoded(user, "the user"));
  if (password) words.set("password", decoded(password, "the password"));
}

/** Splits `h1:5432,[::1]:5433` into libpq's lists `host` and `port`. */
function addHosts(words: Map<string, string>, list: string): void {
  if (list === "") return;
  const pairs = list.split(",").map((one) => /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(one));
  const names = pairs.map((pair) => {
    if (pair === null) {
      const advice = "one of its hosts cannot be read: an IPv6 address stands in [ and ]";
      throw new WrongConnectionString(advice);
    }
    return decoded((pair[1] ?? "").replace(/^\[|\]$/g, ""), "the host");
  });
  words.set("host", names.join(","));
  if (pairs.some((pair) => pair?.[2])) {
    words.set("port", pairs.map((pair) => pair?.[2] ?? "").join(","));
  }
}

function addParameter(words: Map<string, string>, pair: string): void {
  const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(pair) ?? [];
  if (name === "" && value === undefined) return; // && and a ? without anything
  const known = decoded(name, "the name of a parameter");
  if (!/^\w+$/.test(known)) {
    throw new WrongConnectionString(
      "after a ? stands no parameter: if the ? belongs to the password, write it as %3F",
    );
  }
  if (value === undefined) throw new WrongConnectionString(`the parameter ${known} has no value`);
  words.set(known, decoded(value, `the value of ${known}`));
}

function decoded(text: string, where: string): string {
  if (/%(?![0-9a-f]{2})/i.test(text)) {
    throw new WrongConnectionString(`${where} holds a % that begins no code: write it as %25`);
  }
  try {
    const plain = decodeURIComponent(text);
    if (!plain.includes("\0")) return plain;
  } catch {
    // The codes are no UTF-8.
  }
  throw new WrongConnectionString(`${where} holds codes that are no text in UTF-8`);
}

/** Reads `host=db1 password='it''s'`; a backslash keeps the character after it. */
function fromPairs(string: string): Map<string, string> {
  const words = new Map<string, string>();
  const pair = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'(?=\s|$)|((?:[^\s'\\]|\\.)*)(?=\s|$))\s*/gsy;
  while (pair.lastIndex < string.length) {
    const at = pair.lastIndex;
    const [, name, quoted, plain] = pair.exec(string) ?? [];
    if (name === undefined) {
      throw new WrongConnectionString(
        `its part ${
          words.size + 1
        } is not name=value: quote a value with spaces or quotes, as in ` +
          String.raw`password='it\'s'`,
      );
    }
    if (pair.lastIndex === at) break;
    words.set(name, (quoted ?? plain ?? "").replace(/\\(.)/gs, "$1"));
  }
  return words;
}
