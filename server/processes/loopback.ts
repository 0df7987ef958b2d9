/**
 * Calls between the processes of a service, on loopback. They do not use `fetch`, which would send them
 * to a proxy that the environment names.
 *
 * Tested in tests/system/process/processes_test.ts.
 */
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";

/**
 * Calls an address. @param body sent as JSON by POST; null: a GET
 * @returns the answer, whose body has not been read
 * @throws when nobody answers, or with anything but 200
 */
export function call(url: string, body: object | null): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method: body === null ? "GET" : "POST", agent: false });
    asking.once("error", reject);
    asking.once("response", (answer: IncomingMessage) => {
      answer.on("error", () => undefined); // `close` follows
      if (answer.statusCode === 200) return resolve(answer);
      answer.resume();
      reject(new Error(`${new URL(url).host} answers ${answer.statusCode}`));
    });
    asking.end(body === null ? undefined : JSON.stringify(body));
  });
}

/** The text at an address. @throws as `call` does */
export async function textAt(url: string): Promise<string> {
  return await text(await call(url, null));
}
