/**
 * Answers as plain values, and as the bytes of HTTP where there is nothing but a socket.
 *
 * Tested in tests/server/front/malformed_test.ts and door_test.ts.
 */

/** An answer as plain values. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** A plain answer as a `Response`. */
export function asResponse({ status, headers, body }: PlainAnswer): Response {
  return new Response(body, { status, headers });
}

/** The bytes of an answer in plain text, after which the connection ends. */
export function plain(status: string, text: string): string {
  return asBytes(status, { "content-type": "text/plain;charset=UTF-8" }, `${text}\n`);
}

/** The bytes of an answer, after which the connection ends. @param status as `404 Not Found` */
export function asBytes(
  status: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): string {
  const bytes = new TextEncoder().encode(body).length;
  const lines = Object.entries({ ...headers, "content-length": bytes, connection: "close" })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join("")}\r\n${body}`;
}
