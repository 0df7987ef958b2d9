/**
 * The parameter `options` of a connection string: settings of the session as the server's command
 * line takes them (`-c name=value`), and words of providers for their proxies.
 *
 * Tested in tests/sql/connection/url_test.ts.
 */
import { WrongConnectionString } from "./grammar.ts";
import { SETTINGS } from "../settings.ts";
import type { DroppedParameter } from "./parameters.ts";

/** Weir sets these on each session. */
const OWN_SETTINGS: ReadonlySet<string> = new Set(
  ["application_name", ...Object.keys(SETTINGS)].map((name) => name.toLowerCase()),
);

/** The proxy of a provider finds its project by these. */
const FOR_PROXIES = /^(endpoint|project|reference)=/;

export interface StartupOptions {
  readonly settings: Readonly<Record<string, string>>;
  /** Words for a provider's proxy, which travel in the start-up message. */
  readonly startup: Readonly<Record<string, string>>;
  readonly dropped: readonly DroppedParameter[];
}

/** @throws WrongConnectionString */
export function readOptions(text: string): StartupOptions {
  const settings: Record<string, string> = {};
  const startup: string[] = [];
  const dropped: DroppedParameter[] = [];
  // A backslash keeps a space inside its word.
  const words = [...text.matchAll(/(?:\\.|[^\s\\])+/gs)].map(([word]) =>
    word.replace(/\\(.)/gs, "$1")
  );
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (FOR_PROXIES.test(word)) {
      startup.push(word);
      continue;
    }
    const setting = word === "-c" ? words[++at] ?? "" : word.replace(/^(-c|--)/, "");
    const [, name = "", value] = /^([\w.-]+)=(.*)$/s.exec(setting) ?? [];
    if (!word.startsWith("-") || value === undefined) {
      throw new WrongConnectionString("options: write each setting as -c name=value");
    }
    const known = name.toLowerCase().replaceAll("-", "_");
    if (!OWN_SETTINGS.has(known)) settings[known] = value;
    else {
      const why = "Weir sets it itself, on every session";
      dropped.push({ name: `options: ${known}`, why, weakens: false });
    }
  }
  return {
    settings,
    startup: startup.length === 0 ? {} : { options: startup.join(" ") },
    dropped,
  };
}
