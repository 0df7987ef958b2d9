/**
 * The body of a large answer over HTTP, sent in slices. Each slice is sent when the connection has
 * taken the slice before. So the process knows when the client has read the answer: until then it
 * counts in the budget (answer_budget.ts). A client that reads nothing for 30 s (slow_clients.ts) is
 * cut off.
 *
 * Tested in tests/server/front/answer_body_test.ts.
 */
import type { RequestAnswers } from "./answer_budget.ts";
import type { SlowClients, WatchedClient } from "./slow_clients.ts";

/** `Deno.serve` takes this much without asking whether the client has read the bytes before. */
const SLICE_BYTES = 65_536;

const NOT_READ = "a client that takes nothing of its answer is cut off";

/** The response, whose answers count until it is read. A small answer is sent as it is. */
export function carryAnswer(
  response: Response,
  answers: RequestAnswers,
  slowClients: SlowClients,
): Response {
  const { body, status, headers } = response;
  const isStreamed = headers.get("transfer-encoding") === "chunked"; // calls go on meanwhile
  if (body === null || (answers.bytes <= SLICE_BYTES && !isStreamed)) {
    answers.close();
    return response;
  }
  return new Response(new AnswerBody(body, answers, slowClients).stream, { status, headers });
}

class AnswerBody implements WatchedClient {
  takenBytes = 0;
  readonly stream: ReadableStream<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #unread: Uint8Array = new Uint8Array();
  #isOver = false;
  #fail: (error: string) => void = () => undefined;

  constructor(
    body: ReadableStream<Uint8Array>,
    readonly answers: RequestAnswers,
    readonly slowClients: SlowClients,
  ) {
    this.#reader = body.getReader();
    slowClients.add(this);
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#fail = (error) => controller.error(error);
      },
      pull: (controller) => this.#send(controller),
      cancel: (reason) => this.#end(reason),
    }, { highWaterMark: 0 });
  }

  get unreadBytes(): number {
    return this.#unread.length;
  }

  giveUp(): void {
    this.#fail(NOT_READ);
    this.#end(NOT_READ);
  }

  async #send(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#unread.length === 0) {
      const { done, value } = await this.#reader.read();
      if (this.#isOver) return;
      if (done) {
        controller.close();
        return this.#end("it is sent");
      }
      this.#unread = value;
    }
    const slice = this.#unread.subarray(0, SLICE_BYTES);
    this.#unread = this.#unread.subarray(slice.length);
    this.takenBytes += slice.length;
    controller.enqueue(slice);
  }

  #end(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unread = new Uint8Array();
    this.slowClients.delete(this);
    this.answers.close();
    this.#reader.cancel(reason).catch(() => undefined); // how the source ends does not matter
  }
}
