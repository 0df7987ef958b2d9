/**
 * The head of a request that is as simple as nearly all calls are. It is read by the strictest rules,
 * so that what it takes has one meaning only; all other heads are for the HTTP parser of node:http.
 *
 * Tested in tests/server/front/lane/request_head_test.ts.
 */

/** The head of a simple request. A header that is missing is undefined. */
export interface RequestHead {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly host: string;
  readonly authorization: string | undefined;
  readonly contentType: string | undefined;
  readonly accept: string | undefined;
  /** 0 where the request has no body. */
  readonly bodyBytes: number;
}

const FIRST_LINE = /^(GET|POST) (\/[!-~]*) HTTP\/1\.1$/;
const NAME = /^[a-z0-9-]+$/;
/** Printable ASCII, and no space around it but one before it. */
const VALUE = /^[!-~](?:[ -~]*[!-~])?$/;
const LENGTH = /^(?:0|[1-9]\d{0,5})$/;

/** Headers that make a request something else than a simple call. */
const OTHER_KINDS: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "expect",
  "http2-settings",
  "keep-alive",
  "origin",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "trpc-accept",
  "upgrade",
]);

/** @param text the head, without the empty line after it. @returns null: it is not simple */
export function readHead(text: string): RequestHead | null {
  const lines = text.split("\r\n");
  const first = FIRST_LINE.exec(lines[0]!);
  if (first === null) return null;
  let host: string | undefined;
  let authorization: string | undefined;
  let contentType: string | undefined;
  let contentLength: string | undefined;
  let accept: string | undefined;
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index]!;
    const colon = line.indexOf(":");
    if (colon < 1) return null;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1);
    if (!NAME.test(name) || !VALUE.test(value)) return null;
    switch (name) {
      case "host":
        if (host !== undefined) return null;
        host = value;
        break;
      case "authorization":
        if (authorization !== undefined) return null;
        authorization = value;
        break;
      case "content-type":
        if (contentType !== undefined) return null;
        contentType = value;
        break;
      case "content-length":
        if (contentLength !== undefined || !LENGTH.test(value)) return null;
        contentLength = value;
        break;
      case "accept":
        if (accept !== undefined) return null;
        accept = value;
        break;
      case "connection":
        if (value.toLowerCase() !== "keep-alive") return null;
        break;
      default:
        if (OTHER_KINDS.has(name)) return null;
    }
  }
  const method = first[1] as RequestHead["method"];
  if (host === undefined || (method === "POST") !== (contentLength !== undefined)) return null;
  const bodyBytes = Number(contentLength ?? 0);
  return { method, url: first[2]!, host, authorization, contentType, accept, bodyBytes };
}

const SPACE = 32;
