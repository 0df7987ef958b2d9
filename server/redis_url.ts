/**
 * The check of REDIS_URL. The driver, ioredis, takes any parameter of the URL as an option of its own,
 * also one that Weir rests upon, so parameters are refused.
 *
 * Tested in tests/server/config_test.ts.
 */
import { WrongConnectionString } from "../sql/connection/url/grammar.ts";

/** Strings that people copy from elsewhere, and the way to mend each. */
const COPIES: readonly (readonly [RegExp, string])[] = [
  [/^(["']).*\1$/s, "it stands in quotes: take them away"],
  [/^redis-cli\s/, "it is a command: keep the URL alone"],
  [/^https?:/i, "it is an address for REST: use the one that begins with redis:// or rediss://"],
  [/sentinel/i, "Weir does not ask sentinels: give the address of the master, or of a proxy"],
];

/** @throws WrongConnectionString, whose message shows no part of the URL */
export function checkRedisUrl(text: string): void {
  const wrong = (message: string): never => {
    throw new WrongConnectionString(message);
  };
  const [scheme = ""] = /^[\w+.-]*:\/\//.exec(text) ?? [];
  for (const [pattern, advice] of COPIES) {
    if (pattern.test(pattern.source === "sentinel" ? scheme : text)) wrong(advice);
  }
  if (!/^rediss?:\/\//i.test(text)) wrong("it must begin with redis:// or rediss://");
  const [, login = "", address = ""] = /^(?:(.*)@)?([^@]*)$/s.exec(text.slice(scheme.length)) ?? [];
  if (/[@/?#]/.test(login)) {
    wrong("the password holds one of @ / ? #: write it as %40, %2F, %3F or %23");
  }
  if (/%(?![0-9a-f]{2})/i.test(login)) {
    wrong("the password holds a % that begins no code: write it as %25");
  }
  if (/^[^/?]*,/.test(address)) wrong("it names several hosts, and Weir takes one");
  if (!URL.canParse(text)) wrong("its host or its port cannot be read");
  const { hostname, pathname, search, hash } = new URL(text);
  if (hostname === "") wrong("it names no host");
  if (hash !== "") wrong("it holds a #: write it as %23");
  if (search !== "") wrong("it has parameters after a ?, and Weir takes none");
  if (!/^\/?\d*$/.test(pathname)) {
    wrong("after the host stands the number of a database, such as /0");
  }
}
