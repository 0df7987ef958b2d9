/**
 * The thread of `guesses.ts`: connections that send new wrong keys one after the other.
 * It writes HTTP by hand, so that it costs the machine less than the service that it calls.
 */
import { Random } from "../random.ts";

/** The message to the thread. */
export interface GuessTask {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly seed: number;
}

/** A message from the thread, some times a second: answers so far, by reason. */
export type GuessNews = Readonly<Record<string, number>>;

const NEWS_MS = 100;
/** The pause after a connection was refused or lost. */
const LOST_PAUSE_MS = 100;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const answers: Record<string, number> = {};

self.onmessage = ({ data }: MessageEvent<GuessTask>) => {
  const random = new Random(data.seed);
  setInterval(() => self.postMessage({ ...answers }), NEWS_MS);
  for (let index = 0; index < data.connections; index++) void guess(data, random);
};

/** Guesses on one connection after the other. Never ends by itself. */
async function guess(task: GuessTask, random: Random): Promise<never> {
  for (;;) {
    await guessUntilLost(task, random).catch(() => count("lost"));
    await new Promise((resolve) => setTimeout(resolve, LOST_PAUSE_MS));
  }
}

async function guessUntilLost({ host, port }: GuessTask, random: Random): Promise<void> {
  using connection = await Deno.connect({ hostname: host, port });
  const buffer = new Uint8Array(4_096);
  for (;;) {
    await connection.write(encoder.encode(
      `GET /trpc/whoami HTTP/1.1\r\nhost: ${host}:${port}\r\n` +
        `authorization: Bearer ${aGuess(random)}\r\n\r\n`,
    ));
    for (let text = "";;) {
      const bytes = await connection.read(buffer);
      if (bytes === null) return count("closed");
      text += decoder.decode(buffer.subarray(0, bytes));
      // The rest of an answer, after its reason, is read with the next answer.
      const [, reason] = /"reason":"(\w+)"/.exec(text) ?? [];
      if (reason === undefined) continue;
      count(reason);
      break;
    }
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A well-formed token that no key has. */
function aGuess(random: Random): string {
  const text = (length: number, alphabet: string) =>
    Array.from({ length }, () => alphabet[Math.floor(random.next() * alphabet.length)]).join("");
  return `weir_${text(16, "0123456789abcdef")}_${text(43, ALPHABET)}`;
}

function count(reason: string): void {
  answers[reason] = (answers[reason] ?? 0) + 1;
}
